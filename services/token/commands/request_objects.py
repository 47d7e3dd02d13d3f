"""Opening request objects, by value or from where a client publishes them (RFC 9101 5), and judging what they say."""

from collections.abc import Awaitable, Callable, Sequence

from services.token.adapters.names import names_of
from services.token.commands.prove import signed_by
from services.token.domain.authorization import AuthorizationRequest, Parameters, judge
from services.token.domain.client import Client
from services.token.domain.errors import AuthorizationRefused, InvalidClient, UnsignedRequest
from services.token.domain.request_object import TYPES, UNSIGNED, Opened, algorithms, answered_as, read_object
from services.token.domain.said import IdTokenHint
from services.token.ports import NotFetched, Token
from watchword.signed import Signed, read_signed

Hints = Callable[[str], Awaitable[IdTokenHint | None]]
"""What an id_token_hint says; None where it is no ID token of this issuer."""


async def opened(token: Token, client: Client, asked: Parameters, resources: Sequence[str]) -> Opened:
    """What is asked for: by the request object where there is one, and then by nothing beside it (RFC 9101 6.3).

    Raises AuthorizationRefused.
    """
    uri, text = asked.get("request_uri"), asked.get("request")
    if uri is None and text is None:
        return Opened(asked, tuple(resources))
    if uri is not None and text is not None:
        raise AuthorizationRefused("invalid_request", "a request names a request object once (RFC 9101 5)")
    signed = _read(await _published(token, client, uri) if uri is not None else text or "")
    if signed.alg == UNSIGNED and uri is None:
        raise UnsignedRequest(answered_as(signed.claims))
    if signed.alg not in algorithms(client, registered_address=uri is not None):
        raise AuthorizationRefused("invalid_request_object", "the request object is not signed as it should be")
    if signed.alg != UNSIGNED and not await _is_the_clients(token, client, signed):
        raise AuthorizationRefused("invalid_request_object", "the request object's signature is not the client's")
    return read_object(signed.claims, client, token.issuer, token.log.now())


async def judged(token: Token, client: Client, said: Opened, hints: Hints) -> AuthorizationRequest:
    """The request, where what was opened is good. Raises NoSuchAddress, AuthorizationRefused."""
    hinted = await _hinted_account(client, said.parameters, hints)
    names = await names_of(token.log, client)
    return judge(client, said.parameters, said.resources, hinted, token.log.now(), names)


async def _hinted_account(client: Client, asked: Parameters, hints: Hints) -> str:
    """Whom an id_token_hint names; empty where there is none."""
    if "id_token_hint" not in asked:
        return ""
    hint = await hints(asked["id_token_hint"])
    if hint is None or hint.client_id != client.id:
        raise AuthorizationRefused("invalid_request", "id_token_hint is no ID token of this issuer for this client")
    return hint.subject


async def _is_the_clients(token: Token, client: Client, signed: Signed) -> bool:
    try:
        return await signed_by(token, client, signed)
    except InvalidClient as why:  # its keys could not be read
        raise AuthorizationRefused("invalid_request_object", why.detail) from None


async def _published(token: Token, client: Client, uri: str) -> str:
    """Only from addresses that were registered: a browser must not make this service ask anywhere else."""
    if uri not in client.request_uris:
        raise AuthorizationRefused("invalid_request_uri", "this request_uri is not registered for the client")
    try:
        fetched = await token.proving.fetch.get(uri)
    except NotFetched as why:
        raise AuthorizationRefused("invalid_request_uri", f"the request object could not be read: {why}") from None
    if fetched.status != 200:
        raise AuthorizationRefused("invalid_request_uri", "the request object could not be read there")
    return fetched.body.decode("ascii", "replace").strip()


def _read(text: str) -> Signed:
    try:
        return read_signed(text, TYPES)
    except ValueError as why:
        raise AuthorizationRefused("invalid_request_object", f"the request object cannot be read: {why}") from None
