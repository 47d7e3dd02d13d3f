"""Token in two processes on one database, as races find it: in memory, or wherever its stores are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chassis.kept import MemoryKept
from eventlog.events import Event, Recorded
from eventlog.log import By, Fold, Log
from eventlog.projection.parked import Parked
from eventlog.sealing import MemorySealKeys, Sealer, Wrapping
from eventlog.store import Store
from services.token.adapters.vault import EncryptedVault, WrappedKeys
from services.token.commands.clients import register_client
from services.token.commands.keys import rotate_ring
from services.token.domain.client import Client
from services.token.domain.events import events
from services.token.domain.keyring import KEYRING, REFRESH_RING, signing_ring
from services.token.ports import Token
from tests.races.stores import SlowKeys, SlowStore
from tests.unit.token.world import ISSUER, Process, SetClock

ES256 = signing_ring("ES256")
RINGS = (ES256, REFRESH_RING)
SETTING = By("test", "setting")
Streams = Sequence[tuple[Fold[Any], str]]


@dataclass
class Stage:
    """The processes by their names, `a` and `b` and as many more as a race asks for, and what they share."""

    stores: dict[str, Store]
    keys: WrappedKeys
    clock: SetClock = field(default_factory=SetClock)
    processes: dict[str, Process] = field(default_factory=dict)
    known: list[Recorded] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, store in self.stores.items():
            log = Log(store, events, Sealer(Wrapping(bytes(32)), MemorySealKeys()), self.clock.now)
            vault = EncryptedVault(Wrapping(bytes(32)), self.keys)
            token = Token(log, vault, ISSUER, lambda: 0, Parked(frozenset()), MemoryKept(self.clock.now))
            self.processes[name] = Process(token, self.clock)

    def token(self, process: str = "a") -> Token:
        return self.processes[process].token

    async def rows(self, after: int = 0) -> list[Recorded]:
        """What the log holds above a position."""
        store = self.token().log.store
        while page := await store.read(len(self.known), 500):
            self.known += page
        return self.known[after:]

    async def events(self, after: int = 0) -> list[tuple[Recorded, Event]]:
        """The same, decoded."""
        decoded = [(row, events.decode(row.type, row.body)) for row in await self.rows(after)]
        return [(row, event) for row, event in decoded if event is not None]

    async def make_keys(self) -> None:
        for ring in RINGS:
            await rotate_ring(self.token(), ring, False, SETTING, lambda ring: True)

    async def register(self, *clients: Client) -> None:
        for client in clients:
            await register_client(self.token(), client, SETTING)


@dataclass
class Original:
    """A stage in memory that is made once; each schedule gets a copy of it, its processes as they were.

    A process has read `streams` at the position up to which it has `read` the log, and nothing since.
    """

    stage: Stage
    streams: Streams
    read: dict[str, int]

    async def copy(self) -> Stage:
        rows = await self.stage.rows()
        assert isinstance(self.stage.keys, SlowKeys)
        clock = SetClock(self.stage.clock.time)
        store = SlowStore(clock=clock.now)
        stage = Stage(dict.fromkeys(self.read, store), self.stage.keys.copied(), clock)
        for name, position in sorted(self.read.items(), key=lambda one: one[1]):
            store.take(rows[len(store.rows) : position])
            await _warm(stage.token(name), self.streams if position else ())
        store.take(rows[len(store.rows) :])
        return stage


async def _warm(token: Token, streams: Streams) -> None:
    for fold, key in (*((KEYRING, ring) for ring in RINGS), *streams) if streams else ():
        _, state = await token.log.state(fold, key)
        if fold is KEYRING:
            await token.vault.secret(state.active.id, state.active.purpose)


async def in_memory(*clients: Client, processes: str = "ab") -> Stage:
    """A stage with its keys and these clients."""
    clock = SetClock()
    stage = Stage(dict.fromkeys(processes, SlowStore(clock=clock.now)), SlowKeys(), clock)
    await stage.make_keys()
    await stage.register(*clients)
    return stage
