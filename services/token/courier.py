"""Takes logout tokens to clients (OpenID Connect Back-Channel Logout 1.0 2.5), and again to those who do not answer.

What is owed stands in the log, and from there in the table `parts`: a courier that was stopped, or another process,
goes on with it. Each client is visited by itself, so that one that is slow or dead holds up nobody else; it is left
alone for longer each time, and given up after a day.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

import structlog
from prometheus_client import Counter

from eventlog.errors import Refusal
from eventlog.log import By
from services.token.commands.tell import given_up, logout_token, told
from services.token.domain import SECOND
from services.token.domain.client import CLIENT
from services.token.domain.logout import LOGOUT, Logout
from services.token.parts import Table
from services.token.ports import Fetch, NotFetched, Token

BY = By("service/token", "logout")
KEPT = "logout"
LEASE = 10 * SECOND
"""For how long nobody else tries the same: longer than a try may take."""
TICK = 1.0
REST = 30.0
"""Seconds until a client is looked after again to which nothing was owed."""
LONGEST = 60.0
"""Seconds that a client which does not answer is left alone at most."""
AT_ONCE = 4
"""Sessions of which one client is told at a time."""

DELIVERED = Counter("watchword_token_logouts", "Attempts to tell clients that a session ended", ["outcome"])
log = structlog.get_logger()


@dataclass(slots=True)
class _Client:
    """When a client is visited next, by the loop's time, and for how long it is left alone when it fails again.

    `fresh` are sessions that ended just now: the table may not show them yet.
    """

    next: float = 0.0
    pause: float = 0.0
    fresh: list[str] = field(default_factory=list)
    visit: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        return self.visit is not None and not self.visit.done()

    def due(self, now: float) -> bool:
        """Whom nobody answers for is not asked more often because more is owed."""
        return not self.busy and (now >= self.next or (bool(self.fresh) and not self.pause))


class Courier:
    """One process's. `tick` is how often it looks, in seconds; `fetch` its own: nobody else waits behind the dead."""

    def __init__(self, token: Token, table: Table, fetch: Fetch, tick: float = TICK) -> None:
        self._token = token
        self._table = table
        self._fetch = fetch
        self._tick = tick
        self._clients: dict[str, _Client] = {}
        self._hurried = asyncio.Event()

    def hurry(self, session_id: str, client_ids: Iterable[str]) -> None:
        """These clients are to be told of a session that has just ended."""
        for client_id in client_ids:
            one = self._of(client_id)
            if not one.pause:
                one.fresh.append(session_id)
        self._hurried.set()

    async def run(self) -> None:
        """For ever."""
        try:
            while True:
                try:
                    await self.look()
                except (Refusal, OSError, TimeoutError) as error:
                    log.warning("courier_waits", reason=repr(error))
                self._hurried.clear()
                await self._rest()
        finally:
            for one in self._clients.values():
                if one.visit is not None:
                    one.visit.cancel()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._tick):
                await self._hurried.wait()
        except TimeoutError:
            return

    async def look(self) -> None:
        """Sets out to every client whose time has come."""
        now = asyncio.get_running_loop().time()
        for client_id in {*await self._table.group("owing", "all"), *self._clients}:
            one = self._of(client_id)
            if one.due(now):
                one.visit = asyncio.ensure_future(self._visit(client_id, one))

    async def settled(self) -> None:
        """Returns once everybody who was set out to has been visited."""
        await asyncio.gather(*(one.visit for one in self._clients.values() if one.visit is not None))

    def _of(self, client_id: str) -> _Client:
        return self._clients.setdefault(client_id, _Client())

    async def _visit(self, client_id: str, one: _Client) -> None:
        fresh, one.fresh = one.fresh, []
        try:
            well = await self._deliver(client_id, fresh)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is visited again
            log.warning("courier_waits", client_id=client_id, reason=repr(error))
            well = False
        # Who answers again may be owed what came in the meantime.
        rest = REST if not one.pause else 0.0
        one.pause = 0.0 if well else min(max(self._tick, one.pause * 2), LONGEST)
        one.next = asyncio.get_running_loop().time() + (rest if well else one.pause)

    async def _deliver(self, client_id: str, fresh: list[str]) -> bool:
        """Tells a client of all that it is owed, until it does not answer. Whether it took everything."""
        well = True
        async for sessions in self._owed(client_id, fresh):
            outcomes = await asyncio.gather(*(self._tell(session_id, client_id) for session_id in sessions))
            if "unreachable" in outcomes:
                return False
            well = well and "refused" not in outcomes
        return well

    async def _owed(self, client_id: str, fresh: list[str]) -> AsyncIterator[list[str]]:
        """The sessions of whose end a client is to be told, a few at a time."""
        for start in range(0, len(fresh), AT_ONCE):
            yield fresh[start : start + AT_ONCE]
        after, tried = "", set(fresh)
        while page := await self._table.keys("owed", client_id, after, AT_ONCE):
            yield [session_id for key in page if (session_id := key.partition("/")[0]) not in tried]
            after = page[-1]

    async def _tell(self, session_id: str, client_id: str) -> str:
        """One try, by whoever comes first. What came of it."""
        token = self._token
        logout = await token.log.fresh(LOGOUT, session_id)
        if client_id not in logout.owed:
            return "told"
        if not await token.kept.claim(KEPT, f"{session_id}/{client_id}", token.log.now() + LEASE):
            return "elsewhere"
        outcome, reason = await self._post(logout, client_id)
        if outcome == "told":
            await told(token, session_id, client_id, BY)
        elif outcome == "given_up" or logout.over(token.log.now()):
            outcome = "given_up"
            await given_up(token, session_id, client_id, reason, BY)
        DELIVERED.labels(outcome).inc()
        if outcome != "told":
            await token.kept.take(KEPT, f"{session_id}/{client_id}")
            log.warning(
                "logout_not_delivered", outcome=outcome, client_id=client_id, session_id=session_id, reason=reason
            )
        return outcome

    async def _post(self, logout: Logout, client_id: str) -> tuple[str, str]:
        client = await self._token.log.fresh(CLIENT, client_id)
        if not client.backchannel_logout_uri:
            return "given_up", "it is registered for no address any more"
        form = {"logout_token": await logout_token(self._token, client, logout)}
        try:
            answer = await self._fetch.post(client.backchannel_logout_uri, form)
        except NotFetched as error:
            return "unreachable", str(error)
        if answer.status in (200, 204):  # section 2.8
            return "told", ""
        return ("refused" if answer.status < 500 else "unreachable"), f"it answered {answer.status}"
