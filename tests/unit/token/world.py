"""Token with nothing outside: log and keys in memory, a clock that is set, and two processes on one database."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import jwt
import msgspec
import pytest
from starlette.requests import Request

from chassis.kept import MemoryKept
from chassis.trust import Trust, fold_trust, token_events
from eventlog.events import Event, Recorded
from eventlog.log import By, Log
from eventlog.projection.parked import Parked
from eventlog.sealing import MemorySealKeys, Sealer, Wrapping
from eventlog.store import MemoryStore
from services.token.adapters.vault import EncryptedVault, MemoryWrappedKeys
from services.token.commands.awaited import Awaited, asked_now
from services.token.commands.clients import register_client
from services.token.commands.issue import Answered, NewFamily, start_family
from services.token.commands.keys import rotate_ring
from services.token.commands.refresh import refresh
from services.token.commands.standing import Overtaken
from services.token.domain import DAY, SECOND
from services.token.domain.client import CLIENT, Client
from services.token.domain.errors import InvalidGrant
from services.token.domain.events import events
from services.token.domain.family import FAMILY, Family
from services.token.domain.keyring import REFRESH_RING, signing_ring
from services.token.ports import Proving, Token
from services.token.queries import OwnKeys
from watchword.claims import Claims
from watchword.clock import LogClock
from watchword.verifier import ANY_AUDIENCE, Verifier

ISSUER = "https://id.example"
ALICE = "acc_alice"
IDENTITY = By("service/identity", "test")


async def _has_left() -> bool:
    return True


GONE = Awaited(float("inf"), _has_left)
"""A request that came just now, by a client that has hung up."""
APP = Client(
    id="app",
    confidential=False,
    grant_types=("refresh_token",),
    scopes=("watchword:account", "watchword:admin"),
    first_party=True,
    direct_login=True,
)
SERVICE = Client(
    id="service",
    grant_types=("client_credentials",),
    scopes=("orders:read", "orders:write"),
    audiences=("orders", "stock"),
    grants=("introspect:any",),
)


@dataclass
class SetClock:
    """The log's time in µs, as the test sets it."""

    time: int = 1_000 * DAY

    def now(self) -> int:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += int(seconds * SECOND)


@dataclass
class Process:
    """One process of token: its own caches over the shared database, and what it has applied of the revocations."""

    token: Token
    clock: SetClock
    ready_since: int = 0
    age_ns: int | None = 0
    trust: Trust = field(default_factory=Trust)
    applied: int = 0

    def __post_init__(self) -> None:
        log_clock = LogClock(lambda: self.clock.now() * 1000)
        log_clock.observe(self.clock.now())
        self.verifier = Verifier(
            issuer=ISSUER,
            audience=ANY_AUDIENCE,
            keys=OwnKeys(self.token),
            revocations=self.trust.revocations,
            age_ns=lambda: self.age_ns,
            clock=log_clock,
        )

    async def follow(self) -> None:
        """Applies every revocation of the log so far."""
        while page := await self.token.log.store.read(self.applied, 100_000, 1 << 30):
            for row in page:
                event = token_events.decode(row.type, row.body)
                for change in fold_trust(event, row) if event is not None else ():
                    self.trust.apply(change)
                self.applied = row.position

    async def verified(self, access_token: str) -> Claims:
        await self.follow()
        return await self.verifier.verify(access_token)


@dataclass
class World:
    """`a` and `b` are two processes of the service. `secrets` are the clients'."""

    clock: SetClock = field(default_factory=SetClock)
    secrets: dict[str, str] = field(default_factory=dict)
    sessions: int = 0
    store: MemoryStore = field(default_factory=MemoryStore)
    parked: Parked = field(default_factory=lambda: Parked(frozenset()))
    wrapped: MemoryWrappedKeys = field(default_factory=MemoryWrappedKeys)
    proving: Proving = field(default_factory=Proving)

    def __post_init__(self) -> None:
        self.store.clock = self.clock.now
        self.seal_keys = MemorySealKeys()
        self.kept = MemoryKept(self.clock.now)
        self.a, self.b = self.process(), self.process()

    def process(self) -> Process:
        """A process that has just been started on this database."""
        log = Log(self.store, events, Sealer(Wrapping(bytes(32)), self.seal_keys), self.clock.now)
        vault = EncryptedVault(Wrapping(bytes(32)), self.wrapped)
        token = Token(log, vault, ISSUER, lambda: process.ready_since, self.parked, self.kept, self.proving)
        process = Process(token, self.clock)
        return process

    @classmethod
    async def made(
        cls, *clients: Client, algs: tuple[str, ...] = ("ES256",), proving: Proving | None = None
    ) -> "World":
        """A world whose keys are there, with the clients `app`, `service` and those given."""
        world = cls(proving=proving or Proving())
        await world.make(APP, SERVICE, *clients, algs=algs)
        return world

    async def make(self, *clients: Client, algs: tuple[str, ...] = ("ES256",)) -> None:
        for ring in (*(signing_ring(alg) for alg in algs), REFRESH_RING):
            await self.rotate(ring)
        for client in clients:
            await self.register(client)

    async def register(self, client: Client) -> Client:
        made = await register_client(self.a.token, client, IDENTITY)
        self.secrets[made.client.id] = made.secret
        return made.client

    async def known(self, client: Client, process: Process | None = None) -> Client:
        """A client as the log has it, which is how one proves itself; one that did so before stays as it was."""
        return client if client.registered_at else await (process or self.a).token.log.fresh(CLIENT, client.id)

    async def rotate(self, ring: str, compromised: bool = False) -> int:
        return await rotate_ring(self.a.token, ring, compromised, IDENTITY, lambda ring: True)

    def session(self, **changes: Any) -> NewFamily:
        """A session of Alice's that identity has just started, knowing all of token's log."""
        self.sessions += 1
        new = NewFamily(
            client_id="app",
            subject=ALICE,
            session_id=f"ses_{self.sessions}",
            session_position=100 * self.sessions,
            seen=len(self.store.rows),
            auth_time=self.clock.now(),
            acr="urn:watchword:acr:password",
            amr=("pwd",),
        )
        return msgspec.structs.replace(new, **changes)

    async def login(self, process: Process | None = None, **changes: Any) -> Answered:
        started = await start_family((process or self.a).token, self.session(**changes), IDENTITY)
        assert not isinstance(started, Overtaken)
        return started

    async def refresh(
        self,
        presented: str,
        process: Process | None = None,
        client: Client = APP,
        scope: str | None = None,
        awaited: Awaited | None = None,
    ) -> Answered:
        proven = await self.known(client, process)
        return await refresh((process or self.a).token, proven, presented, scope, [], IDENTITY, awaited or asked_now())

    async def family(self, refresh_token: str) -> Family:
        return await self.a.token.log.fresh(FAMILY, refresh_token.split(".")[2])

    def events(self, after: int = 0) -> list[tuple[Recorded, Event]]:
        """What the log holds above a position."""
        decoded = [(row, events.decode(row.type, row.body)) for row in self.store.rows[after:]]
        return [(row, event) for row, event in decoded if event is not None]

    def said(self, after: int = 0) -> list[str]:
        """The names of the events above a position."""
        return [row.type.removeprefix("watchword.token.").rpartition(".v")[0] for row in self.store.rows[after:]]

    @property
    def head(self) -> int:
        return len(self.store.rows)


async def refused(world: World, presented: str, **how: object) -> list[str]:
    """What the log gained by a refresh that was answered with invalid_grant."""
    before = world.head
    with pytest.raises(InvalidGrant) as refusal:
        await world.refresh(presented, **how)  # type: ignore[arg-type]
    assert refusal.value.code == "invalid_grant"
    return world.said(before)


def refresh_of(answered: Answered) -> str:
    assert answered.answer.refresh_token is not None
    return answered.answer.refresh_token


def claims_of(answered: Answered) -> dict[str, Any]:
    """What an access token says, unverified."""
    return jwt.decode(answered.answer.access_token, options={"verify_signature": False})


def header_of(answered: Answered) -> dict[str, Any]:
    return jwt.get_unverified_header(answered.answer.access_token)


def posted(body: dict[str, str], *authorization: bytes) -> Request:
    """A form, as it comes to a handler."""
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    headers += [(b"authorization", value) for value in authorization]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": urlencode(body).encode(), "more_body": False}

    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}, receive)
