"""An organization's rules in memory: every version that was written, and which was in force when."""

import asyncio
import zlib
from collections import OrderedDict
from collections.abc import Sequence

import msgspec
import structlog

from eventlog.projection import Change, Put, Sink
from services.policy.domain.rules.engine import Rules

log = structlog.get_logger()

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
        self._compiled: OrderedDict[int, Rules] = OrderedDict()
        self._unreadable: dict[int, str] = {}
        self._coming: dict[int, None] = {}
        self._come = asyncio.Event()
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

    @property
    def compiled(self) -> frozenset[int]:
        """The versions whose policies are parsed: if one of them comes to decide, no decision waits for that."""
        return frozenset(self._compiled)

    def version(self, number: int) -> Version | None:
        return self._versions.get(number)

    def now(self) -> Rules:
        """Those that decide. Raises where they cannot be read: then nothing is decided."""
        return self.rules(self.active)

    def rules(self, number: int) -> Rules:
        """A version over the shipped policies. Raises KeyError where it is not known here, and ValueError."""
        if not number:
            return self._shipped
        if number not in self._compiled:
            self._keep(number, self._read(number))
        self._compiled.move_to_end(number)
        return self._compiled[number]

    def _read(self, number: int) -> Rules:
        """Once: what cannot be read, such as a version of a later release, cannot be at the next decision either."""
        if number in self._unreadable:
            raise ValueError(self._unreadable[number])
        try:
            return Rules.checked(self._versions[number].texts[0])
        except ValueError as wrong:
            self._unreadable[number] = str(wrong)
            raise

    async def run(self) -> None:
        """For ever: parses versions as they come, in a thread, before anything is decided by them."""
        while True:
            await self._come.wait()
            self._come.clear()
            while self._coming:
                number, _ = self._coming.popitem()
                if (version := self._versions.get(number)) is not None:
                    await self._compile(number, version)

    def reset(self, rows: list[Put]) -> None:
        """See eventlog.projection.Sink."""
        self._versions.clear()
        self._activations.clear()
        self._compiled.clear()
        self._unreadable.clear()
        for row in sorted(rows, key=lambda row: row.key):
            self.apply(row)
        self._coming = dict.fromkeys([max(self._versions, default=0), self.active])

    def apply(self, change: Change) -> None:
        """See eventlog.projection.Sink."""
        match change:
            case Put(kind="rules"):
                found = Version.of(change)
                self._versions[found.version] = found
                self._comes(found.version)
            case Put(kind="activation", value=value):
                self._activations.append(msgspec.convert(value, Activation))
                self._comes(self.active)

    def _comes(self, number: int) -> None:
        """The last that came is parsed first; of what came before, as much as is kept."""
        if number not in self._compiled:
            self._coming.pop(number, None)
            self._coming[number] = None
            while len(self._coming) > COMPILED:
                del self._coming[next(iter(self._coming))]
            self._come.set()

    async def _compile(self, number: int, version: Version) -> None:
        """What cannot be read is said where it decides: nothing is allowed by it."""
        try:
            rules = await asyncio.to_thread(lambda: Rules.checked(version.texts[0]))
        except Exception:
            log.exception("rules_unreadable", version=number)
            return
        if self._versions.get(number) is version and number not in self._compiled:
            self._keep(number, rules)

    def _keep(self, number: int, rules: Rules) -> None:
        """What decides is not given up for what does not."""
        self._compiled[number] = rules
        for one in (self.active, number):
            if one in self._compiled:
                self._compiled.move_to_end(one)
        while len(self._compiled) > COMPILED:
            self._compiled.popitem(last=False)


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
