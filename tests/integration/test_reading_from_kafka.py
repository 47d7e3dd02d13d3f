"""A log is read from its topic, what the topic lacks from its owner, and each position comes once (RULES 4-6)."""

from tests.integration.topic_readers import PATIENCE, Follower, cluster, following, house
from tests.unit.projection.notes import until
from watchword.kafka import Kafka

__all__ = ["cluster"]


async def test_a_reader_moves_to_the_topic_once_it_keeps_up_and_takes_events_from_there(cluster: Kafka) -> None:
    async with house(cluster, "a", "b") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        assert follower.applied == 2

        async def noted(text: str) -> None:
            wanted = follower.applied + 1
            await one.note(text)
            await until(lambda: follower.applied == wanted, PATIENCE)

        # The owner may send the first ones before it has heard that they are not wanted.
        for text in "cdefghijkl":
            await noted(text)
        assert follower.offset is not None
        assert follower.via == "kafka"


async def test_what_the_topic_does_not_get_comes_from_the_owner_and_is_said(cluster: Kafka) -> None:
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        proofs = len(follower.echoes)
        # The owner has heard by then that events are not wanted, and sends no more of its own accord.
        await until(lambda: len(follower.echoes) > proofs + 1, PATIENCE)
        await one.note("b", publish=False)
        await until(lambda: follower.applied == 2, PATIENCE)
        assert follower.trouble == "topic_behind"
        await one.publish(1)
        await until(lambda: follower.via == "kafka", PATIENCE)
        await one.note("c")
        await until(lambda: follower.applied == 3, PATIENCE)


async def test_a_checkpoint_below_what_a_trimmed_topic_holds_is_filled_by_the_owner(cluster: Kafka) -> None:
    async with house(cluster, "a", "b", "c", "d") as one:
        await one.topic.trim(3)
        async with following(one) as follower:
            await until(lambda: follower.applied == 4, PATIENCE)
            await until(lambda: follower.via == "kafka", PATIENCE)
            await one.note("e")
            await until(lambda: follower.applied == 5, PATIENCE)


async def test_a_reader_goes_on_at_its_hint_and_searches_where_the_hint_is_wrong(cluster: Kafka) -> None:
    async with house(cluster, *"abcdefgh") as one:
        await one.topic.beat(one.store.rows[-1], one.store.clock())
        for hint in (3, 0, 7, 10**6, None):
            follower = Follower(one.feed, before=one.store.rows[3], offset=hint)
            async with following(one, follower):
                await until(lambda: follower.applied == 8 and follower.via == "kafka", PATIENCE)  # noqa: B023
            assert follower.noticed("record_corrupt") == follower.noticed("record_foreign") == 0


async def test_switching_between_topic_and_feed_loses_and_repeats_nothing(cluster: Kafka) -> None:
    async with house(cluster, "a", "b") as one:
        follower = Follower(one.feed)
        for use_topic in (True, False, True, False):
            if not use_topic:
                plain = Follower(one.over_grpc, follower.rows)
                async with following(one, plain, beating=False):
                    await one.note("x", "y")
                    await until(lambda: plain.applied == len(one.store.rows), PATIENCE)  # noqa: B023
                continue
            async with following(one, follower):
                await one.note("x", "y")
                await until(lambda: follower.applied == len(one.store.rows), PATIENCE)
                await until(lambda: follower.via == "kafka", PATIENCE)
        assert [row.position for row in follower.rows] == list(range(1, len(one.store.rows) + 1))
