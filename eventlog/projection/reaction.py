"""Another service's events → one's own commands, once, whatever is rebuilt."""

import uuid
from collections.abc import Awaitable, Callable

import structlog

from eventlog.errors import Kind, Refusal
from eventlog.events import Event, Recorded
from eventlog.feed import Source
from eventlog.projection.bundle import Bundle
from eventlog.projection.change import Decode
from eventlog.projection.durable import Durable
from eventlog.projection.memory import continues
from eventlog.projection.rows import DATABASE_LOST, Checkpoint, Rows

log = structlog.get_logger()

_REACTIONS = uuid.UUID("6f1d2f0c-6f54-4c0f-9f0e-3d6f0a9d5b11")


def reaction_id(source: str, position: int) -> str:
    """The command id of what is done because of an event: the same each time, so that twice is once."""
    return str(uuid.uuid5(_REACTIONS, f"{source}/{position}"))


class Reaction(Durable):
    """Another service's events → one's own commands, once. A rebuild never runs it."""

    def __init__(
        self,
        name: str,
        rows: Rows,
        source: Source,
        reader: str,
        decode: Decode,
        react: Callable[[Event, Recorded], Awaitable[None]],
    ) -> None:
        super().__init__(name, rows, source, reader)
        self._decode = decode
        self._react = react

    async def take(self, rows: list[Recorded], offset: int | None) -> None:
        """See Durable.take. What is unavailable now is tried again later; what cannot be done is parked."""
        before = self._at
        for row in rows:
            if row.position > self._at.position:
                continues(self._at, row)
                reason = await self._done(row)
                if reason is not None:
                    await self._park(row, reason)
                self._at = Checkpoint(row.position, row.chain_hash, offset if row is rows[-1] else None)
        if not await self.rows.move(before, self._at, Bundle()):  # an event was parked, with the checkpoint
            async with self.rows.pool.acquire() as connection:
                await self.rows.advance(connection, self._at)

    async def retry(self) -> tuple[int, int]:
        """Reacts to the parked events again, in order. How many were done, and how many are parked still."""
        applied = 0
        stuck: set[str] = set()
        async with self.rows.pool.acquire() as connection:
            waiting = await self.rows.parked_rows(connection)
            for row in waiting:
                if row.stream in stuck or await self._attempt(row) is not None:
                    stuck.add(row.stream)
                    continue
                await self.rows.unpark(connection, row.position)
                applied += 1
        self._parked = await self.rows.parked()
        return applied, len(waiting) - applied

    async def _done(self, row: Recorded) -> str | None:
        return "its stream is parked" if row.stream in self._parked else await self._attempt(row)

    async def _attempt(self, row: Recorded) -> str | None:
        try:
            event = await self._decode(row)
            if event is not None:
                await self._react(event, row)
        except Refusal as refusal:
            if refusal.kind is Kind.UNAVAILABLE:
                raise
            return str(refusal)
        except DATABASE_LOST:
            raise
        except Exception as error:
            log.error("event_parked", projection=self.name, position=row.position, reason=repr(error))
            return repr(error)
        return None

    async def _park(self, row: Recorded, reason: str) -> None:
        async with self.rows.pool.acquire() as connection, connection.transaction():
            await self.rows.park(connection, row, reason)
            await self.rows.advance(connection, Checkpoint(row.position, row.chain_hash))
        self._parked |= {row.stream}
