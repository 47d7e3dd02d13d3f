"""Which requests a browser is going through: each has a cookie of its own, named in the addresses of its pages."""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from starlette.requests import Request
from starlette.responses import Response

from services.identity.api.callers import Cookies

PREFIX = "watchword_flow_"
ID = re.compile(r"[A-Za-z0-9_-]{12}")
MOST = 8
"""Requests that one browser goes through at a time; the oldest makes room."""
LIFE = 3600
"""Seconds: longer than token keeps a request, so that who comes late is told so, and not that a cookie is missing."""


@dataclass(frozen=True, slots=True)
class Flow:
    """`id` opens nothing by itself; the cookie holds the rest: `begun` in ms, `chosen` a session's public id."""

    id: str
    handle: str = field(repr=False)
    begun: int
    chosen: str = ""

    def choose(self, session_id: str) -> "Flow":
        """The person has been shown this session, and goes on with it."""
        return replace(self, chosen=session_id)


def begin(handle: str) -> Flow:
    """A flow for a request that token keeps."""
    return Flow(secrets.token_urlsafe(9), handle, time.time_ns() // 1_000_000)


@dataclass(frozen=True, slots=True)
class Flows:
    """The flows that a browser's cookies hold."""

    cookies: Cookies

    def of(self, request: Request, flow_id: str) -> Flow | None:
        """The flow of a page; None where its cookie did not come."""
        value = self.cookies.of(request, PREFIX + flow_id) if ID.fullmatch(flow_id) else None
        return None if value is None else _read(flow_id, value)

    def give(self, request: Request, response: Response, flow: Flow) -> None:
        """Binds a flow to the browser. Where there are too many, the oldest are dropped."""
        value = f"{flow.begun}:{flow.chosen}:{flow.handle}"
        self.cookies.give(response, PREFIX + flow.id, value, LIFE)
        others = [one for one in self._all(request.cookies) if one.id != flow.id]
        for old in sorted(others, key=lambda one: -one.begun)[MOST - 1 :]:
            self.drop(response, old.id)

    def drop(self, response: Response, flow_id: str) -> None:
        self.cookies.give(response, PREFIX + flow_id, "", 0)

    def _all(self, brought: Mapping[str, str]) -> list[Flow]:
        start = self.cookies.named(PREFIX)
        found = [(name.removeprefix(start), value) for name, value in brought.items() if name.startswith(start)]
        return [flow for flow_id, value in found if (flow := _read(flow_id, value)) is not None]


def _read(flow_id: str, value: str) -> Flow | None:
    begun, _, rest = value.partition(":")
    chosen, _, handle = rest.partition(":")
    return Flow(flow_id, handle, int(begun), chosen) if begun.isdecimal() and len(begun) < 16 and handle else None
