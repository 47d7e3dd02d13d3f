"""The OAuth endpoints: RFC 6749, 7009, 7662, 7517 and 8414."""

import asyncio
from dataclasses import replace
from functools import lru_cache

from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import Response

from chassis import positions
from chassis.telemetry import correlation_id
from chassis.web import NO_STORE, Form, Hot, Json, oauth_form
from eventlog.errors import Refusal
from eventlog.log import By
from services.token.adapters.refresh_secrets import PREFIX
from services.token.api import answers
from services.token.api.client_auth import client_of
from services.token.api.grants import GRANTS, Asking, Grant, asks
from services.token.api.grpc import Revoking
from services.token.api.metadata import metadata
from services.token.api.offered import proofs
from services.token.api.proof import binding_of, proof_of
from services.token.commands.awaited import Awaited
from services.token.commands.clients import ProofMoved
from services.token.commands.issue import Answered
from services.token.commands.revoke import revoke_family, revoke_token
from services.token.domain import SECOND
from services.token.domain.client import Client
from services.token.domain.errors import Reused, UnauthorizedClient, UnsupportedGrantType
from services.token.domain.family import FAMILY
from services.token.domain.keyring import JWKS_LIFE
from services.token.ports import Token
from services.token.queries import Asker, OwnKeys, genuine, introspect, known, whose
from watchword.verifier import Verifier

GRANTED = Counter("watchword_token_requests", "Requests for tokens", ["grant_type", "outcome"])
_granted = lru_cache(maxsize=256)(GRANTED.labels)


class OAuth:
    """The handlers. Each decodes, calls and encodes."""

    def __init__(
        self,
        token: Token,
        verifier: Verifier,
        keys: OwnKeys,
        revoking: Revoking,
        identity_url: str,
        registers: bool = False,
    ) -> None:
        self._token = token
        self._verifier = verifier
        self._keys = keys
        self._revoking = revoking
        self._identity_url = identity_url
        self._registers = registers

    def endpoints(self) -> list[Hot]:
        """Served before FastAPI, and documented by it."""
        return [
            Hot("POST", "/oauth2/token", self.token, answers.TOKEN, answers.Tokens),
            Hot("POST", "/oauth2/introspect", self.introspect, answers.INTROSPECT, answers.Introspection),
            Hot("POST", "/oauth2/revoke", self.revoke, answers.REVOKE),
            Hot("GET", "/.well-known/jwks.json", self.jwks, answers.JWKS, answers.KeySet),
            Hot("GET", "/.well-known/openid-configuration", self.metadata, answers.METADATA, answers.Metadata),
            Hot("GET", "/.well-known/oauth-authorization-server", self.metadata, answers.METADATA, answers.Metadata),
        ]

    async def token(self, request: Request) -> Response:
        awaited = Awaited(asyncio.get_running_loop().time(), request.is_disconnected)
        form = await oauth_form(request)
        grant_type = form.require("grant_type")
        grant = GRANTS.get(grant_type)
        if grant is None:
            raise UnsupportedGrantType
        try:
            answered = await self._give(grant, request, form, awaited)
        except Refusal as refusal:
            _granted(grant_type, refusal.code).inc()
            if isinstance(refusal, Reused):
                await self._revoking.applied(refusal.position)
            raise
        _granted(grant_type, "issued").inc()
        positions.note("token", answered.position)
        return Json(answered.answer, headers=NO_STORE)

    async def _give(self, grant: Grant, request: Request, form: Form, awaited: Awaited) -> Answered:
        """What a client is given once it has proved itself; anew where that has changed since, at most once more."""
        proof = await proof_of(self._token, request)
        client = await asks(self._token, request, form)
        binding = await binding_of(self._token, request, client, proof)
        asking = Asking(self._token, self._verifier, client, form, _by(client), binding, awaited)
        try:
            return await grant(asking)
        except ProofMoved:
            return await grant(replace(asking, client=await asks(self._token, request, form)))

    async def introspect(self, request: Request) -> Response:
        form = await oauth_form(request)
        client = await client_of(self._token, request, form)
        if not client.confidential:
            raise UnauthorizedClient("introspection is for clients that can keep a secret")
        asker = Asker(client.id, frozenset(client.grants))
        answer = await introspect(self._token, self._verifier, form.require("token"), asker)
        return Json(answer, headers=NO_STORE)

    async def revoke(self, request: Request) -> Response:
        """RFC 7009 2.2: what is not a token of ours is as good as revoked."""
        form = await oauth_form(request)
        client = await client_of(self._token, request, form)
        presented = form.require("token")
        revoke = self._revoke_refresh if presented.startswith(PREFIX) else self._revoke_access
        position = await revoke(presented, client)
        if position:
            await self._revoking.settled(position)
        return Response(status_code=200, headers=NO_STORE)

    async def _revoke_refresh(self, presented: str, client: Client) -> int:
        found = await genuine(self._token, presented)
        family = None if found is None else await self._token.log.fresh(FAMILY, found.family_id)
        if family is None or not family.known:
            return 0
        _own(client, family.client_id)
        return await revoke_family(self._token, family.id, "revoked_by_client", _by(client))

    async def _revoke_access(self, presented: str, client: Client) -> int:
        claims = await known(self._verifier, presented)
        if claims is None:
            return 0
        _own(client, claims.client_id)
        subject, _ = await whose(self._token, claims)
        return await revoke_token(self._token, claims.jti, subject, claims.client_id, "revoked_by_client", _by(client))

    async def jwks(self, request: Request) -> Response:
        headers = {"Cache-Control": f"public, max-age={JWKS_LIFE // SECOND}"}
        return Json(await self._keys.jwks(), headers=headers)

    async def metadata(self, request: Request) -> Response:
        return Json(
            proofs(
                self._token.proving,
                metadata(self._token.issuer, self._identity_url, sorted(GRANTS), self._registers),
            ),
            headers={"Cache-Control": "public, max-age=300"},
        )


def _own(client: Client, owner: str) -> None:
    """RFC 7009 2.1: a client revokes its own tokens only."""
    if client.id != owner:
        raise UnauthorizedClient("the token was issued to another client")


def _by(client: Client) -> By:
    return By(f"client/{client.id}", correlation_id())
