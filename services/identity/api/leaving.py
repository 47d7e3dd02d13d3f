"""The last page of a session: frames by which its applications sign this browser out (Front-Channel Logout 1.0, 3)."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from starlette.responses import Response

from eventlog.errors import Refusal
from services.identity.api.site import Site
from services.identity.pages.policy import origin_of, source
from services.identity.pages.rendering import LEAVE
from services.identity.pages.words import Words
from services.identity.ports import Authorizations

logger: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class On:
    """Where the browser goes then, and what that is called; nowhere: the page is the end."""

    url: str = ""
    name: str = ""


async def pages_of(token: Authorizations, session_id: str) -> tuple[str, ...]:
    """What a session's applications want to be shown. Signing out does not fail for it: they are told by token as well,
    those that can be.
    """
    try:
        pages = await token.logout_pages(session_id)
    except Refusal as refusal:
        logger.warning("applications_not_shown", session_id=session_id, because=refusal.code)
        return ()
    return tuple(page for page in pages if page.startswith(("https://", "http://")))


def signed_out(site: Site, say: Words, pages: Sequence[str], on: On = On()) -> Response:
    """The page. It goes on by itself where scripts run, and by a link."""
    frames = tuple(dict.fromkeys(filter(None, (source(origin_of(page)) for page in pages))))
    values = {"pages": pages, "on": on.url, "client": on.name}
    return site.show("signedout", say, values, leads_to=(), script=LEAVE if on.url else "", frames=frames)
