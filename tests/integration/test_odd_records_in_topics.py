"""Records that are repeated, damaged or a stranger's are noticed in a topic and change nothing (RULES 4-6)."""

import msgspec

from tests.harness.topic import record_of
from tests.integration.topic_readers import PATIENCE, SERVICE, cluster, following, house
from tests.unit.projection.notes import until, written
from watchword.chain import link
from watchword.kafka import BadRecord, Kafka, headers_of
from watchword.kafka.topic import open_topic

__all__ = ["cluster"]


async def test_a_repeated_record_is_dropped_and_noticed(cluster: Kafka) -> None:
    async with house(cluster, "a", "b") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        await one.topic.publish(one.store.rows)
        await until(lambda: follower.noticed("record_repeated") == 2, PATIENCE)
        await one.note("c")
        await until(lambda: follower.applied == 3, PATIENCE)
        assert follower.via == "kafka"


async def test_a_corrupt_record_is_noticed_and_its_event_comes_from_the_owner(cluster: Kafka) -> None:
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        forged = msgspec.structs.replace(record_of(one.store.rows[0], SERVICE), position=2)
        await one.topic.write(forged.stream.encode(), forged.body, headers_of(forged))
        await until(lambda: follower.noticed("record_corrupt") == 1, PATIENCE)
        await one.note("b", "c")
        await until(lambda: follower.applied == 3, PATIENCE)
        assert [row.body for row in follower.rows] == [row.body for row in one.store.rows]
        await until(lambda: follower.via == "kafka", PATIENCE)


async def test_a_strangers_record_is_noticed_and_changes_nothing(cluster: Kafka) -> None:
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        await one.topic.write(b"k", b"hello", [])
        await one.topic.write(b"n", b"{}", headers_of(record_of(one.store.rows[0], "policy")))
        await until(lambda: follower.noticed("record_foreign") == 2, PATIENCE)
        await one.note("b")
        await until(lambda: follower.applied == 2, PATIENCE)
        assert follower.via == "kafka"


async def test_a_record_that_the_client_cannot_decode_is_read_over(cluster: Kafka) -> None:
    async with house(cluster, "a") as one:
        await one.topic.write_unreadable()
        await one.note("b")
        async with open_topic(cluster, SERVICE) as reader:
            last = await reader.last()
            assert last is not None
            assert not isinstance(last.what, BadRecord)
            assert last.what.position == 2
        async with following(one) as follower:
            await until(lambda: follower.via == "kafka", PATIENCE)
            await one.topic.write_unreadable()
            await one.note("c")
            await until(lambda: follower.noticed("record_foreign") > 0, PATIENCE)
            await until(lambda: follower.applied == 3 and follower.via == "kafka", PATIENCE)


async def test_a_strangers_event_that_continues_the_chain_is_never_taken(cluster: Kafka) -> None:
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        first = one.store.rows[0]
        event = msgspec.structs.replace(first, position=2, version=2, body=b'{"note":"n","text":"forged"}')
        event = msgspec.structs.replace(event, chain_hash=link(first.chain_hash, event))
        await one.topic.publish([event])
        await until(lambda: follower.noticed("record_foreign") == 1, PATIENCE)
        await one.note("b", "c")
        await until(lambda: follower.applied == 3, PATIENCE)
        assert [row.body for row in follower.rows] == [row.body for row in one.store.rows]
        await until(lambda: follower.via == "kafka", PATIENCE)


async def test_a_strangers_position_far_ahead_does_not_stop_the_reader(cluster: Kafka) -> None:
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        far = msgspec.structs.replace(record_of(one.store.rows[0], SERVICE), position=10**9)
        await one.topic.write(far.stream.encode(), far.body, headers_of(far))
        await one.note("b")
        await until(lambda: follower.applied == 2, PATIENCE)
        await until(lambda: follower.noticed("record_foreign") == 1, PATIENCE)
        await until(lambda: follower.via == "kafka", PATIENCE)


async def test_a_topic_of_another_log_is_said_and_not_believed(cluster: Kafka) -> None:
    async with house(cluster, "a", "b") as one:
        other = await written("n:x", "n:y")
        await one.topic.publish(other.rows)
        one.beating = False
        async with following(one) as follower:
            await until(lambda: follower.trouble == "topic_of_another_log", PATIENCE)
            await until(lambda: follower.applied == 2, PATIENCE)
            assert [row.body for row in follower.rows] == [row.body for row in one.store.rows]
            await one.note("c", publish=False)
            await until(lambda: follower.applied == 3, PATIENCE)
