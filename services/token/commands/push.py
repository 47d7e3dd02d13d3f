"""Authorization requests that a client pushes ahead of the browser (RFC 9126)."""

import secrets
from collections.abc import Sequence

import msgspec

from services.token.commands.request_objects import Hints, judged, opened
from services.token.domain import SECOND
from services.token.domain.authorization import AuthorizationRequest, Parameters
from services.token.domain.client import Client
from services.token.domain.errors import AuthorizationRefused, InvalidRequest
from services.token.ports import Token

PREFIX = "urn:ietf:params:oauth:request_uri:"
PUSHED = "pushed"
LIFE = 90 * SECOND


class Pushed(msgspec.Struct, frozen=True):
    """Under which address a request is kept, and for how many seconds."""

    request_uri: str
    expires_in: int

    def __repr__(self) -> str:
        return f"Pushed({self.expires_in})"


async def push(
    token: Token, client: Client, asked: Parameters, resources: Sequence[str], hints: Hints, jkt: str
) -> Pushed:
    """Judges a request as if a browser had brought it, and keeps it. `jkt` is the key that the client has proven
    (RFC 9449 10.1). Raises Refusal as the authorization endpoint would tell the client.
    """
    if "request_uri" in asked:
        raise InvalidRequest("a pushed request names no request_uri (RFC 9126 2.1)")
    request = await judged(token, client, await opened(token, client, asked, resources), hints)
    if jkt and request.dpop_jkt not in (None, jkt):
        raise InvalidRequest("dpop_jkt is not the key of the DPoP proof (RFC 9449 10.1)")
    uri = PREFIX + secrets.token_urlsafe(32)
    kept = msgspec.structs.replace(request, pushed=uri, dpop_jkt=jkt or request.dpop_jkt)
    await token.kept.keep(PUSHED, uri, msgspec.msgpack.encode(kept), request.asked_at + LIFE)
    return Pushed(uri, LIFE // SECOND)


async def pulled(token: Token, client: Client, request_uri: str) -> AuthorizationRequest:
    """The request that a client pushed. It is used up when its code is given, not when a page is shown (RFC 9126 4).

    Raises AuthorizationRefused.
    """
    kept = await token.kept.find(PUSHED, request_uri)
    request = None if kept is None else msgspec.msgpack.decode(kept, type=AuthorizationRequest)
    if request is None or request.client_id != client.id:
        raise AuthorizationRefused("invalid_request_uri", "nothing is kept under this request_uri, or no more")
    return msgspec.structs.replace(request, asked_at=token.log.now())
