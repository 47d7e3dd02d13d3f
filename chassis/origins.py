"""The web origins that clients registered, as a process has heard of them: whose pages may read answers (RULES 10)."""

from collections import Counter

from eventlog.projection import Change, DropGroup, MemoryRows, Put


class Origins:
    """What a memory projection of rows `client` is kept in, each of which lists its `origins`."""

    def __init__(self) -> None:
        self._rows = MemoryRows()
        self._shared: Counter[str] = Counter()

    def clients(self) -> list[str]:
        """The ids of the clients that have a row."""
        return list(self._rows.all("client"))

    def share(self, origin: str) -> bool:
        """Whether some client registered the origin. Takes no longer the more clients there are."""
        return origin in self._shared

    def reset(self, rows: list[Put]) -> None:
        """See eventlog.projection.memory.Sink."""
        self._rows.reset(rows)
        self._shared = Counter(origin for row in rows for origin in set(row.value["origins"]))

    def apply(self, change: Change) -> None:
        """See eventlog.projection.memory.Sink."""
        assert not isinstance(change, DropGroup), "clients belong to nobody"
        before = self._of(change.key)
        self._rows.apply(change)
        after = self._of(change.key)
        self._shared.update(after - before)
        self._shared.subtract(before - after)
        self._shared = +self._shared if before - after else self._shared

    def _of(self, client_id: str) -> set[str]:
        row = self._rows.get("client", client_id)
        return set() if row is None else set(row["origins"])
