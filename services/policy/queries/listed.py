"""Facts a page at a time, from the table: memory keeps them in no order that could be gone through."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from eventlog.projection.rows import Found


class FactRows(Protocol):
    """Rows `fact`; `eventlog.projection.Rows` is one."""

    async def page(self, kind: str, sort: str | None, after: str, limit: int) -> Found:
        """The next rows of a kind by key, of all or of those whose value says `sort` as its `kind`."""
        ...


class Page(NamedTuple):
    """The next page begins after `next`, which is empty on the last one. It is so at `position`."""

    values: Sequence[Mapping[str, Any]]
    next: str
    position: int


class ListedFacts:
    """The facts of `rows`."""

    def __init__(self, rows: FactRows) -> None:
        self._rows = rows

    async def page(self, kind: str | None, after: str, size: int) -> Page:
        """Those of a kind, or all where it is None, in the order of their keys."""
        found = await self._rows.page("fact", kind, after, size + 1)
        rows = found.rows[:size]
        return Page([one.value for one in rows], rows[-1].key if len(found.rows) > size else "", found.position)
