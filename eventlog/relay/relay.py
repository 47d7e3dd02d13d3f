"""The relay of one service: publishes its log to Kafka, while it is this process's turn (RULES 5)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import asyncpg
import structlog
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError

from eventlog.errors import Kind, LogUnavailable, Refusal
from eventlog.events import Recorded
from eventlog.feed import PAGE_EVENTS, first_of
from eventlog.feed.source import PAGE_BYTES
from eventlog.postgres import PostgresStore
from eventlog.postgres.connection import LOST
from eventlog.postgres.turn import Turn, TurnLost, turn
from eventlog.relay.publisher import Publisher, publisher
from eventlog.relay.state import RelayTable, State, Status
from eventlog.relay.topic import NOT_AUTHORIZED, PATIENCE, not_authorized, prepare
from eventlog.relay.trouble import Trouble
from eventlog.store import Head
from watchword.chain import GENESIS
from watchword.kafka import BadRecord, Kafka
from watchword.kafka.topic import CLUSTER_LOST, TopicMissing, open_topic

Published = Callable[[Sequence[Recorded], int], Awaitable[None]]

TURN = "relay"
BEAT = 1.0
FIRST_PAUSE = 1.0
LAST_PAUSE = 5.0
FAREWELL = 0.5

log = structlog.get_logger()


class Relay:
    """One log → one topic. `me` names this process; `create` says whether it may make the topic; `published` is told
    what is in the topic now, and when its sending began, in nanoseconds since 1970.

    Nothing that a cluster does, or does not do, reaches further than this: it only shows in `status`.
    """

    def __init__(
        self,
        service: str,
        me: str,
        kafka: Kafka,
        create: bool,
        pool: asyncpg.Pool,
        store: PostgresStore,
        published: Published | None = None,
    ) -> None:
        self._service = service
        self._me = me
        self._kafka = kafka
        self.topic = kafka.topic(service)
        self._create = create
        self._pool = pool
        self._store = store
        self._published = published
        self._table = RelayTable(pool)
        self._state: State | None = None
        self._pause = FIRST_PAUSE
        self._said = ""

    async def run(self) -> None:
        """Relays for ever, whenever it is this process's turn."""
        while True:
            try:
                async with turn(self._pool, TURN) as mine:
                    await first_of(mine.keep(), self._hold(mine))
            except (TurnLost, LogUnavailable, *LOST) as error:
                self._waits(repr(error))
            await asyncio.sleep(BEAT)

    async def status(self) -> Status:
        """How the relay of the service stands, whoever holds it. Raises LogUnavailable."""
        told, wish = await self._table.load()
        head = await self._store.head()
        state = self._state or told
        return Status(
            holding=self._state is not None,
            holder=state.holder,
            position=state.position,
            head=head.position,
            lag=_seconds(state.level_at, head.now),
            seen_age=_seconds(state.seen_at, head.now),
            trouble=state.trouble,
            detail=state.detail,
            republish_from=wish,
        )

    async def republish(self, first: int) -> None:
        """Has whoever holds the relay publish again from position `first`; works from then on, whoever asked.

        Raises Refusal `position_unknown` for one that the log does not have, and LogUnavailable.
        """
        head = await self._store.head()
        if not 1 <= first <= head.position:
            raise Refusal(Kind.INVALID, "position_unknown", f"the log holds positions 1 to {head.position}")
        await self._table.wish(first)

    async def _hold(self, mine: Turn) -> None:
        saved, _ = await self._table.load()
        self._state = replace(saved, holder=self._me, trouble="", detail="")
        self._pause, self._said = FIRST_PAUSE, ""
        log.info("relay_begins", topic=self.topic)
        try:
            await first_of(self._tell(mine), self._publish_for_ever(mine))
        finally:
            await self._leave(mine, self._state)
            self._state = None

    def _waits(self, reason: str) -> None:
        # The same again, each second, is no news.
        if reason != self._said:
            log.warning("relay_waits", reason=reason)
        self._said = reason

    async def _tell(self, mine: Turn) -> None:
        """Shows each second that it lives, and how it stands."""
        while True:
            head = await self._store.head()
            mine.check()
            self._now(seen_at=head.now)
            await self._table.tell(self._held)
            await asyncio.sleep(BEAT)

    async def _leave(self, mine: Turn, state: State) -> None:
        with suppress(TurnLost, LogUnavailable, TimeoutError):
            mine.check()
            async with asyncio.timeout(FAREWELL):
                await self._table.tell(replace(state, holder=""))

    async def _publish_for_ever(self, mine: Turn) -> None:
        while True:
            try:
                await self._publish(mine)
            except (TurnLost, LogUnavailable, asyncpg.PostgresError):
                raise
            except Trouble as trouble:
                self._hindered(trouble)
            except NOT_AUTHORIZED:
                self._hindered(not_authorized(self._kafka, self.topic, "to write or read"))
            except (MessageSizeTooLargeError, RecordListTooLargeError):
                self._hindered(self._too_large())
            except (TopicMissing, *CLUSTER_LOST) as error:
                self._hindered(self._lost(error))
            except Exception as error:
                log.exception("relay_failed")
                self._hindered(Trouble("relay_failed", repr(error)))
            await asyncio.sleep(self._pause)
            self._pause = min(LAST_PAUSE, self._pause + 1)

    async def _publish(self, mine: Turn) -> None:
        await prepare(self._kafka, self._service, self._create)
        log_id = await self._store.log_id()
        await self._resume(log_id)
        async with publisher(self._kafka, self._service, log_id, mine.check) as to:
            while True:
                await self._beat(to)
                await self._follow(to)

    async def _resume(self, log_id: str) -> None:
        """Stands after the last position in the topic, or, where it holds none, after the one saved.

        Raises Trouble where the topic holds another log than this one.
        """
        async with asyncio.timeout(2 * PATIENCE), open_topic(self._kafka, self._service) as topic:
            last = await topic.last()
        position, chain_hash = self._held.position, self._held.chain_hash
        if last is not None and not isinstance(last.what, BadRecord):
            position, chain_hash = last.what.position, last.what.chain_hash
            if last.what.log_id != log_id:
                raise self._another(f"its last record is of the log {last.what.log_id}, and this log is {log_id}")
        if chain_hash != await self._hash_at(position):
            raise self._another(f"its position {position} is not in this log")
        self._now(position=position, chain_hash=chain_hash)

    async def _beat(self, to: Publisher) -> None:
        """Publishes up to the head, and says so only then."""
        head = await self._store.head()
        _, wish = await self._table.load()
        if wish is not None:
            await self._again(to, wish, head)
        while self._held.position < head.position:
            await self._page(to, head.position - self._held.position)
        if (self._held.position, self._held.chain_hash) != (head.position, head.chain_hash):
            raise self._another(f"it holds position {self._held.position}, and this log ends at {head.position}")
        await to.heartbeat(head)
        self._level(head)

    async def _again(self, to: Publisher, first: int, head: Head) -> None:
        """Goes back, and forgets the wish only when the topic itself says where to go on."""
        chain_hash = await self._hash_at(first - 1)
        # Behind as it is, it comes to `first` by itself; going there now would leave out what lies before.
        if first <= min(head.position, self._held.position) and chain_hash is not None:
            log.info("relay_republishes", first=first)
            self._now(position=first - 1, chain_hash=chain_hash)
            await self._page(to, head.position - first + 1)
        # Whoever watches sees the wish until the position shows what became of it.
        await self._table.tell(self._held)
        await self._table.granted(first)

    async def _follow(self, to: Publisher) -> None:
        """Publishes what comes, at once, until the next heartbeat is due."""
        now = asyncio.get_running_loop().time
        due = now() + BEAT
        while (left := due - now()) > 0:
            await self._store.wait(self._held.position, left)
            await self._page(to, PAGE_EVENTS)

    async def _page(self, to: Publisher, most: int) -> None:
        rows = await self._store.read(self._held.position, min(most, PAGE_EVENTS), PAGE_BYTES)
        if not rows:
            return
        started = time.time_ns()
        await to.events(rows)
        self._now(position=rows[-1].position, chain_hash=rows[-1].chain_hash)
        if self._published is not None:
            await self._published(rows, started)

    async def _hash_at(self, position: int) -> bytes | None:
        """The chain hash at a position of this log; None where it has no such position."""
        if position == 0:
            return GENESIS
        rows = await self._store.read(position - 1, 1)
        return rows[0].chain_hash if rows and rows[0].position == position else None

    def _level(self, head: Head) -> None:
        if self._held.trouble:
            log.info("relay_goes_on", topic=self.topic, position=head.position)
        self._pause = FIRST_PAUSE
        self._now(level_at=head.now, trouble="", detail="")

    def _hindered(self, trouble: Trouble) -> None:
        if trouble.code != self._held.trouble:
            log.warning("relay_hindered", topic=self.topic, code=trouble.code, detail=trouble.detail)
        self._now(trouble=trouble.code, detail=trouble.detail)

    def _lost(self, error: Exception) -> Trouble:
        why = ": ".join(part for part in (type(error).__name__, str(error)) if part)
        return Trouble("kafka_lost", f"Kafka does not serve this service at {self._kafka.servers} ({why})")

    def _another(self, why: str) -> Trouble:
        return Trouble(
            "topic_of_another_log",
            f"{self.topic} holds another log than this database ({why}): empty the topic, then: "
            f"watchword relay republish {self._service} --from 1",
        )

    def _too_large(self) -> Trouble:
        following = self._held.position + 1
        return Trouble(
            "record_too_large",
            f"{self.topic} does not take the event at {following} or soon after: raise its max.message.bytes",
        )

    def _now(self, **changes: Any) -> None:
        self._state = replace(self._held, **changes)

    @property
    def _held(self) -> State:
        assert self._state is not None, "only the holder has a state"
        return self._state


def _seconds(since: int, now: int) -> float | None:
    return None if since == 0 else max(0, now - since) / 1e6
