"""The outermost layer: correlation id, the client's address, headers on every answer, metrics, and the last resort."""

import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import positions
from chassis.addresses import Network
from chassis.telemetry import REQUESTS, Served, correlate
from chassis.tracing import TRACES
from chassis.web.body import Answered, Disconnected
from chassis.web.certificates import take_certificate
from chassis.web.problem import failed, refused
from eventlog.errors import Refusal

if TYPE_CHECKING:
    from chassis.tracing.spans import Open

# Asked again and again by machines, which nobody traces.
_UNTRACED = frozenset({"/livez", "/readyz", "/metrics"})

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_NOSNIFF = (b"x-content-type-options", b"nosniff")
_UNFRAMED = (b"x-frame-options", b"DENY")
_FRAMED = "watchword.framed"
_UNLESS_SAID = (
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


def may_be_framed(request: Request) -> None:
    """Lets other sites frame the answer to this request; its own policy has to say so, too."""
    request.scope[_FRAMED] = True


@dataclass(frozen=True, slots=True)
class Edge:
    """Wraps an ASGI application that may raise: Refusal, Answered, Disconnected, or what nobody expected."""

    app: ASGIApp
    trusted_proxies: Sequence[Network] = ()
    certificate_header: bytes = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        sent = {name for name, _ in scope["headers"]}  # most requests have none of what is looked for below
        correlated = correlate(
            headers.get("x-correlation-id") if b"x-correlation-id" in sent else None,
            headers.get("traceparent") if b"traceparent" in sent else None,
        )
        answer = _Answer(scope, send, correlated)
        if self.certificate_header and self.certificate_header in sent:
            take_certificate(scope, self.certificate_header, _is_trusted(scope, self.trusted_proxies))
        scope["client"] = client_address(scope, headers, self.trusted_proxies)
        if TRACES.spans is None or scope["path"] in _UNTRACED:
            await self._serve(scope, receive, answer)
        else:
            await self._traced(TRACES.spans.serve("HTTP", headers, {}), scope, receive, answer)
        answer.observe()

    async def _traced(self, span: "Open", scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._serve(scope, receive, answer)
        finally:
            span.end(answer.attributes, name=f"{answer.method} {answer.route}", failed=answer.status >= 500)

    async def _serve(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        response: Response
        try:
            await self.app(scope, receive, answer.send)
            return
        except Disconnected:
            return
        except Answered as answered:
            response = answered.response
        except Refusal as refusal:
            response = refused(scope["path"], refusal)
        except Exception:
            log.exception("request_failed", method=scope["method"], path=scope["path"])
            response = failed(scope["path"])
        if not answer.status:
            await response(scope, receive, answer.send)


class _Answer:
    """Adds headers to the answer, and remembers its status."""

    def __init__(self, scope: Scope, send: Send, correlation_id: str) -> None:
        self.status = 0
        self._scope = scope
        self._send = send
        self._correlation_id = correlation_id.encode()
        self._noted = positions.begin()
        self._started = time.perf_counter()
        scope["watchword.headers"] = []

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            said = {name for name, _ in headers}
            headers.append(_NOSNIFF)
            if _FRAMED not in self._scope:
                headers.append(_UNFRAMED)
            headers += [header for header in _UNLESS_SAID if header[0] not in said]
            headers += self._scope["watchword.headers"]
            headers.append((b"x-correlation-id", self._correlation_id))
            if self._noted:
                headers.append((b"watchword-position", positions.render(self._noted).encode()))
            message["headers"] = headers
        await self._send(message)

    @property
    def route(self) -> str:
        """The template, never what was sent."""
        return str(self._scope.get("watchword.route") or getattr(self._scope.get("route"), "path", "unmatched"))

    @property
    def method(self) -> str:
        return "any" if self.route == "unmatched" else str(self._scope["method"])

    @property
    def attributes(self) -> dict[str, str | int]:
        return {
            "http.request.method": self.method,
            "http.route": self.route,
            "http.response.status_code": self.status,
        }

    def observe(self) -> None:
        _SERVED.tell(time.perf_counter() - self._started, self.method, self.route, self.status)


_SERVED = Served(REQUESTS)


def client_address(scope: Scope, headers: Headers, trusted: Sequence[Network]) -> tuple[str, int] | None:
    """Whom the request comes from: the nearest address in X-Forwarded-For that is no trusted proxy's.

    The header is believed only as far as each hop that wrote it is trusted.
    """
    client: tuple[str, int] | None = scope.get("client")
    if client is None or not trusted or not _within(client[0], trusted):
        return client
    hops = [hop.strip() for value in headers.getlist("x-forwarded-for") for hop in value.split(",")]
    address = client[0]
    for hop in reversed(hops):
        if _parsed(hop) is None:
            break
        address = hop
        if not _within(hop, trusted):
            break
    return address, 0


def _is_trusted(scope: Scope, trusted: Sequence[Network]) -> bool:
    """Whether the connection itself is a trusted proxy's."""
    client: tuple[str, int] | None = scope.get("client")
    return client is not None and _within(client[0], trusted)


def _within(address: str, networks: Sequence[Network]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
