"""What holds of every store, run for memory and for PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from eventlog.errors import Moved
from eventlog.store import Appended, Command, Guard, MemoryStore, Snapshot, Store
from tests.harness.database import fresh_database
from tests.harness.log import assert_sound, command, event, everything
from tests.integration.conftest import Cluster
from watchword.chain import GENESIS

DEADLINE = 10.0


@pytest_asyncio.fixture(params=["memory", "postgresql"])
async def store(request: pytest.FixtureRequest, cluster: Cluster) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    async with fresh_database(cluster.server, cluster.data) as database:
        await database.migrate()
        async with database.store() as made:
            yield made


async def outcomes(store: Store, *commands: Command) -> list[Appended | BaseException]:
    """What each command was answered, all having been sent at once."""
    return await asyncio.gather(*(store.append(one) for one in commands), return_exceptions=True)


async def test_positions_are_gap_free_and_in_order(store: Store) -> None:
    answers = await asyncio.gather(*(store.append(command(f"c{n}", {f"s/{n}": 0})) for n in range(700)))
    assert [answer.first for answer in answers] == list(range(1, 701))
    assert_sound(await everything(store))


async def test_a_commands_events_stand_together_in_its_order(store: Store) -> None:
    await store.append(command("before", {"s/0": 0}))
    answer = await store.append(command("c", {"b/1": 0, "a/1": 0}, events=(event(b'{"n":1}'), event(b'{"n":2}'))))
    assert (answer.first, answer.last) == (2, 5)
    rows = await store.read(1, 10)
    expected = [("b/1", 1, b'{"n":1}'), ("b/1", 2, b'{"n":2}'), ("a/1", 1, b'{"n":1}'), ("a/1", 2, b'{"n":2}')]
    assert [(row.stream, row.version, row.body) for row in rows] == expected
    assert {row.time for row in rows} == {answer.time}


async def test_rows_hold_what_was_given_exactly(store: Store) -> None:
    body, sealed = '{"größe":12345678901234567890,"z":"\\u0000"}'.encode(), bytes(range(256))
    await store.append(command("id/ü", {"stream/ß": 0}, events=(event(body, sealed), event(b'{"n":1.10}'))))
    first, second = await store.stream("stream/ß")
    assert (first.body, first.sealed, second.body, second.sealed) == (body, sealed, b'{"n":1.10}', None)
    assert (len(first.sealed_hash), second.sealed_hash) == (32, b"")
    assert (first.command_id, first.actor, first.correlation_id, first.type) == (
        "id/ü",
        "test",
        "a-test",
        "watchword.test.happened.v1",
    )
    assert_sound(await everything(store))


async def test_a_stream_that_moved_refuses_the_whole_command(store: Store) -> None:
    await store.append(command("c1", {"a/1": 0}))
    with pytest.raises(Moved) as refused:
        await store.append(command("c2", {"b/1": 0, "a/1": 0}))
    assert refused.value.versions == {"a/1": 1}
    assert await store.stream("b/1") == []


async def test_a_stream_that_is_behind_refuses_too(store: Store) -> None:
    await store.append(command("c1", {"a/1": 0}))
    with pytest.raises(Moved) as refused:
        await store.append(command("c2", {"a/1": 7}))
    assert refused.value.versions == {"a/1": 1}


async def test_a_guard_that_moved_refuses(store: Store) -> None:
    await store.append(command("c1", {"a/1": 0}))
    with pytest.raises(Moved) as refused:
        await store.append(command("c2", {"b/1": 0}, guards={"a/1": 0, "z/1": 0}))
    assert refused.value.versions == {"a/1": 1}
    assert (await store.append(command("c3", {"b/1": 0}, guards={"a/1": 1, "z/1": 0}))).first == 2


async def test_a_guard_on_a_stream_written_earlier_at_once_has_moved(store: Store) -> None:
    await store.append(command("c0", {"a/1": 0}))
    first, second, third = await outcomes(
        store,
        command("c1", {"a/1": 1}),
        command("c2", {"b/1": 0}, guards={"a/1": 1}),
        command("c3", {"c/1": 0}, guards={"a/1": 2}),
    )
    assert isinstance(first, Appended)
    assert isinstance(second, Moved)
    assert second.versions == {"a/1": 2}
    assert isinstance(third, Appended)
    assert await store.stream("b/1") == []


async def test_a_write_after_a_guard_leaves_both(store: Store) -> None:
    answers = await outcomes(store, command("c1", {"b/1": 0}, guards={"a/1": 0}), command("c2", {"a/1": 0}))
    assert [isinstance(answer, Appended) for answer in answers] == [True, True]


async def test_guards_do_not_exclude_each_other(store: Store) -> None:
    await store.append(command("c", {"family/1": 0}))
    answers = await outcomes(store, *(command(f"r{n}", {f"retry/{n}": 0}, guards={"family/1": 1}) for n in range(64)))
    assert all(isinstance(answer, Appended) for answer in answers)


async def test_of_two_commands_on_one_stream_the_first_wins(store: Store) -> None:
    answers = await outcomes(store, *(command(f"c{n}", {"a/1": 0}) for n in range(16)))
    assert isinstance(answers[0], Appended)
    assert all(isinstance(answer, Moved) and answer.versions == {"a/1": 1} for answer in answers[1:])
    assert [row.command_id for row in await store.stream("a/1")] == ["c0"]


async def test_a_refused_command_does_not_stand_in_the_way_of_the_next(store: Store) -> None:
    await store.append(command("c0", {"moved/1": 0}))
    refused, accepted = await outcomes(
        store, command("c1", {"a/1": 0}, guards={"moved/1": 0}), command("c2", {"a/1": 0, "b/1": 0})
    )
    assert isinstance(refused, Moved)
    assert isinstance(accepted, Appended)


async def test_a_conflict_fails_that_command_alone(store: Store) -> None:
    await store.append(command("c", {"s/13": 0}))
    answers = await outcomes(store, *(command(f"c{n}", {f"s/{n}": 0}) for n in range(50)))
    assert [n for n, answer in enumerate(answers) if isinstance(answer, Moved)] == [13]
    assert_sound(await everything(store))


async def test_what_must_be_unique_is_a_stream(store: Store) -> None:
    answers = await outcomes(store, *(command(f"c{n}", {f"account/{n}": 0, "username/x": 0}) for n in range(32)))
    assert sum(isinstance(answer, Appended) for answer in answers) == 1
    assert len(await everything(store)) == 2


async def test_a_command_sent_again_is_answered_as_it_was(store: Store) -> None:
    sent = command("c1", {"a/1": 0, "b/1": 0}, guards={"g/1": 0})
    before = await store.append(sent)
    await store.append(command("c2", {"a/1": 1}))
    await store.append(command("c3", {"g/1": 0}))
    assert await store.append(sent) == before
    assert len(await everything(store)) == 4


async def test_a_command_sent_twice_at_once_is_stored_once(store: Store) -> None:
    sent = command("c1", {"a/1": 0, "b/1": 0})
    first, second = await asyncio.gather(store.append(sent), store.append(sent))
    assert first == second
    assert len(await everything(store)) == 2


async def test_an_old_command_is_settled_beside_others_on_its_stream(store: Store) -> None:
    sent = command("c1", {"a/1": 0})
    before = await store.append(sent)
    others = command("c2", {"a/1": 1}), command("c3", {"a/1": 1}), command("c4", {"a/1": 2})
    answers = await outcomes(store, others[0], sent, *others[1:])
    assert answers[1] == before
    assert [isinstance(answer, Appended) for answer in answers] == [True, True, False, True]
    assert_sound(await everything(store))


async def test_another_command_is_not_settled_by_what_stands_there(store: Store) -> None:
    await store.append(command("c1", {"a/1": 0}))
    with pytest.raises(Moved):
        await store.append(command("c1", {"a/1": 2}))
    with pytest.raises(Moved):
        await store.append(command("c2", {"a/1": 0}))


async def test_time_is_the_logs_and_never_goes_back(store: Store) -> None:
    before = await store.head()
    answers = [await store.append(command(f"c{n}", {f"s/{n}": 0})) for n in range(20)]
    times = [before.now, *(answer.time for answer in answers), (await store.head()).now]
    assert times == sorted(times)
    assert [row.time for row in await everything(store)] == [answer.time for answer in answers]


async def test_the_head_is_the_last_row(store: Store) -> None:
    empty = await store.head()
    assert (empty.position, empty.chain_hash) == (0, GENESIS)
    await store.append(command("c1", {"a/1": 0}, events=(event(), event())))
    head = await store.head()
    assert (head.position, head.chain_hash) == (2, (await store.read(1, 1))[0].chain_hash)


async def test_moved_names_only_what_moved(store: Store) -> None:
    await store.append(command("c1", {"a/1": 0, "b/1": 0}))
    seen = [Guard("a/1", 1), Guard("b/1", 0), Guard("z/1", 0), Guard("y/1", 3)]
    assert await store.moved(seen) == {"b/1": 1, "y/1": 0}
    assert await store.moved([]) == {}


async def test_a_page_is_cut_at_its_limits(store: Store) -> None:
    for n in range(10):
        await store.append(command(f"c{n}", {f"s/{n}": 0}, events=(event(b'"' + b"x" * 98 + b'"', b"s" * 100),)))
    assert [row.position for row in await store.read(0, 4)] == [1, 2, 3, 4]
    assert [row.position for row in await store.read(4, 100, max_bytes=650)] == [5, 6, 7]
    assert [row.position for row in await store.read(8, 100, max_bytes=1)] == [9]
    assert await store.read(10, 100) == []


async def test_a_stream_is_read_above_a_version(store: Store) -> None:
    await store.append(command("c1", {"a/1": 0}, events=(event(), event(), event())))
    await store.append(command("c2", {"b/1": 0}))
    assert [row.version for row in await store.stream("a/1")] == [1, 2, 3]
    assert [row.version for row in await store.stream("a/1", after=2)] == [3]
    assert await store.stream("a/1", after=3) == []
    assert await store.stream("none/1") == []


async def test_several_streams_are_read_at_once_each_above_a_version(store: Store) -> None:
    await store.append(command("c1", {"a/1": 0, "b/1": 0}, events=(event(), event(), event())))
    await store.append(command("c2", {"c/1": 0}))
    await store.append(command("c3", {"a/1": 3}))
    rows = await store.stream_each({"a/1": 2, "b/1": 0, "none/1": 0, "c/1": 1})
    assert [(row.stream, row.version) for row in rows] == [
        *(("a/1", version) for version in (3, 4)),
        *(("b/1", version) for version in (1, 2, 3)),
    ]
    assert rows[:2] == await store.stream("a/1", after=2)
    assert await store.stream_each({}) == []


async def test_waiting_ends_when_the_log_grows(store: Store) -> None:
    waiting = asyncio.create_task(store.wait(0, timeout=DEADLINE))
    await store.append(command("c1", {"a/1": 0}))
    async with asyncio.timeout(DEADLINE / 2):
        await waiting
        await store.wait(0, timeout=DEADLINE)


async def test_waiting_ends_at_its_timeout(store: Store) -> None:
    await store.append(command("c1", {"a/1": 0}))
    async with asyncio.timeout(DEADLINE):
        await store.wait(1, timeout=0.01)


async def test_a_snapshot_is_kept_until_the_next(store: Store) -> None:
    assert await store.snapshot("a/1") is None
    await store.keep_snapshot("a/1", Snapshot(50, "n:int", b"\x01"))
    await store.keep_snapshot("a/1", Snapshot(100, "n:int", b"\x02"))
    assert await store.snapshot("a/1") == Snapshot(100, "n:int", b"\x02")


async def test_snapshots_of_several_streams_are_read_at_once(store: Store) -> None:
    first, second = Snapshot(50, "n:int", b"\x01"), Snapshot(100, "n:int", b"\x02")
    await store.keep_snapshot("a/1", first)
    await store.keep_snapshot("b/1", second)
    assert await store.snapshot_each(["a/1", "none/1", "b/1"]) == {"a/1": first, "b/1": second}
    assert await store.snapshot_each([]) == {}
