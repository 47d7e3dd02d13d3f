"""What depends on a parked stream is denied (RULES 6), in every process of the service."""

import asyncio
from dataclasses import dataclass

import structlog

from eventlog.errors import Refusal, unavailable
from eventlog.feed import INTERVAL
from eventlog.projection.rows import DATABASE_LOST, Rows

log = structlog.get_logger()


@dataclass(slots=True)
class Parked:
    """The streams that a reaction has parked, in whichever process it runs, as of about a second ago.

    None before the first look; until then nothing is answered.
    """

    streams: frozenset[str] | None = None

    def holds(self, *streams: str) -> bool:
        """Whether any of the streams is parked. Raises Refusal `parked_unknown` before the first look."""
        if self.streams is None:
            raise unavailable("parked_unknown", "what could not be applied is not known here yet")
        return not self.streams.isdisjoint(streams)

    def refuse(self, *streams: str) -> None:
        """Raises Refusal `parked` where any of the streams is, or `parked_unknown`."""
        if self.holds(*streams):
            raise unavailable("parked", "an event that this depends on could not be applied yet")

    async def look(self, rows: Rows) -> None:
        """Asks the table. Raises LogUnavailable."""
        self.streams = await rows.parked()

    async def follow(self, rows: Rows) -> None:
        """Looks each second, for ever."""
        while True:
            try:
                await self.look(rows)
            except (Refusal, *DATABASE_LOST) as error:
                log.warning("parked_unknown", projection=rows.projection, reason=repr(error))
            await asyncio.sleep(INTERVAL)
