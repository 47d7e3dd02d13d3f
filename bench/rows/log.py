"""The log itself: appending, replaying, publishing to Kafka. No service is in between."""

import asyncio
import os
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from bench.figures import Figure, at_least, at_most, percentile
from bench.house import Bare, BareLog, House, run
from bench.machine import SERVICE, cpu, here
from eventlog.events import Event, encode
from eventlog.feed import PAGE_EVENTS, Batch, Echo, LocalFeed, Progress, Source, Transport
from eventlog.projection import MemoryProjection, MemoryRows, Rows
from eventlog.readers import MemoryReaders
from eventlog.relay.relay import Relay
from eventlog.store import Command, Guard, NewEvent, Write
from services.token.domain.events import FamilyStarted, RefreshRotated, TokenIssued
from services.token.projections import FAMILIES
from watchword.clock import boot_ns
from watchword.kafka import Kafka

GUARDED = "client/cli_0123456789abcdef"
EVENTS = 60_000
"""In the log that is replayed and published."""

_numbers = count(1)


def append(house: House) -> list[Figure]:
    """Commands of one event for a stream of its own, with one guard; whoever appends is on the other core."""
    with house.bare() as bare:
        return run(_append(house, bare))


def replay(house: House) -> list[Figure]:
    """Token's log folded into its live families: chain verified, decoded, folded, kept in memory."""
    with house.bare() as bare, here(SERVICE):
        return run(_replay(house, bare))


def relay(house: House) -> list[Figure]:
    """A log that is published to an empty topic and acknowledged; relay and PostgreSQL on one core."""
    servers = house.broker().bootstrap
    with house.bare() as bare, here(SERVICE):
        return run(_relay(house, bare, servers))


async def _append(house: House, bare: Bare) -> list[Figure]:
    found: list[Figure] = []
    async with bare.log() as log:
        await log.store.append(_command(GUARDED, [_issued()], ()))
        for at_once, least, p50 in ((16, 12_000, 1.5), (64, 20_000, None)):
            await _appending(log, at_once, house.warm_up / 2)
            spent, others = time.process_time(), cpu(log.postgres)
            with house.looking_at(os.getpid()):
                latencies = await _appending(log, at_once, house.seconds)
            each = 1000 / len(latencies)
            took = {"appender": each * (time.process_time() - spent), "postgres": each * (cpu(log.postgres) - others)}
            beside = f"p50 {percentile(latencies, 50):.2f}, p99 {percentile(latencies, 99):.2f} ms"
            what = f"append with chain and a guard, {at_once} at once"
            found.append(Figure(what, len(latencies) / house.seconds, "/s", at_least(least), took, beside))
            if p50 is not None:
                found.append(Figure(f"{what}: p50", percentile(latencies, 50), "ms", at_most(p50)))
    return found


async def _appending(log: BareLog, at_once: int, seconds: float) -> list[float]:
    """The latencies in ms, sorted."""
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def client() -> None:
        while (begun := time.perf_counter()) < end:
            await log.store.append(_command(f"token/{next(_numbers)}", [_issued()], (Guard(GUARDED, 1),)))
            latencies.append((time.perf_counter() - begun) * 1000)

    await asyncio.gather(*(client() for _ in range(at_once)))
    return sorted(latencies)


async def _replay(house: House, bare: Bare) -> list[Figure]:
    async with bare.log() as log:
        await _fill(log)
        pages = [page async for page in _pages(log)]
        with house.looking_at(os.getpid()):
            memory = await _folded(log, _Held(pages), time.process_time)
        local = LocalFeed("token", log.store, MemoryReaders(), lambda: time.time_ns() // 1000)
        whole = await _folded(log, local, time.perf_counter)
    cost = {"replay": 1000 / memory}
    return [
        Figure(
            "replay", memory, "events/s", at_least(200_000), cost, "pages in memory → rows in memory; per second of CPU"
        ),
        Figure("replay from PostgreSQL", whole, "events/s", None, {}, "the same, with reading the pages, by the clock"),
    ]


async def _folded(log: BareLog, source: Source, clock: Callable[[], float]) -> float:
    """Events a second of that clock, from the first to the last."""
    memory = MemoryProjection(FAMILIES, Rows(log.pool, "bench"), source, MemoryRows(), "bench")
    begun = clock()
    running = asyncio.ensure_future(memory.run())
    assert await memory.wait(EVENTS, 120)
    took = clock() - begun
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return EVENTS / took


class _Held:
    """A log whose pages are in memory already."""

    def __init__(self, pages: Sequence[Batch]) -> None:
        self.log = "token"
        self._pages = pages

    async def follow(
        self, reader: str, max_staleness: float, progress: Callable[[], Progress], pace: float = 0.0
    ) -> AsyncGenerator[Batch, None]:
        for page in self._pages:
            yield page
        last = self._pages[-1].rows[-1]
        yield Batch([], Echo(last.position, last.time, boot_ns(), last.chain_hash, last.position))
        await asyncio.Event().wait()

    def transport(self, reader: str) -> Transport:
        return Transport("local")


async def _pages(log: BareLog) -> AsyncGenerator[Batch, None]:
    after = 0
    while rows := await log.store.read(after, PAGE_EVENTS):
        yield Batch(rows, None)
        after = rows[-1].position


async def _relay(house: House, bare: Bare, servers: str) -> list[Figure]:
    async with bare.log() as log:
        await _fill(log)
        kafka = Kafka(servers, topics=f"bench-{uuid.uuid4().hex[:8]}")
        one = Relay("token", "bench", kafka, True, log.pool, log.store)
        begun = time.perf_counter()
        running = asyncio.ensure_future(one.run())
        await _reached(one, 1)
        first, spent, others = (await one.status()).position, time.process_time(), cpu(log.postgres)
        begun = time.perf_counter()
        with house.looking_at(os.getpid()):
            await _reached(one, EVENTS)
        took, sent = time.perf_counter() - begun, EVENTS - first
        each = 1000 / sent
        costs = {"relay": each * (time.process_time() - spent), "postgres": each * (cpu(log.postgres) - others)}
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    return [Figure("relay to Kafka", sent / took, "events/s", at_least(12_000), costs)]


async def _reached(one: Relay, position: int) -> None:
    while (status := await one.status()).position < position:
        assert not status.trouble, status
        await asyncio.sleep(0.02)


async def _fill(log: BareLog) -> None:
    """A log of families that are started and refreshed, and of tokens for clients themselves."""
    families = (EVENTS + 7) // 8
    gate = asyncio.Semaphore(256)

    async def family(number: int) -> None:
        async with gate:
            events = list(_life(number))[: EVENTS - 8 * number]
            await log.store.append(_command(f"family/fam_{number:016}", events, ()))

    await asyncio.gather(*(family(number) for number in range(families)))


def _life(number: int) -> Iterator[Event]:
    family, session = f"fam_{number:016}", f"ses_{number:016}"
    issue = {"subject": "acc_0123456789abcdef", "session_id": session, "family_id": family}
    yield FamilyStarted(
        family_id=family,
        client_id="cli_0123456789abcdef",
        subject="acc_0123456789abcdef",
        session_id=session,
        session_position=number + 1,
        seen=number,
        scope="orders:read orders:write",
        refresh_key="rk1",
        auth_time=1_790_000_000_000_000,
        acr="urn:watchword:acr:password",
        amr=["pwd"],
        expires_at=1_790_000_000_000_000,
    )
    yield _issued(**issue)
    for generation in range(2, 7):
        yield RefreshRotated(generation=generation, refresh_key="rk1", **_issue(**issue))
    yield _issued()


def _issued(**changes: str) -> TokenIssued:
    return TokenIssued(**_issue(**changes))


def _issue(**changes: str) -> dict[str, Any]:
    return {
        "token_id": f"tok_{next(_numbers):016}",
        "client_id": "cli_0123456789abcdef",
        "subject": "cli_0123456789abcdef",
        "audience": ["https://id.example"],
        "scope": "orders:read orders:write",
        "expires_at": 1_790_000_000_000_000,
        **changes,
    }


def _command(stream: str, events: Sequence[Event], guards: Sequence[Guard]) -> Command:
    new = [NewEvent(one.type, *encode(one)) for one in events]
    return Command(uuid.uuid4().hex, "client/cli_0123456789abcdef", uuid.uuid4().hex, [Write(stream, 0, new)], guards)
