"""What every HTTP request passes before a handler sees it; plain ASGI, since hot paths pass it too."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis import positions
from chassis.web.body import MAX_BODY, read_body, replay
from chassis.web.cors import Cors
from chassis.web.strict import check_json
from eventlog.errors import Kind, Refusal

Handler = Callable[[Request], Awaitable[Response]]

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
JSON_PATHS = ("/v1/", "/access/v1/")

_JSON = re.compile(r'application/json\s*(;\s*charset="?utf-8"?\s*)?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Gate:
    """Refuses what no handler should have to think of, then calls the hot handler or the application.

    At the paths of `judging`, handlers look at texts themselves (see strict.check_json).
    """

    app: ASGIApp
    hot: Mapping[tuple[str, str], Handler]
    origins: frozenset[str]
    cors: Cors
    waiting: positions.Waiting | None = None
    judging: frozenset[str] = frozenset()
    body_limit: int = field(default=MAX_BODY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        check_target(scope)
        self.cors.judge(scope, headers)
        body = await read_body(scope, receive, self.body_limit)
        if scope["path"].startswith(JSON_PATHS) and scope["method"] not in SAFE:
            check_same_site(headers, self.origins)
            check_media_type(headers, body, texts=scope["path"] not in self.judging)
        if positions.HEADER in headers and self.waiting is not None:
            await self.waiting.until(positions.parse(",".join(headers.getlist(positions.HEADER))))
        await self._handle(scope, receive, send, body)

    async def _handle(self, scope: Scope, receive: Receive, send: Send, body: bytes) -> None:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        handler = self.hot.get((method, scope["path"]))
        if handler is None:
            await self.app(scope, replay(body, receive), send)
            return
        scope["watchword.route"] = scope["path"]
        response = await handler(Read(scope, body, receive))
        await response(scope, receive, send)


class Read(Request):
    """A request whose body has been read."""

    def __init__(self, scope: Scope, body: bytes, receive: Receive) -> None:
        super().__init__(scope, receive)
        self._arrived = body

    async def body(self) -> bytes:
        """See starlette.requests.Request."""
        return self._arrived


def check_target(scope: Scope) -> None:
    """Raises Refusal `malformed_request` where path or query are no UTF-8 or hold a NUL character."""
    for raw in (scope.get("raw_path") or b"", scope["query_string"]):
        if b"%" not in raw and raw.isascii():
            continue
        try:
            text = unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            raise _malformed("the address is not UTF-8") from None
        if "\0" in text:
            raise _malformed("the address holds a NUL character")


def check_same_site(headers: Headers, origins: frozenset[str]) -> None:
    """Raises Refusal `cross_site` for a foreign Origin, or where a browser says that another site asked (RULES 10)."""
    foreign = any(origin.lower() not in origins for origin in headers.getlist("origin"))
    if foreign or headers.get("sec-fetch-site", "").lower() == "cross-site":
        raise Refusal(Kind.FORBIDDEN, "cross_site", "requests from other sites are refused here")


def check_media_type(headers: Headers, body: bytes, *, texts: bool = True) -> None:
    """Raises Refusal `unsupported_media_type` for all but application/json, then as check_json does."""
    media_type = headers.get("content-type")
    if media_type is None and not body:
        return
    if media_type is None or not _JSON.fullmatch(media_type):
        raise Refusal(Kind.UNSUPPORTED, "unsupported_media_type", "the body must be application/json")
    if body:
        check_json(body, texts=texts)


def _malformed(reason: str) -> Refusal:
    return Refusal(Kind.INVALID, "malformed_request", reason)
