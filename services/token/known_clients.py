"""The clients as this process has heard of them: which there are, and whose pages may read what token answers."""

from collections import Counter
from typing import Any

from eventlog.log import Log
from eventlog.projection import Change, DropGroup, MemoryRows, Put
from services.token.domain.client import CLIENT


class KnownClients:
    """What a memory projection of `CLIENTS` is kept in. It also tells the log which clients have changed elsewhere, so
    that what this process remembers of them is read anew (RULES 7: within the lag that is shown).
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._rows = MemoryRows()
        self._origins: Counter[str] = Counter()

    def ids(self) -> list[str]:
        return list(self._rows.all("client"))

    def shares_with(self, origin: str) -> bool:
        """Whether some client registered the origin (RULES 10). Takes no longer the more clients there are."""
        return origin in self._origins

    def reset(self, rows: list[Put]) -> None:
        """See eventlog.projection.memory.Sink."""
        for key in {*self.ids(), *(row.key for row in rows)}:
            self._log.forget(CLIENT, key)
        self._rows.reset(rows)
        self._origins = Counter(origin for row in rows for origin in set(row.value["origins"]))

    def apply(self, change: Change) -> None:
        """See eventlog.projection.memory.Sink."""
        assert not isinstance(change, DropGroup), "clients belong to nobody"
        self._log.forget(CLIENT, change.key)
        before = _origins(self._rows.get("client", change.key))
        self._rows.apply(change)
        after = _origins(self._rows.get("client", change.key))
        self._origins.update(after - before)
        self._origins.subtract(before - after)
        self._origins = +self._origins if before - after else self._origins


def _origins(row: dict[str, Any] | None) -> set[str]:
    return set() if row is None else set(row["origins"])
