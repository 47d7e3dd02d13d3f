"""Requests to sign out that a client sent a browser with (OpenID Connect RP-Initiated Logout 1.0)."""

import msgspec

from services.token.commands.request_objects import Hints
from services.token.domain.authorization import Parameters
from services.token.domain.client import CLIENT
from services.token.domain.errors import NoSuchAddress
from services.token.domain.redirects import registered
from services.token.ports import Token


class LogoutAsked(msgspec.Struct, frozen=True):
    """What is asked for: by whom, of whose session, and where the browser goes afterwards. Empty: it does not say."""

    client_id: str = ""
    client_name: str = ""
    session_id: str = ""
    account_id: str = ""
    post_logout_redirect_uri: str = ""
    state: str = ""
    ui_locales: tuple[str, ...] = ()


async def judge_logout(token: Token, asked: Parameters, hints: Hints) -> LogoutAsked:
    """What a request asks for. Raises NoSuchAddress where it would send the browser to what is not registered (section
    3), or says two things at once.
    """
    hint = await hints(asked["id_token_hint"]) if "id_token_hint" in asked else None
    if "id_token_hint" in asked and hint is None:
        raise NoSuchAddress("id_token_hint is no ID token of this issuer")
    client_id = asked.get("client_id", hint.client_id if hint else "")
    if hint is not None and hint.client_id != client_id:
        raise NoSuchAddress("client_id and id_token_hint name two clients")
    client = await token.log.fresh(CLIENT, client_id)
    if client_id and not client.known:
        raise NoSuchAddress("the client is unknown")
    uri = asked.get("post_logout_redirect_uri", "")
    if uri and not registered(uri, client.post_logout_redirect_uris):
        raise NoSuchAddress("this post_logout_redirect_uri is not registered for the client")
    return LogoutAsked(
        client_id=client_id,
        client_name=client.name,
        session_id=hint.session_id if hint else "",
        account_id=hint.subject if hint else "",
        post_logout_redirect_uri=uri,
        state=asked.get("state", "") if uri else "",
        ui_locales=tuple(asked.get("ui_locales", "").split()),
    )
