"""A button that was clicked twice does what it does once: browsers drop the first answer, and show the second."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256

from starlette.responses import Response

LIFE = 10.0
"""Seconds."""
MOST = 1000


@dataclass(slots=True)
class Clicks:
    """What this process is doing, and has just done, for forms; each is known by a hash of all that it was sent with.

    Answers that led on are given again for a while; the same form is tried anew where it was refused.
    """

    life: float = LIFE
    _forms: dict[bytes, "asyncio.Task[Response]"] = field(default_factory=dict)

    async def once(self, handle: str, body: bytes, act: Callable[[], Awaitable[Response]]) -> Response:
        """The answer to a form. Whoever hangs up does not end what has begun. Raises what `act` raises."""
        key = sha256(f"{handle}\n".encode() + body).digest()
        doing = self._forms.get(key)
        if doing is None:
            doing = asyncio.ensure_future(_of(act))
            self._keep(key, doing)
        return await asyncio.shield(doing)

    def _keep(self, key: bytes, doing: "asyncio.Task[Response]") -> None:
        if len(self._forms) >= MOST:
            del self._forms[next(iter(self._forms))]
        self._forms[key] = doing
        doing.add_done_callback(lambda done: self._done(key, done))

    def _done(self, key: bytes, done: "asyncio.Task[Response]") -> None:
        if done.cancelled() or done.exception() is not None or done.result().status_code >= 400:
            self._forms.pop(key, None)
        else:
            asyncio.get_running_loop().call_later(self.life, self._forms.pop, key, None)


async def _of(act: Callable[[], Awaitable[Response]]) -> Response:
    return await act()
