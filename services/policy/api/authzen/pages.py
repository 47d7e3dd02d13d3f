"""Pages of what is found (Authorization API 1.0, 8.2): a token says where the next begins, and of which request."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

import msgspec

from eventlog.errors import Kind, Refusal
from services.policy.api.authzen.asked import Page, Search, wrong
from services.policy.queries import Moment
from services.policy.queries import search as searches
from services.policy.queries.search import MAX_PAGE, Wanted


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """Where a page begins. `request` is a digest of all that was asked, `limit` how many are wanted of each page."""

    request: str
    limit: Annotated[int, msgspec.Meta(ge=0, le=MAX_PAGE)]
    after: str = ""


def begins(one: Search) -> Mark:
    """Raises Refusal `page_token_invalid`, `invalid_request`."""
    page = one.page or Page()
    if page.limit is not None and page.limit < 0:
        raise wrong("a limit is 0 or more")
    limit = None if page.limit is None else min(page.limit, MAX_PAGE)
    if not page.token:
        return Mark(_digest(one), searches.PAGE if limit is None else limit)
    mark = _read(page.token)
    if mark.request != _digest(one) or limit not in (None, mark.limit):
        raise _invalid("it belongs to another request")
    return mark


def wanted(mark: Mark, moment: Moment | None) -> Wanted:
    """The page that begins there."""
    return Wanted(max(mark.limit, 1), mark.after, moment)


def told(mark: Mark, found: searches.Page) -> tuple[list[str], str]:
    """What is found, and the token of the next page: empty on the last one. Of none, whether there is more."""
    if mark.limit == 0:
        return [], _write(mark) if found.found or found.next else ""
    return list(found.found), _write(msgspec.structs.replace(mark, after=found.next)) if found.next else ""


def _digest(one: Search) -> str:
    said = msgspec.to_builtins(msgspec.structs.replace(one, page=None))
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _write(mark: Mark) -> str:
    return urlsafe_b64encode(msgspec.json.encode(mark)).decode()


def _read(token: str) -> Mark:
    try:
        return msgspec.json.decode(urlsafe_b64decode(token.encode("ascii")), type=Mark)
    except (ValueError, RecursionError, msgspec.DecodeError):
        raise _invalid("it is not one that this service gave") from None


def _invalid(reason: str) -> Refusal:
    return Refusal(Kind.INVALID, "page_token_invalid", reason)
