"""Identity with nothing outside: log and counters in memory, and a small token service that keeps its rules."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from limits import parse
from limits.aio.storage import MemoryStorage

from chassis.limits import WindowLimits
from eventlog.errors import Kind, Refusal, unavailable
from eventlog.events import Event
from eventlog.log import Log
from eventlog.projection import MemoryRows
from eventlog.projection.parked import Parked
from eventlog.sealing import MemorySealKeys, Sealer, Wrapping
from eventlog.store import MemoryStore
from services.identity.adapters.hasher import ThreadHasher
from services.identity.commands import Browser, Identity
from services.identity.commands.accounts import Applicant, register
from services.identity.commands.failures import Failures
from services.identity.commands.login import Credentials, LoggedIn, log_in
from services.identity.commands.turns import Turns
from services.identity.domain.events import events
from services.identity.ports import FirstTokens, Overtaken, Started
from services.identity.projections import fold_sessions
from services.identity.queries import Queries

PASSWORD = "correct horse battery staple"
OTHER_PASSWORD = "purple monkey dishwasher 42"
BROWSER = Browser(address="192.0.2.7", source="192.0.2.7", agent="tests/1")
LIMITS = {
    "address": "50 per hour",
    "name": "8 per hour",
    "name_address": "5 per hour",
    "device": "5 per hour",
    "password": "3 per hour",
    "user_code": "5 per hour",
    "authorize": "50 per hour",
    "authorize_client": "60 per hour",
    "authorize_session": "3 per hour",
    "registration": "50 per hour",
}


@dataclass(slots=True)
class Time:
    """The log's time, set by the test."""

    now_us: int = 1_790_000_000_000_000

    def __call__(self) -> int:
        return self.now_us

    def advance(self, seconds: float) -> None:
        self.now_us += int(seconds * 1_000_000)


@dataclass(slots=True)
class SmallToken:
    """A token service that issues and revokes as RULES 7 says, in memory. Also what identity has applied of its log."""

    apps: set[str] = field(default_factory=lambda: {"app"})
    known_apps: dict[str, bool] = field(default_factory=dict)
    position: int = 0
    applied: int = 0
    follows: bool = True
    answers: bool = True
    ended: dict[str, int] = field(default_factory=dict)
    cutoffs: list[tuple[str, int, str | None]] = field(default_factory=list)
    revoked: dict[str, int] = field(default_factory=dict)
    families: list[Started] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    let_through: asyncio.Event | None = None

    async def start_family(self, client_id: str, session: Started) -> FirstTokens | Overtaken:
        self.arrived.set()
        if self.let_through is not None:
            await self.let_through.wait()
        self._answer()
        if client_id not in self.apps:
            raise Refusal(Kind.INVALID, "unauthorized_client", "not for direct login")
        if session.session_id in self.ended or self._cut_off(session):
            raise Refusal(Kind.PRECONDITION, "session_ended", "the session has been ended")
        if self.revoked.get(session.account_id, 0) > session.seen:
            return Overtaken(self.revoked[session.account_id])
        self.position += 1
        self.families.append(session)
        return FirstTokens(f"at-{self.position}", f"rt-{self.position}", 720, "watchword:account")

    async def revoke_session(self, session_id: str, reason: str) -> bool:
        if self.answers:
            self.position += 1
            self.ended[session_id] = self.position
        return self.answers

    async def revoke_sessions_before(self, account_id: str, position: int, spared: str | None, reason: str) -> bool:
        if self.answers:
            self.position += 1
            self.cutoffs.append((account_id, position, spared))
        return self.answers

    def revoke_subject(self, account_id: str) -> int:
        """An administrator of token does this."""
        self.position += 1
        self.revoked[account_id] = self.position
        return self.position

    async def direct_login(self, client_id: str) -> bool | None:
        return self.known_apps.get(client_id)

    async def wait(self, position: int, timeout: float) -> bool:
        if self.follows:
            self.applied = max(self.applied, position)
        return self.applied >= position

    def _answer(self) -> None:
        if not self.answers:
            raise unavailable("peer_unavailable", "token does not answer")

    def _cut_off(self, session: Started) -> bool:
        return any(
            account == session.account_id and session.position < cutoff and session.session_id != spared
            for account, cutoff, spared in self.cutoffs
        )


@dataclass(slots=True)
class SeenInMemory:
    seen: dict[str, int] = field(default_factory=dict)

    async def touch(self, session_id: str, now: int) -> None:
        self.seen[session_id] = now

    async def of(self, session_ids: Collection[str]) -> dict[str, int]:
        return {key: self.seen[key] for key in session_ids if key in self.seen}


class Rows:
    """A projection's rows as a table shows them."""

    def __init__(self, rows: MemoryRows) -> None:
        self._rows = rows

    async def get(self, kind: str, key: str) -> dict[str, Any] | None:
        return self._rows.get(kind, key)

    async def group(self, kind: str, belongs: str) -> dict[str, dict[str, Any]]:
        return self._rows.group(kind, belongs)


@dataclass(slots=True)
class House:
    """One database, and one process of identity on it; `another` is a second process."""

    time: Time = field(default_factory=Time)
    token: SmallToken = field(default_factory=SmallToken)
    store: MemoryStore = field(init=False)
    keys: MemorySealKeys = field(default_factory=MemorySealKeys)
    seen: SeenInMemory = field(default_factory=SeenInMemory)
    counters: MemoryStorage = field(default_factory=MemoryStorage)
    hasher: ThreadHasher = field(
        default_factory=lambda: ThreadHasher(
            threads=2, queue=64, share=48, minimum_strength=3, memory=8, passes=1, lanes=1
        )
    )
    parked: Parked = field(default_factory=lambda: Parked(frozenset()))
    told: MemoryRows = field(default_factory=MemoryRows)
    identity: Identity = field(init=False)

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.time)
        self.identity = self.another()

    def on(self, store: MemoryStore) -> None:
        """Puts the house on another log."""
        store.clock = self.time
        self.store = store
        self.identity = self.another()

    def another(self, hasher: ThreadHasher | None = None) -> Identity:
        log = Log(self.store, events, Sealer(Wrapping(bytes(32)), self.keys), self.time)
        return Identity(
            log=log,
            hasher=hasher or self.hasher,
            limits=WindowLimits(self.counters, {name: parse(text) for name, text in LIMITS.items()}),
            last_seen=self.seen,
            tokens=self.token,
            token_log=self.token,
            parked=self.parked,
            clients=self.token,
            failures=Failures(log),
            turns=Turns(at_once=2, share=40, queue=60),
        )

    @property
    def log(self) -> Log:
        return self.identity.log

    async def register(self, username: str = "alice", password: str = PASSWORD, email: str | None = None) -> str:
        applicant = Applicant(username, password, email, "192.0.2.1")
        return (await register(self.identity, "test", applicant)).account_id

    async def log_in(
        self,
        username: str = "alice",
        password: str = PASSWORD,
        client_id: str | None = None,
        browser: Browser = BROWSER,
    ) -> LoggedIn:
        return await log_in(self.identity, "test", Credentials(username, password, client_id), browser)

    async def events(self, after: int = 0) -> list[Event]:
        decoded = [await self.log.decode(row) for row in self.store.rows[after:]]
        return [event for event in decoded if event is not None]

    async def names_of_events(self, after: int = 0) -> list[str]:
        return [row.type.split(".", 2)[2].rsplit(".", 1)[0] for row in self.store.rows[after:]]

    async def queries(self) -> Queries:
        rows = MemoryRows()
        for row in self.store.rows:
            event = await self.log.decode(row)
            if event is not None:
                for change in fold_sessions(event, row):
                    rows.apply(change)

        async def level() -> None:
            return None

        return Queries(self.log, Rows(rows), Rows(self.told), self.seen, level)


async def refusal_of(attempt: Any) -> Refusal:
    """The refusal that an awaitable ends in."""
    try:
        await attempt
    except Refusal as refusal:
        return refusal
    raise AssertionError("it was not refused")
