"""The relay's topic: made or missed, refused where it is not as it must be, refilled when asked to (RULES 5)."""

import uuid
from collections.abc import AsyncIterator, Callable

import pytest

from eventlog.errors import Refusal
from eventlog.relay import Status
from tests.harness.database import Database
from tests.harness.kafka import Broker
from tests.harness.published import published
from tests.harness.relaying import SERVICE, House, first_sight, house
from watchword.kafka import Heartbeat


@pytest.fixture
async def home(database: Database, kafka: Broker, kafka_topics: str) -> AsyncIterator[House]:
    async with house(database, kafka.bootstrap, kafka_topics) as made:
        yield made


@pytest.fixture
async def other_home(other_database: Database, kafka: Broker, kafka_topics: str) -> AsyncIterator[House]:
    """Another log, with the same topic."""
    async with house(other_database, kafka.bootstrap, kafka_topics) as made:
        yield made


def in_trouble(code: str) -> Callable[[Status], bool]:
    return lambda status: status.trouble == code


async def published_to(home: House, position: int) -> None:
    """Has its topic hold so many events, which it appends."""
    await home.append(position)
    async with home.relaying() as relay:
        await home.level(relay)


async def test_it_makes_the_topic_with_one_partition_and_no_compaction(home: House) -> None:
    await published_to(home, 1)
    assert await home.described() == (1, "delete")


async def test_a_topic_that_it_may_not_make_is_missed_with_what_to_run(home: House) -> None:
    await home.append(3)
    async with home.relaying(create=False) as relay:
        status = await home.shows(relay, in_trouble("topic_missing"))
        assert f"kafka-topics.sh --bootstrap-server {home.kafka.servers} --create --topic {home.topic}" in status.detail
        assert "--partitions 1 --config cleanup.policy=delete" in status.detail
        await home.make_topic()
        await home.level(relay)
    assert await home.positions() == [1, 2, 3]


@pytest.mark.parametrize(
    ("code", "partitions", "config"),
    [
        ("topic_has_partitions", 3, {}),
        ("topic_is_compacted", 1, {"cleanup_policy": "compact"}),
        ("topic_is_compacted", 1, {"cleanup_policy": "compact,delete"}),
    ],
)
async def test_a_topic_that_is_not_a_log_is_refused(
    home: House, code: str, partitions: int, config: dict[str, str]
) -> None:
    await home.make_topic(partitions, **config)
    await home.append(1)
    async with home.relaying() as relay:
        await home.shows(relay, in_trouble(code))
        assert await home.raw() == []
        await home.delete_topic()
        await home.level(relay)
    assert await home.positions() == [1]


async def test_an_empty_topic_goes_on_after_the_saved_position(home: House) -> None:
    await published_to(home, 20)
    await home.delete_topic()
    await home.append(5)
    async with home.relaying() as relay:
        await home.level(relay)
    assert await home.positions() == [21, 22, 23, 24, 25]


async def test_a_topic_that_vanishes_while_it_runs_is_made_again(home: House) -> None:
    await home.append(5)
    async with home.relaying() as relay:
        await home.level(relay)
        await home.delete_topic()
        await home.append(5)
        await home.shows(relay, lambda status: status.position == 10 and not status.trouble)
        await home.level(relay)
    assert await home.positions() == [6, 7, 8, 9, 10]


async def test_republishing_refills_the_topic_whichever_process_is_asked(home: House) -> None:
    await home.append(700)
    async with home.relaying() as relay:
        await home.level(relay)
        await home.relay("another").republish(101)
        await home.shows(relay, lambda status: status.republish_from is None)
        await home.level(relay)
        await home.append(1)
        await home.level(relay)
    positions = await home.positions()
    assert positions == [*range(1, 701), *range(101, 702)]
    assert first_sight(positions) == list(range(1, 702))


async def test_a_wish_outlives_the_process_that_was_asked(home: House) -> None:
    await published_to(home, 10)
    await home.delete_topic()
    await home.relay().republish(1)
    await published_to(home, 1)
    assert await home.positions() == list(range(1, 12))


async def test_a_wish_made_while_the_relay_is_behind_leaves_nothing_out(home: House) -> None:
    await home.append(5)
    async with home.relaying() as relay:
        await home.level(relay)
    await home.append(20)
    await home.relay("another").republish(15)
    async with home.relaying() as relay:
        await home.shows(relay, lambda status: status.republish_from is None)
        await home.level(relay)
    assert await home.positions() == list(range(1, 26))


@pytest.mark.parametrize("first", [0, 4])
async def test_what_the_log_does_not_hold_cannot_be_republished(home: House, first: int) -> None:
    await home.append(3)
    with pytest.raises(Refusal, match="position_unknown"):
        await home.relay().republish(first)


async def test_a_topic_of_another_log_gets_nothing_until_it_is_emptied_and_refilled(
    home: House, other_home: House
) -> None:
    await published_to(other_home, 5)
    await home.append(8)
    async with home.relaying() as relay:
        status = await home.shows(relay, in_trouble("topic_of_another_log"))
        assert f"watchword relay republish {SERVICE} --from 1" in status.detail
        assert {one.log_id for one in await home.said()} == {await other_home.store.log_id()}
        await home.delete_topic()
        await relay.republish(1)
        await home.level(relay)
    assert await home.positions() == list(range(1, 9))
    assert {one.log_id for one in await home.said()} == {await home.store.log_id()}


@pytest.mark.parametrize("position", [3, 9])
async def test_a_log_that_was_restored_to_an_earlier_state_publishes_nothing_over_what_it_forgot(
    home: House, position: int
) -> None:
    """The same log id: the topic's last position is another event here, or lies beyond the log's end."""
    await home.append(5)
    async with published(home.kafka, SERVICE) as before:
        before.log_id = await home.store.log_id()
        for _ in range(position):
            await before.event("happened", "note/1")
    async with home.relaying() as relay:
        await home.shows(relay, in_trouble("topic_of_another_log"))
    assert await home.positions() == list(range(1, position + 1))


async def test_a_log_that_loses_its_end_under_its_relay_is_said_to_end_nowhere_earlier(home: House) -> None:
    await home.append(5)
    async with home.relaying() as relay:
        await home.level(relay)
        async with home.database.admin() as admin:
            await admin.execute("DELETE FROM eventlog.events WHERE position > 3")
        await home.shows(relay, in_trouble("topic_of_another_log"))
    assert {one.position for one in await home.said() if isinstance(one, Heartbeat)} == {5}


async def test_a_heartbeat_of_another_log_that_is_empty_is_another_log(home: House) -> None:
    async with published(home.kafka, SERVICE) as before:
        before.log_id = str(uuid.uuid4())
        await before.heartbeat()
    async with home.relaying() as relay:
        await home.shows(relay, in_trouble("topic_of_another_log"))
    (beat,) = await home.said()
    assert isinstance(beat, Heartbeat)


async def test_a_relay_that_ends_says_so_and_keeps_its_position(home: House) -> None:
    await published_to(home, 4)
    status = await home.relay().status()
    assert (status.holding, status.holder, status.position, status.trouble) == (False, "", 4, "")
