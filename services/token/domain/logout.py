"""Telling clients that a session has ended (OpenID Connect Back-Channel Logout 1.0): once begun, each client until it
has answered, or a day has passed.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from eventlog.events import Event, Recorded
from eventlog.log import Fold
from services.token.domain import DAY, SECOND
from services.token.domain.client import Client
from services.token.domain.events import LogoutBegun, LogoutGivenUp, LogoutTold
from services.token.domain.names import PLAIN, Names

PATIENCE = DAY
"""For how long a client that does not answer is tried."""
LIFE = 120
"""Seconds that a logout token is good for: short, so that one that leaked is of no use (section 2.4)."""
EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Logout(msgspec.Struct, frozen=True):
    """What is left to do of a session's end: `owed` are the clients that have not been told. `begun_at` in µs."""

    session_id: str = ""
    subject: str = ""
    owed: tuple[str, ...] = ()
    begun_at: int = 0

    @property
    def known(self) -> bool:
        return bool(self.session_id)

    def over(self, now: int) -> bool:
        """Whether it is too late to try again."""
        return now >= self.begun_at + PATIENCE


def begin(logout: Logout, session_id: str, subject: str, client_ids: Sequence[str]) -> list[Event]:
    """What a session's end begins: once, and nothing where nobody wants to know."""
    if logout.known or not client_ids:
        return []
    return [LogoutBegun(session_id=session_id, subject=subject, client_ids=list(client_ids))]


def evolve_logout(logout: Logout, event: Event, row: Recorded) -> Logout:
    match event:
        case LogoutBegun():
            return Logout(event.session_id, event.subject, tuple(event.client_ids), row.time)
        case LogoutTold() | LogoutGivenUp():
            left = tuple(client_id for client_id in logout.owed if client_id != event.client_id)
            return msgspec.structs.replace(logout, owed=left)
    return logout


def logout_claims(
    issuer: str, client_id: str, logout: Logout, token_id: str, now: int, names: Names = PLAIN
) -> dict[str, Any]:
    """What a logout token says (section 2.4). Never a nonce: it must not pass for an ID token."""
    return {
        "iss": issuer,
        "aud": client_id,
        "iat": now // SECOND,
        "exp": now // SECOND + LIFE,
        "jti": token_id,
        "events": {EVENT: {}},
        "sub": names.subject(logout.subject),
        "sid": names.session(logout.session_id),
    }


def logout_page(issuer: str, client: Client, session: str) -> str:
    """The page by which a client signs a browser out (OpenID Connect Front-Channel Logout 1.0, 2); '' where it has none
    that a frame could show. `session` is what the client calls the session.
    """
    uri = client.frontchannel_logout_uri
    if not uri.startswith(("https://", "http://")):
        return ""
    if not client.frontchannel_logout_session_required:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode({'iss': issuer, 'sid': session}, quote_via=quote)}"


LOGOUT = Fold("logout", Logout(), evolve_logout)
