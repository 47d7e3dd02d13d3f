"""How fresh a reader of a topic is, by heartbeats and by what its owner says (RULES 4)."""

from tests.integration.topic_readers import PATIENCE, cluster, following, house
from tests.unit.projection.notes import until
from watchword.clock import boot_ns
from watchword.kafka import Kafka

__all__ = ["cluster"]


async def test_an_echo_that_was_overtaken_by_the_topic_still_proves(cluster: Kafka) -> None:
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        for number in range(50):
            await one.note(f"n{number}")
        await until(lambda: follower.applied == 51, PATIENCE)
        await until(lambda: follower.echoes[-1].head == 51, PATIENCE)
        assert all(echo.reported <= echo.head for echo in follower.echoes)


async def test_without_its_owner_a_reader_is_as_fresh_as_the_heartbeats(cluster: Kafka) -> None:
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        await one.owner.stop(0)
        await one.note("b")
        await until(lambda: follower.applied == 2, PATIENCE)
        seen = len(follower.echoes)
        await until(lambda: len(follower.echoes) > seen and follower.echoes[-1].head == 2, PATIENCE)
        assert boot_ns() - follower.echoes[-1].stamp < 5e9


async def test_an_old_heartbeat_proves_nothing(cluster: Kafka) -> None:
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        one.beating = False
        await one.owner.stop(0)
        await until(lambda: follower.trouble == "feed_lost", PATIENCE)
        proofs = len(follower.echoes)
        for _ in range(3):
            await one.topic.beat(one.store.rows[-1], one.store.clock() - 10_000_000)
        await one.topic.write(b"k", b"read by now", [])
        await until(lambda: follower.noticed("record_foreign") == 1, PATIENCE)
        assert len(follower.echoes) == proofs
