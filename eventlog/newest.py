"""The newest rows of a log, up to a bound."""

from collections.abc import Sequence

from eventlog.events import Recorded
from eventlog.store import Head, page_of, weight

KEPT_ROWS = 2_000
KEPT_BYTES = 4_000_000


class Newest:
    """Up to KEPT_ROWS and KEPT_BYTES, or twice that for a while; all of them behind `after`, without a gap."""

    def __init__(self, after: int = 0) -> None:
        self.after = after
        self._rows: list[Recorded] = []
        self._bytes = 0

    @property
    def last(self) -> int:
        """The last position that is kept; `after` where there is none."""
        return self.after + len(self._rows)

    @property
    def chain_hash(self) -> bytes:
        """Of the last row. Raises IndexError where there is none."""
        return self._rows[-1].chain_hash

    def __bool__(self) -> bool:
        return bool(self._rows)

    def begin(self, after: int, rows: Sequence[Recorded] = ()) -> None:
        """Forgets what is kept, and keeps these rows, which follow `after`."""
        self.after, self._rows, self._bytes = after, [], 0
        self.add(rows)

    def add(self, rows: Sequence[Recorded]) -> None:
        """Keeps rows that follow the last."""
        self._rows += rows
        self._bytes += sum(map(weight, rows))
        if len(self._rows) > 2 * KEPT_ROWS or self._bytes > 2 * KEPT_BYTES:
            self._shorten()

    def holds(self, after: int) -> bool:
        """Whether all that follows a position, up to the last, is kept."""
        return self.after <= after <= self.last

    def page(self, after: int, limit: int, max_bytes: int) -> list[Recorded]:
        """The rows above a position behind which all is kept. See Store.read."""
        return page_of(self._rows[after - self.after :], limit, max_bytes)

    def of_another(self, head: Head, before: int) -> bool:
        """Whether these rows are of another log than one with this head, as after a restore.

        `before` is up to where they were known when the head had not been read yet.
        """
        known = self._rows[head.position - self.after - 1] if self.after < head.position <= self.last else None
        return head.position < before or (known is not None and known.chain_hash != head.chain_hash)

    def _shorten(self) -> None:
        kept = self._rows[-KEPT_ROWS:]
        size = sum(map(weight, kept))
        while len(kept) > 1 and size > KEPT_BYTES:
            size -= weight(kept.pop(0))
        self.after, self._rows, self._bytes = self.last - len(kept), kept, size
