"""A login: what it costs above the password hash, and how soon the other services know of it."""

import asyncio
import time

from argon2 import PasswordHasher, Type

from bench.figures import Figure, at_most, percentile
from bench.house import House, address, run
from bench.jobs import HttpJob
from bench.machine import SERVICE, here
from bench.rows.tokens import post
from tests.harness.people import PASSWORD, People, Person
from tests.harness.running import Suite

PEOPLE = 16
HASHES = 60
LOGINS = 200
"""Whose events are waited for elsewhere."""


def login(house: House) -> list[Figure]:
    """A direct login, with its tokens: identity and token on one core, 16 people at once."""
    pids = house.under_load("identity", "token")
    suite = house.suite()
    people = run(_registered(suite))
    alone = _argon2()
    driven = house.drive(_login_job(house, suite, people), pids)
    whole = sum(driven.cpu.values())
    beside = f"{driven.rate:.1f} logins/s; CPU of argon2 alone {alone:.1f} ms, of a whole login {whole:.1f} ms"
    return [Figure("login: CPU over argon2 alone", 100 * (whole / alone - 1), "%", at_most(15), driven.cpu, beside)]


def visible(house: House) -> list[Figure]:
    """From the answer of a login to the answer of a request elsewhere that had to wait for the login's events."""
    house.under_load("identity")
    seconds = run(_visible(house.suite()))
    ordered = sorted(1000 * one for one in seconds)
    beside, p99 = f"p50 {percentile(ordered, 50):.1f} ms; the request that asks is in it", percentile(ordered, 99)
    return [Figure("one login's events visible in the other services: p99", p99, "ms", at_most(10), {}, beside)]


async def _registered(suite: Suite) -> list[Person]:
    async with People.of(suite) as people:
        return [await people.register() for _ in range(PEOPLE)]


def _argon2() -> float:
    """CPU milliseconds of one verification as identity does it, on the core that it has."""
    hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
    hashed = hasher.hash(PASSWORD)
    with here(SERVICE):
        begun = time.process_time()
        for _ in range(HASHES):
            hasher.verify(hashed, PASSWORD)
        return 1000 * (time.process_time() - begun) / HASHES


def _login_job(house: House, suite: Suite, people: list[Person]) -> HttpJob:
    host, port = address(suite.url("identity"))
    return HttpJob(
        host=host,
        port=port,
        requests=[_login(suite, one) for one in people],
        seconds=house.seconds,
        warm_up=house.warm_up,
    )


def _login(suite: Suite, person: Person) -> bytes:
    host, port = address(suite.url("identity"))
    body = f'{{"username": "{person.username}", "password": "{person.password}", "client_id": "{suite.app}"}}'
    return post(host, port, "/v1/login", body.encode(), kind="application/json")


async def _visible(suite: Suite) -> list[float]:
    (person, *_), found = await _registered(suite), []
    doors = {name: await asyncio.open_connection(*address(suite.url(name))) for name in ("identity", "token", "policy")}
    for _ in range(LOGINS):
        written = await _exchange(doors["identity"], _login(suite, person))
        begun = time.perf_counter()
        position = next(line for line in written.split(b"\r\n") if line.lower().startswith(b"watchword-position"))
        asked = b"GET /livez HTTP/1.1\r\nHost: x\r\n" + position + b"\r\n\r\n"
        await asyncio.gather(*(_exchange(doors[name], asked) for name in ("token", "policy")))
        found.append(time.perf_counter() - begun)
        await asyncio.sleep(0.02)
    for _, writer in doors.values():
        writer.close()
    return found


async def _exchange(door: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes) -> bytes:
    """The head of the answer, which must be a good one."""
    reader, writer = door
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    await reader.readexactly(int(length.partition(b":")[2]))
    return head
