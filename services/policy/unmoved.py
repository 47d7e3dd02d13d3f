"""Facts as they stood, for whoever lets others go first in between."""

from collections.abc import Mapping, Sequence

from services.policy.domain.facts import Fact, Holding
from services.policy.streams import Streams


class Unmoved:
    """`domain.facts.Facts` as they stood when it was made: `keep` is called before each change of a stream.

    What was found of them is shared until the first change: then each finds its own.
    """

    def __init__(self, streams: Streams, closures: dict[str, Mapping[str, str]], holdings: dict[str, Holding]) -> None:
        self._streams = streams
        self._closures = closures
        self._holdings = holdings
        self._before: dict[str, Sequence[Fact]] = {}

    def of(self, stream: str) -> Sequence[Fact]:
        """See domain.facts.Facts."""
        before = self._before.get(stream)
        return self._streams.of(stream) if before is None else before

    def closures(self) -> dict[str, Mapping[str, str]]:
        """See domain.facts.Facts."""
        return self._closures

    def holdings(self) -> dict[str, Holding]:
        """See domain.facts.Facts."""
        return self._holdings

    def keep(self, stream: str) -> None:
        """It is going to change."""
        if not self._before:
            self._closures, self._holdings = {}, {}
        if stream not in self._before:
            self._before[stream] = self._streams.of(stream)
