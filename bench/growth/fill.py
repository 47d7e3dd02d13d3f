"""Fills the databases of a suite that has run once, and does not run now, with a history."""

import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from argon2 import PasswordHasher

from bench.growth.history import History, Known
from bench.growth.pen import Pen
from bench.growth.tables import Table, Tables
from chassis.keys import read_key_file
from chassis.trust import token_events as trusted_events
from services.identity import projections as of_identity
from services.identity.domain.events import events as identity_events
from services.identity.reactions import NAME as TAKE_OVER
from services.policy import projections as of_policy
from services.policy.domain.events import policy_events
from services.token import entitlements
from services.token import projections as of_token
from services.token.domain.events import events as token_events
from suite import contract
from suite.databases import SERVICES
from suite.place import Place
from suite.postgres import embedded
from tests.harness.people import PASSWORD

DAYS = 45
DAY = 86_400 * 1_000_000
OF_IDENTITY, OF_POLICY, OF_TOKEN = "revoke-what-identity-ended", "revoke-what-policy-recalled", "follow-up-what-ended"
"""What token does about each log. The history holds what it did."""
INDEX = "CREATE UNIQUE INDEX events_stream_version ON eventlog.events (stream, version)"
BULK = 300_000
"""From so many events on, the index is made at the end, and not kept up meanwhile."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Filled:
    """How many events each log holds, and how many accounts there are."""

    events: dict[str, int]
    accounts: int
    seconds: float


async def fill(data: Path, events: int, say: Say, seed: int = 1) -> Filled:
    """Writes until there are so many events. The suite's own first rows are made older, so that all come after them."""
    place, begun = Place(data), time.monotonic()
    async with embedded(data) as server, _connected(server.on) as databases:
        pens = _pens(place, databases)
        now = time.time_ns() // 1000
        begin = now - DAYS * DAY
        for name in SERVICES:
            await databases[name].execute("TRUNCATE projection_parked, log_readers")
            await pens[name].age(begin - 1)
            if events > BULK:
                await databases[name].execute("DROP INDEX IF EXISTS eventlog.events_stream_version")
        known, chance = await _known(place, databases), random.Random(seed)  # noqa: S311
        history = History(pens["identity"], pens["token"], pens["policy"], known, chance)
        await _write(history, events, begin, now - 60_000_000, say)
        for name in SERVICES:
            await _finish(databases[name], pens[name], now, indexed=events <= BULK)
            say(f"{name}: rows of its projections, indices and statistics are made")
    lengths = {name: pens[name].position for name in SERVICES}
    return Filled(lengths, history.accounts, time.monotonic() - begun)


async def _write(history: History, events: int, begin: int, end: int, say: Say) -> None:
    history.begin(begin)
    said = time.monotonic()
    while history.events < events:
        history.step(begin + (end - begin) * history.events // events)
        for pen in (history.identity, history.token, history.policy):
            if pen.full:
                await pen.flush()
        if time.monotonic() > said + 10:
            said = time.monotonic()
            say(f"{history.events:,} of {events:,} events")
    for pen in (history.identity, history.token, history.policy):
        await pen.flush()


async def _finish(database: asyncpg.Connection, pen: Pen, now: int, indexed: bool) -> None:
    if not indexed:
        await database.execute("SET maintenance_work_mem = '512MB'")
        await database.execute(INDEX)
    await pen.tables.save(pen.position, pen.chain_hash, now)
    await database.execute("VACUUM (ANALYZE)")
    await database.execute("CHECKPOINT")


@asynccontextmanager
async def _connected(on: Callable[[str], object]) -> AsyncIterator[dict[str, asyncpg.Connection]]:
    async with AsyncExitStack() as stack:
        found = {}
        for name in SERVICES:
            found[name] = await asyncpg.connect(on(name).dsn)  # type: ignore[attr-defined]
            stack.push_async_callback(found[name].close)
        yield found


def _pens(place: Place, databases: dict[str, asyncpg.Connection]) -> dict[str, Pen]:
    identity, token, policy = (databases[name] for name in SERVICES)
    tables = {
        "identity": Tables(
            [
                (identity, Table(of_identity.sessions(_never, _never), identity_events, own=True)),
                (policy, Table(of_policy.ACCOUNTS, of_policy.identity_events)),
                (policy, Table(of_policy.PAST_ACCOUNTS, of_policy.identity_events)),
            ],
            [(token, OF_IDENTITY)],
        ),
        "token": Tables(
            [
                *((one, Table(of_token.TRUST, trusted_events)) for one in (identity, token, policy)),
                (identity, Table(of_identity.TOLD, of_identity.token_events)),
                (identity, Table(of_identity.ORIGINS, of_identity.origin_events)),
                (token, Table(of_token.PARTS, token_events, own=True)),
                (token, Table(of_token.CLIENTS, token_events, own=True)),
                (token, Table(of_token.FAMILIES, of_token.family_events)),
                (policy, Table(of_policy.REVOKED, trusted_events)),
            ],
            [(identity, TAKE_OVER), (token, OF_TOKEN)],
        ),
        "policy": Tables(
            [
                *((policy, Table(one, policy_events, own=True)) for one in (of_policy.FACTS, of_policy.PAST)),
                (token, Table(entitlements.ENTITLEMENTS, entitlements.policy_events)),
            ],
            [(token, OF_POLICY)],
        ),
    }
    keys = {name: read_key_file(place.secrets / f"{name}.kek") for name in SERVICES}
    return {name: Pen(databases[name], keys[name], tables[name]) for name in SERVICES}


async def _never(row: object) -> None:
    """Nothing is decoded here: the fold is given what was written."""


async def _known(place: Place, databases: dict[str, asyncpg.Connection]) -> Known:
    made = contract.read(place)
    assert made.clients is not None
    active = await databases["token"].fetchval(
        """SELECT convert_from(body, 'UTF8')::json->>'key_id' FROM eventlog.events
           WHERE stream = 'keyring/refresh' AND type LIKE '%key.activated%' ORDER BY position DESC LIMIT 1"""
    )
    wrapped = await databases["identity"].fetchval("SELECT wrapped FROM eventlog.seal_keys WHERE owner = $1", NAMES)
    names = read_key_file(place.secrets / "identity.kek").unwrap(NAMES, wrapped)
    scope = "watchword:account watchword:admin"
    hashed = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(PASSWORD)
    app, machine = made.clients.app.client_id, made.clients.service.client_id
    return Known(app, machine, active, names, made.issuer, scope, hashed)


NAMES = "service/names"
