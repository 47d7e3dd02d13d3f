"""The clients as this process has heard of them: which there are, and whose pages may read what token answers."""

from chassis.origins import Origins
from eventlog.log import Log
from eventlog.projection import Change, DropGroup, Put
from services.token.domain.client import CLIENT


class KnownClients:
    """What a memory projection of `CLIENTS` is kept in. It also tells the log which clients have changed elsewhere, so
    that what this process remembers of them is read anew (RULES 7: within the lag that is shown).
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._origins = Origins()

    def ids(self) -> list[str]:
        return self._origins.clients()

    def shares_with(self, origin: str) -> bool:
        """See Origins.share."""
        return self._origins.share(origin)

    def reset(self, rows: list[Put]) -> None:
        """See eventlog.projection.memory.Sink."""
        for key in {*self.ids(), *(row.key for row in rows)}:
            self._log.forget(CLIENT, key)
        self._origins.reset(rows)

    def apply(self, change: Change) -> None:
        """See eventlog.projection.memory.Sink."""
        assert not isinstance(change, DropGroup), "clients belong to nobody"
        if change.kind == "client":
            self._log.forget(CLIENT, change.key)
            self._origins.apply(change)
