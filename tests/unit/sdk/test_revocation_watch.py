"""The client of WatchRevocations against a real server: snapshot, progress, staleness, reconnection (RULES 4)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.unit.sdk.fakes import MICROSECONDS, NOW, until
from tests.unit.sdk.owner import Owner, Response, echo, revocation, served
from watchword import (
    Freshness,
    LogClock,
    Revocation,
    Revocations,
    RevocationWatch,
    boot_ns,
)
from watchword.revocations import KINDS
from watchword.token.v1 import token_pb2
from watchword.watch import FIRST_DELAY_S, LAST_DELAY_S
from watchword.wire import from_message, to_message


@dataclass
class Watching:
    owner: Owner
    revocations: Revocations
    freshness: Freshness
    clock: LogClock
    watch: RevocationWatch

    def age_s(self) -> float | None:
        age = self.freshness.age_ns(boot_ns())
        return None if age is None else age / 1e9


@asynccontextmanager
async def watching(max_staleness: float = 5.0) -> AsyncIterator[Watching]:
    owner, revocations, freshness, clock = Owner(), Revocations(), Freshness(), LogClock()
    async with served(owner) as channel:
        watch = RevocationWatch(
            channel,
            reader="orders/1",
            revocations=revocations,
            freshness=freshness,
            clock=clock,
            max_staleness=timedelta(seconds=max_staleness),
        )
        running = asyncio.create_task(watch.run())
        await until(lambda: len(owner.streams) == 1)
        yield Watching(owner, revocations, freshness, clock, watch)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_it_opens_with_its_name_and_its_staleness() -> None:
    async with watching(max_staleness=2) as its:
        await until(lambda: len(its.owner.progress) > 0)
        (opened,) = its.owner.opens
        assert (opened.reader, opened.max_staleness.ToTimedelta()) == ("orders/1", timedelta(seconds=2))


@pytest.mark.parametrize("max_staleness", [0, -1, 60.000001, 3600])
async def test_nobody_trusts_what_they_know_for_longer_than_token_remembers_them(max_staleness: float) -> None:
    with pytest.raises(ValueError, match="max_staleness"):
        async with watching(max_staleness):
            pass


async def test_nothing_is_known_before_the_first_snapshot_is_complete() -> None:
    async with watching(max_staleness=0.3) as its:
        its.owner.head = 7
        its.owner.say(Response(snapshot_begins=True, revocations=[to_message(revocation(5))], position=7))
        await until(lambda: its.clock.known and len(its.owner.progress) >= 3)
        assert (len(its.revocations), its.age_s()) == (0, None)
        its.owner.say(Response(revocations=[to_message(revocation(7, "ses_2"))], snapshot_complete=True))
        async with asyncio.timeout(5):
            await its.watch.proven()
        assert (len(its.revocations), its.freshness.position) == (2, 7)
        assert its.clock.now() >= NOW * MICROSECONDS


async def test_progress_is_sent_at_once_after_a_revocation() -> None:
    async with watching(max_staleness=60) as its:
        its.owner.snapshot()
        await until(lambda: len(its.owner.progress) >= 2)
        async with asyncio.timeout(20):
            for position in range(1, 41):
                sent, its.owner.head = boot_ns(), position
                its.owner.say(Response(revocations=[to_message(revocation(position))], position=position))
                await until(lambda: its.owner.progress[-1].applied == its.owner.head)
                assert its.owner.progress[-1].stamp >= sent


async def test_progress_is_sent_at_least_each_second_and_oftener_for_a_shorter_staleness() -> None:
    async with watching(max_staleness=0.3) as its:
        await until(lambda: len(its.owner.progress) >= 5)
        stamps = [progress.stamp for progress in its.owner.progress]
        assert stamps == sorted(set(stamps))
    async with watching(max_staleness=60) as its:
        await until(lambda: len(its.owner.progress) >= 2)


async def test_an_owner_that_does_not_echo_lets_knowledge_grow_old_even_while_it_sends() -> None:
    async with watching(max_staleness=0.3) as its:
        its.owner.snapshot()
        await its.watch.proven()
        its.owner.echoing = False
        heard = len(its.owner.progress)
        await until(lambda: len(its.owner.progress) >= heard + 3)
        its.owner.head = 1
        its.owner.say(Response(revocations=[to_message(revocation(1))], position=1))
        await until(lambda: len(its.revocations) == 1)
        age = its.age_s()
        assert age is not None
        assert age > 0.2


async def test_an_echo_of_what_has_not_come_yet_proves_nothing() -> None:
    async with watching(max_staleness=0.3) as its:
        its.owner.head = 5
        its.owner.snapshot()
        await its.watch.proven()
        its.owner.head = 6
        await until(lambda: its.freshness.head == 6)
        stale_since = boot_ns()
        heard = len(its.owner.progress)
        await until(lambda: len(its.owner.progress) >= heard + 3)
        age = its.freshness.age_ns(boot_ns())
        assert age is not None
        assert boot_ns() - age <= stale_since
        its.owner.say(Response(position=6))
        await until(lambda: boot_ns() - (its.freshness.age_ns(boot_ns()) or 0) > stale_since)


async def test_a_stream_that_breaks_is_opened_anew_and_its_snapshot_takes_the_place_of_the_old_one() -> None:
    async with watching() as its:
        its.owner.snapshot(revocation(1, "old"))
        await its.watch.proven()
        its.owner.hang_up()
        await until(lambda: len(its.owner.streams) == 2)
        its.owner.say(Response(snapshot_begins=True, revocations=[to_message(revocation(2, "new"))]))
        await until(lambda: len(its.owner.opens) == 2)
        assert {one.key for one in its.revocations} == {"old"}
        its.owner.say(Response(snapshot_complete=True, position=2))
        await until(lambda: {one.key for one in its.revocations} == {"new"})


async def test_a_stream_that_breaks_again_and_again_is_opened_less_often_until_a_snapshot_is_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses, sleep = list[float](), asyncio.sleep

    async def slept(seconds: float) -> None:
        if seconds >= FIRST_DELAY_S / 2:  # whoever looks again and again pauses for less
            pauses.append(seconds)
        await sleep(0)

    async def breaks(owner: Owner) -> None:
        opened = len(owner.streams)
        owner.hang_up()
        await until(lambda: len(owner.streams) > opened)

    async with watching() as its:
        monkeypatch.setattr(asyncio, "sleep", slept)
        for _ in range(8):
            await breaks(its.owner)
        for number, pause in enumerate(pauses):
            longest = min(FIRST_DELAY_S * 2**number, LAST_DELAY_S)
            assert longest / 2 <= pause <= longest
        its.owner.snapshot()
        await its.watch.proven()
        await breaks(its.owner)
        assert pauses[-1] <= FIRST_DELAY_S
        assert len(pauses) == 9


async def test_a_stream_that_falls_silent_is_opened_anew() -> None:
    async with watching(max_staleness=0.3) as its:
        its.owner.snapshot()
        await its.watch.proven()
        its.owner.echoing = False
        await until(lambda: len(its.owner.streams) == 2, 20)


async def test_a_snapshot_that_broke_off_is_not_half_applied() -> None:
    async with watching() as its:
        its.owner.snapshot(revocation(1, "old"))
        await its.watch.proven()
        its.owner.say(Response(snapshot_begins=True, revocations=[to_message(revocation(2, "half"))]))
        its.owner.hang_up()
        await until(lambda: len(its.owner.streams) == 2)
        its.owner.say(Response(revocations=[to_message(revocation(3))], snapshot_complete=True, position=3))
        await until(lambda: len(its.owner.streams) == 3)
        assert {one.key for one in its.revocations} == {"old"}
        its.owner.snapshot(revocation(4, "whole"))
        await until(lambda: {one.key for one in its.revocations} == {"whole"})


@pytest.mark.parametrize(
    "wrong",
    [
        Response(revocations=[to_message(revocation(1))], position=1),
        Response(snapshot_begins=True, revocations=[token_pb2.Revocation(position=1)], snapshot_complete=True),
        echo(0, 2**63),
    ],
    ids=["before a snapshot", "of an unknown kind", "a stamp never sent"],
)
async def test_what_cannot_be_applied_proves_nothing_and_the_stream_is_opened_anew(wrong: Response) -> None:
    async with watching() as its:
        its.owner.echoing = False
        its.owner.say(wrong)
        await until(lambda: len(its.owner.streams) == 2)
        assert (its.age_s(), len(its.revocations)) == (None, 0)
        its.owner.echoing = True
        its.owner.snapshot()
        await its.watch.proven()


async def test_what_can_no_longer_matter_is_forgotten_by_the_logs_time() -> None:
    async with watching(max_staleness=0.3) as its:
        its.owner.snapshot(Revocation("session", "past", 1, 0, 1), revocation(1, "live"))
        await until(lambda: {one.key for one in its.revocations} == {"live"})


def test_a_revocation_of_every_kind_survives_the_wire() -> None:
    for kind in KINDS:
        one = Revocation(kind, "id", 7, 1_000_001, 2_000_002, *((3, "ses") if kind == "subject" else ()))
        assert from_message(to_message(one)) == one
