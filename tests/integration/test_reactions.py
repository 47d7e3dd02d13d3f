"""Reactions outlive processes, and nothing is done twice (RULES 6)."""

import asyncpg

from eventlog.errors import Kind, Refusal, unavailable
from eventlog.projection import reaction_id
from tests.integration.projecting import Doing, reached, reaction, stands_at
from tests.unit.projection.notes import Written, running, until, write, written


async def test_a_reaction_is_done_once_however_often_the_process_starts(pool: asyncpg.Pool) -> None:
    store, doing = await written("a:1", "b:1"), Doing()
    async with reached(reaction(pool, store, doing), 2):
        pass
    await write(store, Written(note="c", text="1"))
    async with reached(reaction(pool, store, doing), 3):
        pass
    assert doing.done == [1, 2, 3]


async def test_what_is_unavailable_now_is_done_later_and_in_order(pool: asyncpg.Pool) -> None:
    store, doing = await written("a:1", "b:1"), Doing()
    doing.refusal = unavailable("peer_unavailable", "not now")
    one = reaction(pool, store, doing)
    async with running(one.run):
        await until(lambda: len(doing.refused) >= 2)
        doing.refusal = None
        await stands_at(one.rows, 2)
    assert set(doing.refused) == {1}
    assert doing.done == [1, 2]
    assert not await one.rows.parked()


async def test_what_follows_a_parked_event_in_its_stream_is_not_reacted_to(pool: asyncpg.Pool) -> None:
    store, doing = await written("a:1"), Doing()
    doing.refusal = Refusal(Kind.CONFLICT, "no", "it cannot be done")
    one = reaction(pool, store, doing)
    async with reached(one, 1):
        doing.refusal = None
        await write(store, Written(note="a", text="2"), Written(note="b", text="1"))
        await stands_at(one.rows, 3)
    assert doing.done == [3]
    assert await one.rows.parked_events() == {"note/a": 2}


async def test_what_cannot_be_done_is_parked_and_done_by_a_retry(pool: asyncpg.Pool) -> None:
    store, doing = await written("a:1", "a:2", "b:1"), Doing()
    doing.refusal = Refusal(Kind.CONFLICT, "no", "it cannot be done")
    one = reaction(pool, store, doing)
    async with reached(one, 3):
        assert await one.rows.parked() == {"note/a", "note/b"}
        doing.refusal = None
        assert await one.retry() == (3, 0)
        assert doing.done == [1, 2, 3]
        await write(store, Written(note="a", text="4"))
        await stands_at(one.rows, 4)
    assert doing.done == [1, 2, 3, 4]
    assert not await one.rows.parked()


async def test_after_a_retry_in_one_process_another_goes_on_with_the_stream(pool: asyncpg.Pool) -> None:
    store, doing = await written("a:1"), Doing()
    doing.refusal = Refusal(Kind.CONFLICT, "no", "it cannot be done")
    acting, asked = reaction(pool, store, doing, "acting"), reaction(pool, store, doing, "asked")
    async with reached(acting, 1):
        doing.refusal = None
        assert await asked.retry() == (1, 0)
        await write(store, Written(note="a", text="2"))
        await stands_at(acting.rows, 2)
        assert doing.done == [1, 2]
        assert not await acting.rows.parked()


def test_the_command_of_a_reaction_has_the_same_id_each_time() -> None:
    assert reaction_id("identity", 7) == reaction_id("identity", 7)
    assert len({reaction_id("identity", 7), reaction_id("identity", 8), reaction_id("token", 7)}) == 3
