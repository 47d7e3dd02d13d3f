"""How the relay of a service stands: one row, written by the process that holds it, read by every one of them."""

from dataclasses import dataclass

import asyncpg

from eventlog.migrate import RELAY as SCHEMA
from eventlog.postgres.connection import fetch

__all__ = ["SCHEMA", "RelayTable", "State", "Status"]

_LOAD = "SELECT position, chain_hash, level_at, holder, seen_at, trouble, detail, republish_from FROM relay"
_TELL = """UPDATE relay SET position = $1, chain_hash = $2, level_at = $3, holder = $4, seen_at = $5, trouble = $6,
           detail = $7"""


@dataclass(frozen=True, slots=True)
class State:
    """What the holder has done. Times are the log's, in µs since 1970; 0: never.

    All up to `position` is in the topic; the newest heartbeat there is of `level_at`. `trouble` is a code, empty where
    all is well.
    """

    position: int
    chain_hash: bytes
    level_at: int = 0
    holder: str = ""
    seen_at: int = 0
    trouble: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """The relay as operators see it, from whichever process of the service.

    `lag` in seconds: how old the newest heartbeat in the topic is, and with it what its readers can know; `seen_age`:
    how long ago its holder showed that it lives. None: never.
    """

    holding: bool
    holder: str
    position: int
    head: int
    lag: float | None
    seen_age: float | None
    trouble: str
    detail: str
    republish_from: int | None


class RelayTable:
    """The row. Every method raises LogUnavailable where the database does not answer in time."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def load(self) -> tuple[State, int | None]:
        """The state, and from where an operator wishes to have it all again."""
        found = dict((await fetch(self._pool, _LOAD))[0])
        wish = found.pop("republish_from")
        return State(**found), wish

    async def tell(self, state: State) -> None:
        await fetch(
            self._pool,
            _TELL,
            state.position,
            state.chain_hash,
            state.level_at,
            state.holder,
            state.seen_at,
            state.trouble,
            state.detail,
        )

    async def wish(self, first: int) -> None:
        """Whoever holds the relay publishes again from position `first`."""
        await fetch(self._pool, "UPDATE relay SET republish_from = $1", first)

    async def granted(self, first: int) -> None:
        """That wish has come true; another that was made meanwhile stays."""
        await fetch(self._pool, "UPDATE relay SET republish_from = NULL WHERE republish_from = $1", first)
