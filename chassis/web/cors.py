"""Cross-origin reading (the Fetch standard): discovery and keys for all, a few endpoints for registered origins.

Never with credentials.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from chassis.web.body import Answered

_EXPOSED = b"Watchword-Position, X-Correlation-Id, WWW-Authenticate, Retry-After, DPoP-Nonce"
_ALLOWED = "Authorization, Content-Type, Watchword-Position, X-Correlation-Id, DPoP"


@dataclass(frozen=True, slots=True)
class Share:
    """Lets pages of other origins read the answers of some paths: origins that `allows` takes, or all without it."""

    paths: frozenset[str]
    methods: str = "GET"
    allows: Callable[[str], bool] | None = None


class Cors:
    """Judges a request's Origin by the path's share; paths without one are shared with nobody."""

    def __init__(self, shares: Iterable[Share] = ()) -> None:
        self._shares = {path: share for share in shares for path in share.paths}

    def judge(self, scope: Scope, headers: Headers) -> None:
        """Adds what the answer must say. Raises Answered for a preflight."""
        share = self._shares.get(scope["path"])
        origin = headers.get("origin")
        if share is None or origin is None:
            return
        named = [(b"vary", b"Origin")] if share.allows is not None else []
        if share.allows is None or share.allows(origin):
            allowed = b"*" if share.allows is None else origin.encode("latin-1")
            named += [(b"access-control-allow-origin", allowed), (b"access-control-expose-headers", _EXPOSED)]
        scope["watchword.headers"] += named
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            raise Answered(_preflight(share))


def _preflight(share: Share) -> Response:
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Methods": share.methods,
            "Access-Control-Allow-Headers": _ALLOWED,
            "Access-Control-Max-Age": "600",
            "Cache-Control": "max-age=600",
        },
    )
