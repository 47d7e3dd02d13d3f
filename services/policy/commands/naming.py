"""Which of several facts a refusal is about."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from eventlog.errors import Refusal


@contextmanager
def naming(one: object, among: Sequence[object], what: str = "write") -> Iterator[None]:
    """What is refused within is said of `one`, by its number from 1, as in `write 3: …`; of a single one not."""
    try:
        yield
    except Refusal as refusal:
        if len(among) == 1:
            raise
        number = list(among).index(one) + 1
        detail = f"{what} {number}: {refusal.detail}"
        raise Refusal(refusal.kind, refusal.code, detail, refusal.retry_after) from None
