"""POST /oauth2/par: decode, call, encode (RFC 9126)."""

from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from chassis.limits import WindowLimits
from chassis.web import NO_STORE, Hot, Json, oauth_form
from services.token.api import answers
from services.token.api.asking import count
from services.token.api.client_auth import client_of
from services.token.api.proof import proof_of
from services.token.commands.bind import prove_key
from services.token.commands.push import push
from services.token.ports import Token
from services.token.queries import OwnKeys, id_token_hint


@dataclass(frozen=True, slots=True)
class Pushing:
    """The endpoint."""

    token: Token
    keys: OwnKeys
    limits: WindowLimits

    def endpoints(self) -> list[Hot]:
        """Served before FastAPI, and documented by it."""
        return [Hot("POST", "/oauth2/par", self.par, answers.PUSH, answers.Pushed, status=201)]

    async def par(self, request: Request) -> Response:
        """A request is judged as at the authorization endpoint; what is wrong is told at once."""
        form = await oauth_form(request)
        proof = await proof_of(self.token, request)
        client = await client_of(self.token, request, form)
        await count(self.limits, request, client)
        jkt = await prove_key(self.token, proof)
        hints = partial(id_token_hint, self.token, self.keys)
        pushed = await push(self.token, client, form.values, form.all("resource"), hints, jkt)
        return Json(pushed, 201, NO_STORE)
