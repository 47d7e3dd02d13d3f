"""What a projection is: events in, changes of rows out, the same for a table and for memory."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from eventlog.events import Event, Recorded, Registry

Value = dict[str, Any]


class Put(msgspec.Struct, frozen=True):
    """The row `key` of a kind is now `value` (JSON), findable by what it `belongs` to."""

    kind: str
    key: str
    value: Value
    belongs: str = ""


class Patch(msgspec.Struct, frozen=True):
    """These fields of a row change; a row that does not exist stays so."""

    kind: str
    key: str
    fields: Value


class Drop(msgspec.Struct, frozen=True):
    """The row is gone."""

    kind: str
    key: str


class DropGroup(msgspec.Struct, frozen=True):
    """All rows of a kind that belong to `belongs` are gone, but for the one with the key `spare`."""

    kind: str
    belongs: str
    spare: str = ""


Change = Put | Patch | Drop | DropGroup
Decode = Callable[[Recorded], Awaitable[Event | None]]
Prepare = Callable[[Sequence[Recorded]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Projection:
    """`fold` is pure. What it or `decode` cannot take is parked, with all that follows in its stream.

    `prepare` is given a page before its rows are decoded one by one; it parks nothing.
    """

    name: str
    log: str
    decode: Decode
    fold: Callable[[Event, Recorded], Iterable[Change]]
    prepare: Prepare | None = None

    async def changes(self, row: Recorded) -> list[Change]:
        event = await self.decode(row)
        return [] if event is None else list(self.fold(event, row))


def foreign(registry: Registry) -> Decode:
    """How another service's events are read: by this service's own declarations, without a sealed part."""

    async def decode(row: Recorded) -> Event | None:
        return registry.decode(row.type, row.body)

    return decode
