"""Policy's facts in memory: by the streams that hold them, and by what they point at."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from sys import intern
from typing import Any

import msgspec

from eventlog.projection import Change, Drop, Put
from services.policy.domain.facts import (
    GROUP,
    Assignment,
    Exclusion,
    Fact,
    Group,
    Holding,
    Membership,
    Owner,
    Role,
    Share,
    key_of,
    stream_of,
)
from services.policy.domain.pointers import OF_TYPE, pointers
from services.policy.domain.reach import MAX_DEPTH, inherited
from services.policy.streams import KINDS, Streams
from services.policy.unmoved import Unmoved


class Model:
    """All facts; `domain.facts.Facts` and `domain.pointers.Pointers`. The sink of a projection."""

    def __init__(self) -> None:
        self._facts = Streams()
        self._pointing: dict[str, dict[str, int]] = defaultdict(dict)
        self._closures: dict[str, Mapping[str, str]] = {}
        self._holdings: dict[str, Holding] = {}
        self._unmoved: list[Unmoved] = []
        self._types: dict[str, None] = {}

    def of(self, stream: str) -> Sequence[Fact]:
        """The facts that a stream holds."""
        return self._facts.of(stream)

    def closures(self) -> dict[str, Mapping[str, str]]:
        """See domain.facts.Facts."""
        return self._closures

    def holdings(self) -> dict[str, Holding]:
        """See domain.facts.Facts."""
        return self._holdings

    def pointing(self, target: str) -> Collection[str]:
        """See Pointers."""
        return self._pointing.get(target, {})

    def types(self) -> Collection[str]:
        """The types of things that `pointing` finds."""
        return self._types

    @contextmanager
    def unmoved(self) -> Iterator[Unmoved]:
        """The facts as they stand now, whatever becomes of them before it is left."""
        one = Unmoved(self._facts, self._closures, self._holdings)
        self._unmoved.append(one)
        try:
            yield one
        finally:
            self._unmoved.remove(one)

    def every(self) -> Iterator[Fact]:
        """All facts as they stand now, whatever becomes of them while they are gone through.

        What others refer to comes first, so that they can be written in this order.
        """
        roles = [one for one in self.all("role") if isinstance(one, Role)]
        roles.sort(key=lambda role: len(inherited(self, role.name)))
        return chain(roles, _in_order(self._facts.copy()))

    def all(self, kind: str) -> Iterator[Fact]:
        """The facts of streams of a kind, by the order of their streams."""
        return self._facts.all(kind)

    def reset(self, rows: list[Put]) -> None:
        """See eventlog.projection.Sink."""
        self._facts, self._closures, self._holdings = Streams(), {}, {}
        self._pointing.clear()
        self._types.clear()
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
                self._move(stream_of(fact))
                self._drop(stream_of(fact), key_of(fact))
                self._add(fact)
            case Drop(kind="fact", key=key):
                stream, name = parts(key)
                self._move(stream)
                self._drop(stream, name)

    def _move(self, stream: str) -> None:
        """Before it changes."""
        for one in self._unmoved:
            one.keep(stream)

    def _add(self, fact: Fact) -> None:
        self._facts.put(fact)
        self._unlearn(fact)
        self._point(fact)

    def _unlearn(self, fact: Fact) -> None:
        """What follows from a fact is looked for anew."""
        if isinstance(fact, Role):
            self._closures.clear()
        match fact:
            case Membership(member=who) | Assignment(holder=who) if not who.startswith(f"{GROUP}/"):
                self._holdings.pop(who, None)
            case Membership() | Assignment() | Group() | Role() | Exclusion():
                self._holdings.clear()

    def _point(self, fact: Fact) -> None:
        for target, what in pointers(fact):
            among = self._pointing[target]
            if not among and target.startswith(OF_TYPE):
                self._types[target.removeprefix(OF_TYPE)] = None
            among[what] = among.get(what, 0) + 1

    def _drop(self, stream: str, key: str) -> None:
        fact = self._facts.take(stream, key)
        if fact is not None:
            self._forget(fact)

    def _forget(self, fact: Fact) -> None:
        self._unlearn(fact)
        for target, what in pointers(fact):
            among = self._pointing[target]
            among[what] -= 1
            if not among[what]:
                del among[what]
            if not among:
                del self._pointing[target]
                self._types.pop(target.removeprefix(OF_TYPE), None)


def _kept(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same with each text once in memory: a thing is named by many facts."""
    return {name: intern(said) if isinstance(said, str) else said for name, said in value.items()}


def _in_order(streams: Streams) -> Iterator[Fact]:
    """A million facts take seconds: whoever goes through them can do other things in between."""
    for kind in KINDS[1:]:
        for stream in streams.names(kind):
            there = streams.of(stream)
            yield from sorted(there, key=_resting(there)) if kind == "resource" and len(there) > 1 else there


def _resting(there: Sequence[Fact]) -> Callable[[Fact], int]:
    """Sorts what is said of a resource: each share behind those on which it rests, all of them behind the owner."""
    shares = {one.id: one for one in there if isinstance(one, Share)}

    def depth(fact: Fact) -> int:
        count = 0
        while isinstance(fact, Share) and count <= MAX_DEPTH:
            count += 1
            fact = shares.get(fact.under, _OWNER)
        return count

    return depth


_OWNER = Owner("")


def row_key(fact: Fact) -> str:
    """How a fact's row is named: a line for its stream, and one for what tells it from others there."""
    return f"{stream_of(fact)}\n{key_of(fact)}"


def parts(key: str) -> tuple[str, str]:
    """The stream of a row's key, and the rest."""
    stream, _, name = key.partition("\n")
    return stream, name
