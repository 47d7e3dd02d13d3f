"""TokenService: decode, call, encode."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.duration_pb2 import Duration

from chassis import positions, rpc
from chassis.trust import Trust
from eventlog.errors import Kind, Refusal
from eventlog.log import By
from eventlog.projection import MemoryProjection
from eventlog.readers import Readers
from services.token.api import clients
from services.token.api.clients import ClientsRpc
from services.token.api.wire import to_introspected, to_key, to_receipts
from services.token.commands.clients import grant_caller, revoke_certificate
from services.token.commands.issue import NewFamily, start_family
from services.token.commands.keys import RINGS, FamiliesOf, all_keys, drop_by_command, rotate_by_command
from services.token.commands.revoke import (
    revoke_client,
    revoke_family,
    revoke_session,
    revoke_sessions_before,
    revoke_subject,
)
from services.token.commands.standing import Overtaken
from services.token.domain.keyring import ALGORITHMS, REFRESH_RING, signing_ring
from services.token.domain.revocation import Before
from services.token.known_clients import KnownClients
from services.token.made import Made
from services.token.ports import Token
from services.token.queries import Asker, Receipts, introspect, receipts
from services.token.watch import Watching
from watchword.token.v1 import token_pb2
from watchword.verifier import Verifier
from watchword.wire import from_timestamp, to_timestamp

BATCH = 1_000
WAIT = 5.0
MAX_WAIT = 30.0
APPLY_HERE = 2.0
MAX_REASON = 500
ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_SERVICE = "watchword.token.v1.TokenService"

ALLOWED = clients.ALLOWED | {
    f"{_SERVICE}/Introspect": {"service/*", "backend/*", "operator/*"},
    f"{_SERVICE}/BatchIntrospect": {"service/*", "backend/*", "operator/*"},
    f"{_SERVICE}/WatchRevocations": {"service/*", "backend/*", "operator/*"},
    f"{_SERVICE}/Revoke": {"service/identity", rpc.GRANTED, rpc.ADMINISTRATOR},
    f"{_SERVICE}/StartFamily": {"service/identity"},
    f"{_SERVICE}/ListKeys": {rpc.ADMINISTRATOR},
    f"{_SERVICE}/RotateKey": {rpc.ADMINISTRATOR},
    f"{_SERVICE}/GrantCaller": {"operator/*"},
    f"{_SERVICE}/RevokeCertificate": {"operator/*"},
}
ACTIONS = clients.ACTIONS | {
    f"{_SERVICE}/Revoke": "token.revoke",
    f"{_SERVICE}/ListKeys": "token.key.list",
    f"{_SERVICE}/RotateKey": "token.key.rotate",
}


@dataclass(frozen=True, slots=True)
class Revoking:
    """Revocation as both doors offer it: made, applied here before it is answered, and waited for elsewhere."""

    token: Token
    trust: MemoryProjection
    readers: Readers

    async def settled(self, position: int) -> int:
        """Introspection in this process refuses from the answer on (RULES 7)."""
        if not await self.applied(position):
            raise Refusal(
                Kind.UNAVAILABLE, "not_yet_applied", f"revoked at {position}, but this process lags behind", 1
            )
        return position

    async def applied(self, position: int) -> bool:
        """Whether this process refuses what was revoked, waiting a little; the answer names the position either way."""
        positions.note("token", position)
        return await self.trust.wait(position, APPLY_HERE)

    async def receipts(self, position: int, timeout: float) -> Receipts:
        return await receipts(self.token, self.readers, position, min(timeout, MAX_WAIT))


class TokenRpc(ClientsRpc):
    def __init__(
        self,
        token: Token,
        verifier: Verifier,
        trust: Trust,
        revoking: Revoking,
        watching: Watching,
        registered: KnownClients,
        families: FamiliesOf,
    ) -> None:
        self._token = token
        self._verifier = verifier
        self._trust = trust
        self._revoking = revoking
        self._watching = watching
        self._registered = registered
        self._families = families
        self._response = Made(to_introspected)

    async def Introspect(self, request: token_pb2.IntrospectRequest, context: Any) -> token_pb2.IntrospectResponse:
        return await self._introspect(request.token, self._asker())

    async def BatchIntrospect(
        self, request: token_pb2.BatchIntrospectRequest, context: Any
    ) -> token_pb2.BatchIntrospectResponse:
        if len(request.tokens) > BATCH:
            raise Refusal(Kind.INVALID, "batch_too_large", f"at most {BATCH} tokens")
        asker = self._asker()
        responses = [await self._introspect(one, asker) for one in request.tokens]
        return token_pb2.BatchIntrospectResponse(responses=responses)

    def _asker(self) -> Asker:
        uri = rpc.acting().caller.uri
        return Asker(uri, self._trust.grants(uri))

    async def _introspect(self, presented: str, asker: Asker) -> token_pb2.IntrospectResponse:
        return self._response(await introspect(self._token, self._verifier, presented, asker))

    async def Revoke(self, request: token_pb2.RevokeRequest, context: Any) -> token_pb2.RevokeResponse:
        timeout = request.wait_timeout.seconds + request.wait_timeout.nanos / 1e9 or WAIT
        if timeout < 0:
            raise Refusal(Kind.INVALID, "invalid_request", "wait_timeout is negative")
        position = await self._revoking.settled(await self._revoke(request, rpc.by()))
        response = token_pb2.RevokeResponse(position=position)
        if request.wait_applied:
            found = await self._revoking.receipts(position, timeout)
            response.applied.extend(to_receipts(found))
            response.waiting.extend(found.waiting)
            response.certain_at.CopyFrom(to_timestamp(found.certain_at))
        return response

    async def _revoke(self, request: token_pb2.RevokeRequest, by: By) -> int:
        reason, target = _reason(request.reason), request.WhichOneof("target")
        if target is not None and not ID.fullmatch(getattr(request, target)):
            raise Refusal(Kind.INVALID, "invalid_request", f"{target} is not an id")
        match target:
            case "session_id":
                return await revoke_session(self._token, request.session_id, reason, by)
            case "family_id":
                return await revoke_family(self._token, request.family_id, reason, by)
            case "client_id":
                return await revoke_client(self._token, request.client_id, reason, by)
            case "subject" if request.HasField("before_session_position"):
                return await self._revoke_for_identity(request, reason, by)
            case "subject":
                return await revoke_subject(self._token, request.subject, reason, by)
        raise Refusal(Kind.INVALID, "invalid_request", "name one of session_id, family_id, client_id and subject")

    async def _revoke_for_identity(self, request: token_pb2.RevokeRequest, reason: str, by: By) -> int:
        if rpc.acting().caller.label != "service/identity":
            raise Refusal(Kind.FORBIDDEN, "identity_only", "before_session_position is identity's to name")
        spared = request.spared_session_id if request.HasField("spared_session_id") else None
        before = Before(request.before_session_position, spared, 0)
        return await revoke_sessions_before(self._token, request.subject, before, reason, by)

    async def WatchRevocations(
        self, request_iterator: Any, context: Any
    ) -> AsyncIterator[token_pb2.WatchRevocationsResponse]:
        async for response in self._watching.serve(request_iterator, context):
            yield response

    async def StartFamily(self, request: token_pb2.StartFamilyRequest, context: Any) -> token_pb2.StartFamilyResponse:
        new = NewFamily(
            client_id=request.client_id,
            subject=request.account_id,
            session_id=request.session_id,
            session_position=request.session_position,
            seen=request.seen,
            auth_time=from_timestamp(request.auth_time),
            acr=request.acr,
            amr=tuple(request.amr),
        )
        started = await start_family(self._token, new, rpc.by())
        if isinstance(started, Overtaken):
            return token_pb2.StartFamilyResponse(overtaken_by=started.by)
        positions.note("token", started.position)
        answer = started.answer
        tokens = token_pb2.Tokens(
            access_token=answer.access_token,
            refresh_token=answer.refresh_token or "",
            expires_in=Duration(seconds=answer.expires_in),
            scope=answer.scope,
        )
        return token_pb2.StartFamilyResponse(tokens=tokens, position=started.position)

    async def ListKeys(self, request: token_pb2.ListKeysRequest, context: Any) -> token_pb2.ListKeysResponse:
        await rpc.administrator(context)
        return token_pb2.ListKeysResponse(keys=map(to_key, await all_keys(self._token)))

    async def RotateKey(self, request: token_pb2.RotateKeyRequest, context: Any) -> token_pb2.RotateKeyResponse:
        by = await rpc.administrator(context)
        if request.key_id:
            position = await drop_by_command(self._token, _compromised(request), self._families, by)
        else:
            position = await rotate_by_command(self._token, _rings(request), request.compromised, self._families, by)
        await self._revoking.settled(position)
        return token_pb2.RotateKeyResponse(keys=map(to_key, await all_keys(self._token)), position=position)

    async def GrantCaller(self, request: token_pb2.GrantCallerRequest, context: Any) -> token_pb2.GrantCallerResponse:
        by = await rpc.administrator(context)
        position = await grant_caller(self._token, request.uri, list(request.grants), by)
        return token_pb2.GrantCallerResponse(position=await self._revoking.settled(position))

    async def RevokeCertificate(
        self, request: token_pb2.RevokeCertificateRequest, context: Any
    ) -> token_pb2.RevokeCertificateResponse:
        by = await rpc.administrator(context)
        reason = _reason(request.reason)
        position = await revoke_certificate(self._token, request.fingerprint, reason, by)
        response = token_pb2.RevokeCertificateResponse(position=await self._revoking.settled(position))
        if request.wait_applied:
            found = await self._revoking.receipts(position, WAIT)
            response.applied.extend(to_receipts(found))
            response.waiting.extend(found.waiting)
        return response


def _rings(request: token_pb2.RotateKeyRequest) -> list[str]:
    if request.refresh:
        return [REFRESH_RING]
    wanted = [signing_ring(request.alg)] if request.alg else [ring for ring in RINGS if ring != REFRESH_RING]
    if not set(wanted) <= set(RINGS):
        raise Refusal(Kind.INVALID, "unknown_algorithm", f"there are {', '.join(ALGORITHMS)}")
    return wanted


def _compromised(request: token_pb2.RotateKeyRequest) -> str:
    if not request.compromised:
        raise Refusal(Kind.INVALID, "invalid_request", "a key is named only where it is compromised")
    return request.key_id


def _reason(reason: str) -> str:
    if len(reason) > MAX_REASON:
        raise Refusal(Kind.INVALID, "invalid_request", f"a reason has at most {MAX_REASON} characters")
    return reason or "unspecified"
