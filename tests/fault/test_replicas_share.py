"""Two processes of a service are one to whoever uses them: what one wrote the other shows and never writes again."""

import hashlib
from collections import Counter

import asyncpg
import pytest
from httpx2 import AsyncClient, AsyncHTTPTransport

from suite.databases import SERVICES
from tests.fault.breaking import eventually
from tests.fault.customers import cookie_of
from tests.harness.people import PASSWORD, People
from tests.harness.replicas import BOTH, Replicas

WAYS = (0, 1, 2)
"""Through nginx, the first process, the second."""
BOUND = 5.0
HELD = """
    SELECT classid::bigint << 32 | objid::bigint FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE datname = current_database() AND locktype = 'advisory' AND granted
"""


async def lags(people: People, name: str, number: int) -> dict[str, float]:
    """How old what each projection of a process knows is, in seconds; what another process keeps is not shown."""
    text = (await people.get(name, "/metrics", number + 1)).text
    lines = [line for line in text.splitlines() if line.startswith("watchword_projection_lag_seconds{")]
    named = {line.partition('projection="')[2].partition('"')[0]: float(line.rpartition(" ")[2]) for line in lines}
    assert named, text
    return named


def kept(lags: dict[str, float]) -> set[str]:
    """The projections in tables, and reactions, that a process keeps."""
    return {name for name in lags if not name.endswith("@memory")}


async def listed(people: People, name: str, number: int) -> set[str]:
    """All that there are, whoever keeps them."""
    report = (await people.get(name, "/readyz?verbose", number + 1)).json()
    return {one["name"] for one in report["projections"] if not one["name"].endswith("@memory")}


async def holders(replicas: Replicas, name: str) -> "Counter[int]":
    """How often each turn is held, by the key of its lock."""
    connection = await asyncpg.connect((replicas.place.secrets / f"{name}.dsn").read_text())
    try:
        return Counter(row[0] & 0xFFFFFFFFFFFFFFFF for row in await connection.fetch(HELD))
    finally:
        await connection.close()


def turn(projection: str) -> int:
    return int.from_bytes(hashlib.sha256(projection.encode()).digest()[:8], "big")


async def shared_out(people: People, name: str) -> bool:
    """Whether each is kept by one of the two."""
    one, other = [kept(await lags(people, name, number)) for number in BOTH]
    return one | other == await listed(people, name, 0) and not one & other


@pytest.mark.parametrize("name", SERVICES)
async def test_each_table_has_one_writer_and_each_process_its_memory(replicas: Replicas, name: str) -> None:
    async with People.of(replicas) as people:
        await eventually(lambda: shared_out(people, name), "each table has one writer")
        held = await holders(replicas, name)
        assert {held[turn(one)] for one in await listed(people, name, 0)} == {1}
        one, other = [await lags(people, name, number) for number in BOTH]
        memory = set(one) - kept(one)
        assert memory
        assert memory == set(other) - kept(other)
        assert all(lag < BOUND for lags in (one, other) for lag in lags.values())


@pytest.mark.parametrize("name", SERVICES)
async def test_where_the_writer_is_killed_the_other_goes_on(replicas: Replicas, name: str) -> None:
    async with People.of(replicas) as people:
        await eventually(lambda: shared_out(people, name), "each table has one writer")
        writer = 0 if kept(await lags(people, name, 0)) else 1
        replicas.kill(name, writer)

        async def taken_over() -> bool:
            now = await lags(people, name, 1 - writer)
            return kept(now) == await listed(people, name, 1 - writer) and max(now.values()) < BOUND

        try:
            await eventually(taken_over, "the other keeps every table")
        finally:
            await replicas.started(name, writer)


async def test_what_one_wrote_the_other_shows(replicas: Replicas) -> None:
    async with People.of(replicas) as people:
        person = await people.register(1)
        for number in range(6):
            here, there = 1 + number % 2, 2 - number % 2
            answer = await people.try_login(person.username, PASSWORD, here, replicas.app)
            assert answer.status_code == 200, answer.text
            position = {"Watchword-Position": answer.headers["Watchword-Position"]}
            cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in answer.cookies.items())}
            people.http.cookies.clear()
            shown = await people.get("identity", "/v1/sessions", there, position | cookie)
            assert answer.json()["session_id"] in {one["session_id"] for one in shown.json()["sessions"]}
            assert (await people.get("policy", "/v1/roles", there, position | bearer(answer.json()))).status_code == 200


def bearer(answer: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer['access_token']}"}


async def test_a_cookie_and_its_csrf_token_hold_at_both_and_its_end_too(replicas: Replicas) -> None:
    async with People.of(replicas) as people:
        signed = await people.login(await people.register(1), 1)
        cookie = {"Cookie": cookie_of(signed)}
        for where in WAYS:
            assert (await people.get("identity", "/v1/account", where, cookie)).status_code == 200
        out = await people.post("identity", "/v1/logout", 2, headers=cookie | {"X-CSRF-Token": signed.csrf_token})
        assert out.json()["applied"], out.text
        position = {"Watchword-Position": out.headers["Watchword-Position"]}
        for where in WAYS:
            assert (await people.get("identity", "/v1/account", where, cookie)).status_code == 401
            assert not (await people.introspect(signed.access_token, where, position))["active"]
            assert (await people.refresh(signed.refresh_token, where)).status_code == 400


async def test_both_count_towards_one_limit(replicas: Replicas) -> None:
    async with People.of(replicas) as people:
        person = await people.register()
        answers = [
            (await people.try_login(person.username, "wrong horse battery staple", 1 + number % 2)).status_code
            for number in range(20)
        ]
        assert answers == [401] * 10 + [429] * 10
        for where in WAYS:
            assert (await people.try_login(person.username, PASSWORD, where)).status_code == 429


async def test_addresses_are_believed_from_nginx_alone_and_nginx_believes_nobody(replicas: Replicas) -> None:
    claim = {"X-Forwarded-For": "203.0.113.7"}
    for where, source in ((0, "127.0.0.5"), (1, "127.0.0.6"), (2, "127.0.0.7")):
        transport = AsyncHTTPTransport(local_address=source)
        async with AsyncClient(transport=transport, timeout=30) as http:
            people = People(replicas, http)
            person = await people.register(where)
            http.headers.update(claim)
            signed = await people.login(person, where)
            found = await people.get("identity", "/v1/sessions", where, {"Cookie": cookie_of(signed)})
            assert [one["address"] for one in found.json()["sessions"]] == [source]
