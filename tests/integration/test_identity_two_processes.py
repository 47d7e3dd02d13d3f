"""What identity promises holds for two of its processes on one real database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from importlib.resources import files

import asyncpg
import pytest_asyncio
from limits import parse

from chassis.limits import PostgresStorage, WindowLimits
from eventlog.errors import Refusal
from eventlog.feed import LocalFeed
from eventlog.log import By, Log
from eventlog.postgres import PostgresSealKeys, PostgresStore
from eventlog.projection import Rows, TableProjection
from eventlog.projection.parked import Parked
from eventlog.projection.rows import SCHEMA
from eventlog.readers import PostgresReaders
from eventlog.sealing import Sealer, Wrapping
from services.identity.adapters.hasher import ThreadHasher
from services.identity.adapters.last_seen import CoarseLastSeen
from services.identity.commands import Identity
from services.identity.commands.accounts import Applicant, disable_account, enable_account, register
from services.identity.commands.failures import Failures
from services.identity.commands.login import Credentials, LoggedIn, log_in
from services.identity.commands.password import change_password
from services.identity.commands.sessions import end_session, of_cookie, sign_out
from services.identity.commands.turns import Turns
from services.identity.domain.events import events
from services.identity.projections import sessions
from services.identity.queries import Queries
from tests.harness.database import Database
from tests.unit.identity.house import BROWSER, LIMITS, OTHER_PASSWORD, PASSWORD, SmallToken, refusal_of

OWN_TABLES = files("services.identity").joinpath("schema.sql").read_text()
BY = By("operator/admin", "test")
DEADLINE = 20.0


@dataclass(frozen=True, slots=True)
class Process:
    identity: Identity
    queries: Queries
    counters: PostgresStorage
    last_seen: CoarseLastSeen
    listed: TableProjection

    async def log_in(self, password: str = PASSWORD, client_id: str | None = None, source: str = "a") -> LoggedIn:
        browser = replace(BROWSER, source=source)
        return await log_in(self.identity, "test", Credentials("alice", password, client_id), browser)

    async def register(self, username: str = "alice") -> str:
        return (await register(self.identity, "test", Applicant(username, PASSWORD, None, "a"))).account_id


@dataclass(frozen=True, slots=True)
class Fleet:
    one: Process
    two: Process
    token: SmallToken
    pool: asyncpg.Pool

    @property
    def both(self) -> tuple[Process, Process]:
        return self.one, self.two


async def process_on(database: Database, token: SmallToken, hasher: ThreadHasher, stack: AsyncExitStack) -> Process:
    pool = await stack.enter_async_context(database.pool())
    store = await stack.enter_async_context(PostgresStore(database.dsn, pool))
    now = (await store.head()).now
    started = asyncio.get_running_loop().time()

    def clock() -> int:
        return now + int((asyncio.get_running_loop().time() - started) * 1e6)

    log = Log(store, events, Sealer(Wrapping(bytes(32)), PostgresSealKeys(pool)), clock)
    projection = sessions(log.decode, log.open_keys)
    rows = Rows(pool, projection.name)
    listed = TableProjection(projection, rows, LocalFeed("identity", store, PostgresReaders(pool), clock), "identity/t")
    stack.push_async_callback(stopped, asyncio.ensure_future(listed.run()))

    async def level() -> None:
        head = (await store.head()).position
        async with asyncio.timeout(DEADLINE):
            while (await rows.checkpoint()).position < head:
                await asyncio.sleep(0.01)

    counters, last_seen = PostgresStorage(pool), CoarseLastSeen(pool)
    identity = Identity(
        log=log,
        hasher=hasher,
        limits=WindowLimits(counters, {name: parse(text) for name, text in LIMITS.items()}),
        last_seen=last_seen,
        tokens=token,
        token_log=token,
        parked=Parked(frozenset()),
        clients=token,
        failures=Failures(log),
        turns=Turns(at_once=2, share=100, queue=100),
    )
    return Process(identity, Queries(log, rows, rows, last_seen, level), counters, last_seen, listed)


async def stopped(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


@pytest_asyncio.fixture
async def fleet(database: Database) -> AsyncIterator[Fleet]:
    await database.migrate([SCHEMA, OWN_TABLES])
    token = SmallToken()
    hasher = ThreadHasher(threads=2, queue=200, share=200, minimum_strength=3, memory=8, passes=1)
    async with AsyncExitStack() as stack:
        one = await process_on(database, token, hasher, stack)
        two = await process_on(database, token, hasher, stack)
        pool = await stack.enter_async_context(database.pool())
        yield Fleet(one, two, token, pool)
    hasher.close()


async def test_one_name_is_one_account(fleet: Fleet) -> None:
    wanted = [process.register() for process in fleet.both * 6]
    answers = await asyncio.gather(*wanted, return_exceptions=True)
    assert sum(isinstance(answer, str) for answer in answers) == 1
    assert {answer.code for answer in answers if isinstance(answer, Refusal)} == {"account_exists"}


async def test_tries_are_counted_together(fleet: Fleet) -> None:
    await fleet.one.register()
    attempts = [fleet.both[number % 2].log_in("wrong", source=f"s{number}") for number in range(16)]
    codes = [(await refusal_of(attempt)).code for attempt in attempts]
    allowed = int(LIMITS["name"].split()[0])
    assert codes == ["invalid_credentials"] * allowed + ["too_many_attempts"] * (16 - allowed)


async def test_honest_logins_at_once_all_get_in(fleet: Fleet) -> None:
    account_id = await fleet.one.register()
    logged_in = await asyncio.gather(*(fleet.both[number % 2].log_in(client_id="app") for number in range(40)))
    assert {one.account_id for one in logged_in} == {account_id}
    assert len({one.session_id for one in logged_in}) == 40


async def test_a_counter_that_is_over_is_swept_and_starts_anew(fleet: Fleet) -> None:
    counters = fleet.one.counters
    await counters.incr("gone", 1)
    assert [await counters.incr("k", 1), await counters.incr("k", 1), await fleet.two.counters.get("k")] == [1, 2, 2]
    async with asyncio.timeout(DEADLINE):
        while await counters.get("k"):
            await asyncio.sleep(0.05)
    assert await counters.incr("k", 60) == 1
    assert await counters.incr("k", 60, -5) == 0
    await counters.sweep()
    assert [row["key"] for row in await fleet.pool.fetch("SELECT key FROM attempts")] == ["k"]


async def test_what_ends_in_one_is_over_in_the_other_at_once(fleet: Fleet) -> None:
    account_id = await fleet.one.register()
    first, second = await fleet.one.log_in(), await fleet.two.log_in()
    assert (await of_cookie(fleet.two.identity, first.cookie)).session_id == first.session_id
    await end_session(fleet.one.identity, BY, account_id, first.session_id, "logout")
    assert (await refusal_of(of_cookie(fleet.two.identity, first.cookie))).code == "unauthenticated"
    person = await of_cookie(fleet.two.identity, second.cookie)
    changed = await change_password(fleet.two.identity, "test", person, PASSWORD, OTHER_PASSWORD, "a")
    assert changed.cookie is not None
    assert (await refusal_of(of_cookie(fleet.one.identity, second.cookie))).code == "unauthenticated"
    assert (await of_cookie(fleet.one.identity, changed.cookie)).session_id == second.session_id
    assert (await refusal_of(fleet.one.log_in())).code == "invalid_credentials"
    await sign_out(fleet.one.identity, BY, account_id)
    assert (await refusal_of(of_cookie(fleet.two.identity, changed.cookie))).code == "unauthenticated"


async def test_a_login_in_one_overtaken_by_a_disable_in_the_other_gives_no_token(fleet: Fleet) -> None:
    account_id = await fleet.one.register()
    fleet.token.let_through = asyncio.Event()
    login = asyncio.ensure_future(fleet.one.log_in(client_id="app"))
    await asyncio.wait_for(fleet.token.arrived.wait(), DEADLINE)
    await disable_account(fleet.two.identity, BY, account_id, "test")
    await enable_account(fleet.two.identity, BY, account_id, "test")
    fleet.token.let_through.set()
    assert (await refusal_of(login)).code == "invalid_credentials"
    assert fleet.token.families == []
    assert (await fleet.one.log_in(client_id="app")).tokens is not None


async def test_logins_against_disables_leave_no_session_that_should_be_over(fleet: Fleet) -> None:
    account_id = await fleet.one.register()
    logins = [asyncio.ensure_future(fleet.both[number % 2].log_in()) for number in range(30)]
    for process in fleet.both:
        await disable_account(process.identity, BY, account_id, "test")
        await enable_account(process.identity, BY, account_id, "test")
    last = await disable_account(fleet.two.identity, BY, account_id, "test")
    answers = await asyncio.gather(*logins, return_exceptions=True)
    assert all(isinstance(one, LoggedIn | Refusal) for one in answers)
    await enable_account(fleet.one.identity, BY, account_id, "test")
    for one in answers:
        if isinstance(one, LoggedIn) and one.position < last.position:
            assert (await refusal_of(of_cookie(fleet.one.identity, one.cookie))).code == "unauthenticated"


async def test_both_list_the_same_sessions_with_what_only_their_owner_sees(fleet: Fleet) -> None:
    account_id = await fleet.one.register()
    gone, kept = await fleet.one.log_in(), await fleet.two.log_in()
    await end_session(fleet.two.identity, BY, account_id, gone.session_id, "logout")
    person = await of_cookie(fleet.one.identity, kept.cookie)
    for process in fleet.both:
        listed = await process.queries.list_sessions(person)
        assert [(one.session_id, one.address, one.agent) for one in listed] == [
            (kept.session_id, BROWSER.address, BROWSER.agent)
        ]
    bodies = await fleet.pool.fetch("SELECT convert_from(body, 'UTF8') AS body FROM eventlog.events")
    assert not any(BROWSER.address in row["body"] or BROWSER.agent in row["body"] for row in bodies)


async def test_last_seen_is_written_about_once_a_minute(fleet: Fleet) -> None:
    minute, now = 60_000_000, 1_790_000_000_000_000
    seen = fleet.one.last_seen
    for later in (0, minute // 2, minute - 1):
        await seen.touch("ses_1", now + later)
    assert await fleet.two.last_seen.of(["ses_1", "ses_2"]) == {"ses_1": now}
    await seen.touch("ses_1", now + minute)
    await fleet.two.last_seen.touch("ses_1", now - minute)
    assert await fleet.two.last_seen.of(["ses_1"]) == {"ses_1": now + minute}
    await seen.sweep(now + 32 * 24 * 60 * minute)
    assert await seen.of(["ses_1"]) == {}


async def test_whatever_is_counted_at_once_each_attempt_is_told_a_number_of_its_own(fleet: Fleet) -> None:
    storages = [one.counters for one in fleet.both]
    wanted = [(storage, f"limit/{number % 3}") for number in range(60) for storage in storages]
    told = await asyncio.gather(*(storage.incr(key, 60) for storage, key in wanted))
    for key in ("limit/0", "limit/1", "limit/2"):
        assert sorted(count for count, (_, of) in zip(told, wanted, strict=True) if of == key) == list(range(1, 41))
    await asyncio.gather(*(storage.incr(key, 60, -1) for storage, key in wanted[:90]))
    assert [await storages[0].get(key) for key in ("limit/0", "limit/1", "limit/2")] == [10, 10, 10]
    await storages[0].incr("limit/0", 60, -30)
    assert await storages[0].get("limit/0") == 0
    assert await storages[0].incr("limit/new", 60, -1) == 0
    assert await storages[0].incr("limit/new", 60) == 1


async def test_a_window_that_is_over_begins_anew_with_what_is_counted(fleet: Fleet) -> None:
    counters = fleet.one.counters
    await asyncio.gather(*(counters.incr("limit", 60) for _ in range(5)))
    await fleet.pool.execute("UPDATE attempts SET ends_at = now()")
    assert sorted(await asyncio.gather(*(counters.incr("limit", 60) for _ in range(3)))) == [1, 2, 3]
