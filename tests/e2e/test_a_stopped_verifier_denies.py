"""A verifier whose knowledge may be too old denies: one that was stopped and wakes among heartbeats, and one that was
cut off. Neither accepts a token that was revoked meanwhile, and both recover."""

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.harness.backend import Backend, backend
from tests.harness.detour import detour
from tests.harness.people import People
from tests.harness.running import GaveUp, Running

pytestmark = pytest.mark.over("feed")

MAX_STALENESS = 2.0
QUESTIONS = 20


async def past_staleness(since: float) -> None:
    """Returns once more than `max_staleness` has passed."""
    await asyncio.sleep(max(0.0, since + MAX_STALENESS + 0.1 - time.monotonic()))


async def until(condition: Callable[[], bool], what: str, within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise GaveUp(what)
        await asyncio.sleep(0.02)


async def at_its_waking(woken: Backend, token: str) -> set[str]:
    """What it answers to questions that lay before it while it was stopped."""
    for _ in range(QUESTIONS):
        woken.put(token)
    woken.go_on()
    return {await woken.answer() for _ in range(QUESTIONS)}


async def test_one_that_was_stopped_does_not_accept_what_was_revoked_meanwhile(suite: Running, people: People) -> None:
    login, admin = await people.login(await people.register()), await people.administrator()
    target = suite.fleet.target("token")
    async with backend(suite, "stopped", MAX_STALENESS, target) as stopped:
        await stopped.until_it_says(login.access_token, "accepted")
        await stopped.stop()
        since = time.monotonic()
        revoked = await people.revoke(admin, session_id=login.session_id)
        assert not [one for one in revoked["applied"] if one["reader"].endswith("/stopped")]
        await past_staleness(since)
        await until(lambda: stopped.unread(target) > 0, "something lies in its socket")
        assert await at_its_waking(stopped, login.access_token) <= {"stale", "revoked"}
        await stopped.until_it_says(login.access_token, "revoked")


async def test_heartbeats_from_before_it_was_stopped_do_not_make_its_knowledge_younger(
    suite: Running, people: People
) -> None:
    login, admin = await people.login(await people.register()), await people.administrator()
    async with (
        detour(suite.fleet.target("token")) as way,
        backend(suite, "woken", MAX_STALENESS, way.target) as woken,
    ):
        await woken.until_it_says(login.access_token, "accepted")
        way.hold()  # it reports thrice as often as its knowledge becomes stale, and token answers
        await woken.until_it_says(login.access_token, "stale")
        assert way.kept > 0
        await woken.stop()
        since = time.monotonic()
        way.let_through()
        await until(lambda: woken.unread(way.target) > 0, "the heartbeat lies in its socket")
        await people.revoke(admin, session_id=login.session_id)
        await past_staleness(since)
        assert await at_its_waking(woken, login.access_token) == {"stale"}
        await until(lambda: woken.unread(way.target) == 0, "the heartbeat was read")
        assert await woken.says(login.access_token) == "stale"
        way.set_free()
        await woken.until_it_says(login.access_token, "revoked")


async def test_one_that_was_cut_off_denies_everything_and_accepts_again_what_was_not_revoked(
    suite: Running, people: People
) -> None:
    ended, live = [await people.login(await people.register()) for _ in range(2)]
    admin = await people.administrator()
    async with (
        detour(suite.fleet.target("token")) as way,
        backend(suite, "cut-off", MAX_STALENESS, way.target) as cut_off,
    ):
        for one in (ended, live):
            await cut_off.until_it_says(one.access_token, "accepted")
        way.hold()
        since = time.monotonic()
        await people.revoke(admin, session_id=ended.session_id)
        await past_staleness(since)
        for one in (ended, live) * QUESTIONS:
            assert await cut_off.says(one.access_token) == "stale"
        way.set_free()
        await cut_off.until_it_says(live.access_token, "accepted")
        assert await cut_off.says(ended.access_token) == "revoked"


async def test_one_that_starts_cut_off_denies_until_it_has_its_snapshot(suite: Running, people: People) -> None:
    login, admin = await people.login(await people.register()), await people.administrator()
    other = await people.login(await people.register())
    await people.revoke(admin, session_id=login.session_id)
    async with detour(suite.fleet.target("token")) as way:
        way.hold()
        async with backend(suite, "new", MAX_STALENESS, way.target) as new:
            for one in (login, other):
                assert await new.says(one.access_token) == "stale"
            way.set_free()
            await new.until_it_says(other.access_token, "accepted")
            assert await new.says(login.access_token) == "revoked"
