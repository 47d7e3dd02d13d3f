"""An organization's rules in memory: every version that was written, and which was in force when."""

import zlib
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from eventlog.projection import Change, Put, Sink
from services.policy.domain.rules.engine import Rules

COMPILED = 8
"""Versions whose policies are parsed."""


class Version(msgspec.Struct, frozen=True):
    """What was written, and when (µs since 1970). Texts are packed: all versions are here, and one of them decides."""

    version: int
    note: str
    position: int
    time: int
    packed: bytes

    @classmethod
    def of(cls, row: Put) -> "Version":
        """Of a row `rules`."""
        said = row.value
        texts = msgspec.json.encode([said["policies"], said.get("schema", "")])
        return cls(said["version"], said.get("note", ""), said["position"], said["time"], zlib.compress(texts))

    @property
    def texts(self) -> tuple[str, str]:
        """Policies and schema."""
        return msgspec.json.decode(zlib.decompress(self.packed), type=tuple[str, str])


class Activation(msgspec.Struct, frozen=True):
    """From this position and time (µs since 1970) on, this version decides."""

    version: int
    position: int
    time: int


class InForce:
    """The sink of rows `rules` and `activation`."""

    def __init__(self) -> None:
        self._versions: dict[int, Version] = {}
        self._activations: list[Activation] = []
        self._compiled = lru_cache(maxsize=COMPILED)(self._compile)
        self._shipped = Rules.of()

    @property
    def active(self) -> int:
        """Which version decides; 0: the shipped policies alone."""
        return self._activations[-1].version if self._activations else 0

    @property
    def activations(self) -> Sequence[Activation]:
        """In their order."""
        return self._activations

    @property
    def versions(self) -> Sequence[Version]:
        """In their order."""
        return [self._versions[number] for number in sorted(self._versions)]

    def version(self, number: int) -> Version | None:
        return self._versions.get(number)

    def now(self) -> Rules:
        """Those that decide. Raises where they cannot be read: then nothing is decided."""
        return self.rules(self.active)

    def rules(self, number: int) -> Rules:
        """A version over the shipped policies. Raises KeyError where it is not known here, and ValueError."""
        return self._compiled(number) if number else self._shipped

    def reset(self, rows: list[Put]) -> None:
        """See eventlog.projection.Sink."""
        self._versions.clear()
        self._activations.clear()
        self._compiled.cache_clear()
        for row in sorted(rows, key=lambda row: row.key):
            self.apply(row)

    def apply(self, change: Change) -> None:
        """See eventlog.projection.Sink."""
        match change:
            case Put(kind="rules"):
                found = Version.of(change)
                self._versions[found.version] = found
            case Put(kind="activation", value=value):
                self._activations.append(msgspec.convert(value, Activation))

    def _compile(self, number: int) -> Rules:
        return Rules.checked(self._versions[number].texts[0])


class Together:
    """Several sinks of one projection: each is given all rows, and takes those that are its own."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks

    def reset(self, rows: list[Put]) -> None:
        """See eventlog.projection.Sink."""
        for sink in self._sinks:
            sink.reset(rows)

    def apply(self, change: Change) -> None:
        """See eventlog.projection.Sink."""
        for sink in self._sinks:
            sink.apply(change)
