"""RULES 4: a watcher is sent a snapshot, then what comes; and never misses one."""

import asyncio

import pytest

from tests.unit.token.watching import Owner, Watch, owner
from watchword.revocations import Revocations

__all__ = ["owner"]


async def test_a_watcher_is_sent_a_snapshot_and_then_what_comes(owner: Owner) -> None:
    async with owner.running():
        await owner.revoke("ses_1", "ses_2")
        watch = Watch(owner)
        first = await watch.take()
        assert (first.snapshot_begins, first.snapshot_complete) == (True, True)
        assert (watch.known, watch.position) == ({"ses_1", "ses_2"}, owner.memory.applied)
        position = await owner.revoke("ses_3")
        later = await watch.take()
        assert [one.session_id for one in later.revocations] == ["ses_3"]
        assert (later.revocations[0].position, later.position, watch.snapshots) == (position, position, 1)


async def test_an_empty_snapshot_is_a_snapshot(owner: Owner) -> None:
    async with owner.running():
        answer = await Watch(owner).take()
        assert (answer.snapshot_begins, answer.snapshot_complete, len(answer.revocations)) == (True, True, 0)


async def test_nothing_is_said_before_this_process_knows_what_is_revoked(owner: Owner) -> None:
    watch = Watch(owner)
    watch.report()
    early = asyncio.ensure_future(watch.take())
    await asyncio.wait([early], timeout=0.3)
    assert not early.done()
    async with owner.running():
        assert (await early).snapshot_begins


async def test_a_slow_watcher_gets_a_new_snapshot_instead_of_a_backlog(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.token.watch.BACKLOG", 3)
    async with owner.running():
        watch = Watch(owner)
        await watch.take()
        wanted = [f"ses_{number}" for number in range(10)]
        position = await owner.revoke(*wanted)
        await watch.until_proven(position)
        assert (watch.known, watch.snapshots) == (set(wanted), 2)


async def test_a_watcher_that_falls_behind_during_its_snapshot_gets_another_and_misses_nothing(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.token.watch.BACKLOG", 3)
    monkeypatch.setattr("services.token.watch.PAGE", 2)
    async with owner.running():
        watch = Watch(owner)
        await watch.until_proven(owner.world.head)
        early, late = [f"ses_{number}" for number in range(9)], [f"ses_late_{number}" for number in range(9)]
        await owner.revoke(*early)
        await begin_second_snapshot(watch)
        position = await owner.revoke(*late)
        await watch.until_proven(position)
        assert watch.known == {*early, *late}


async def test_a_projection_that_starts_anew_during_a_snapshot_makes_another(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.token.watch.BACKLOG", 3)
    monkeypatch.setattr("services.token.watch.PAGE", 2)
    async with owner.running():
        watch = Watch(owner)
        await watch.until_proven(owner.world.head)
        await owner.revoke(*(f"ses_{number}" for number in range(9)))
        await begin_second_snapshot(watch)
        owner.trust.revocations = Revocations()
        owner.trust.reset([])
        while watch.snapshots < 3:
            await watch.take()
        assert watch.known == set()


async def begin_second_snapshot(watch: Watch) -> None:
    """Takes the first page of a snapshot after which the owner means to prove how fresh it is."""
    watch.report(watch.position)
    await watch.heard()
    while not (answer := await watch.take()).snapshot_begins:
        pass
    assert not answer.snapshot_complete


async def test_a_watcher_that_hangs_up_is_forgotten(owner: Owner) -> None:
    async with owner.running():
        watch = Watch(owner)
        await watch.take()
        watch.hang_up()
        async with asyncio.timeout(5):
            assert all([not answer.revocations async for answer in watch.answers])
        assert not owner.trust.watchers


async def test_a_watcher_of_stamps_only_is_sent_a_whole_snapshot_and_then_no_revocations(owner: Owner) -> None:
    async with owner.running():
        await owner.revoke("ses_1")
        watch = Watch(owner, stamps_only=True)
        await watch.until_proven(owner.world.head)
        assert (watch.known, watch.snapshots) == ({"ses_1"}, 1)
        position = await owner.revoke("ses_2")
        await watch.until_proven(position)
        assert (watch.known, watch.snapshots) == ({"ses_1"}, 1)


async def test_a_watcher_of_stamps_only_has_no_backlog(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.token.watch.BACKLOG", 3)
    async with owner.running():
        watch = Watch(owner, stamps_only=True)
        await watch.until_proven(owner.world.head)
        position = await owner.revoke(*(f"ses_{number}" for number in range(10)))
        await watch.until_proven(position)
        assert watch.snapshots == 1
