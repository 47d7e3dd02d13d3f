"""Policy's facts in memory: by the streams that hold them, and by what they point at."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from sys import intern
from typing import Any

import msgspec

from eventlog.projection import Change, Drop, Put
from services.policy.domain.facts import Fact, Owner, Parent, Role, Share, key_of, shares, stream_of
from services.policy.domain.pointers import pointers
from services.policy.domain.reach import MAX_DEPTH, inherited
from services.policy.streams import KINDS, Streams


class Model:
    """All facts; `domain.facts.Facts` and `domain.pointers.Pointers`. The sink of a projection."""

    def __init__(self) -> None:
        self._facts = Streams()
        self._pointing: dict[str, dict[str, int]] = defaultdict(dict)
        self._closures: dict[str, Mapping[str, str]] = {}

    def of(self, stream: str) -> Sequence[Fact]:
        """The facts that a stream holds."""
        return self._facts.of(stream)

    def closures(self) -> dict[str, Mapping[str, str]]:
        """See domain.facts.Facts."""
        return self._closures

    def pointing(self, target: str) -> Collection[str]:
        """See Pointers."""
        return self._pointing.get(target, {})

    def every(self) -> Sequence[Fact]:
        """All facts; what others refer to comes first, so that they can be written in this order."""
        return [fact for kind in KINDS for fact in sorted(self.all(kind), key=self._rests_on)]

    def _rests_on(self, fact: Fact) -> tuple[str, int]:
        """Sorts roles behind those that they inherit, and on a resource its owner first, then share upon share."""
        match fact:
            case Role(name):
                return "", len(inherited(self, name))
            case Owner(resource) | Parent(resource):
                return resource, 0
            case Share(resource):
                return resource, 1 + _resting(fact, shares(self, resource))
        return "", 0

    def all(self, kind: str) -> Iterator[Fact]:
        """The facts of streams of a kind, by the order of their streams."""
        return self._facts.all(kind)

    def reset(self, rows: list[Put]) -> None:
        """See eventlog.projection.Sink."""
        self._facts.clear()
        self._pointing.clear()
        self._closures.clear()
        for row in rows:
            if row.kind == "fact":
                fact = msgspec.convert(_kept(row.value), Fact)
                self._facts.put(fact)
                self._point(fact)

    def apply(self, change: Change) -> None:
        """See eventlog.projection.Sink."""
        match change:
            case Put(kind="fact", value=value):
                fact = msgspec.convert(_kept(value), Fact)
                self._drop(stream_of(fact), key_of(fact))
                self._add(fact)
            case Drop(kind="fact", key=key):
                self._drop(*parts(key))

    def _add(self, fact: Fact) -> None:
        self._facts.put(fact)
        if isinstance(fact, Role):
            self._closures.clear()
        self._point(fact)

    def _point(self, fact: Fact) -> None:
        for target, what in pointers(fact):
            among = self._pointing[target]
            among[what] = among.get(what, 0) + 1

    def _drop(self, stream: str, key: str) -> None:
        fact = self._facts.take(stream, key)
        if fact is not None:
            self._forget(fact)

    def _forget(self, fact: Fact) -> None:
        if isinstance(fact, Role):
            self._closures.clear()
        for target, what in pointers(fact):
            among = self._pointing[target]
            among[what] -= 1
            if not among[what]:
                del among[what]
            if not among:
                del self._pointing[target]


def _kept(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same with each text once in memory: a thing is named by many facts."""
    return {name: intern(said) if isinstance(said, str) else said for name, said in value.items()}


def _resting(share: Share, there: Mapping[str, Share]) -> int:
    """On how many shares it rests."""
    count = 0
    while (below := there.get(share.under)) is not None and count <= MAX_DEPTH:
        share, count = below, count + 1
    return count


def row_key(fact: Fact) -> str:
    """How a fact's row is named: a line for its stream, and one for what tells it from others there."""
    return f"{stream_of(fact)}\n{key_of(fact)}"


def parts(key: str) -> tuple[str, str]:
    """The stream of a row's key, and the rest."""
    stream, _, name = key.partition("\n")
    return stream, name
