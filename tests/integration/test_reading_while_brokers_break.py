"""A broker that dies, freezes or comes back empty costs a reader nothing (RULES 4-6)."""

import asyncio

from tests.harness.kafka import OwnBroker
from tests.harness.topic import create
from tests.integration.topic_readers import PATIENCE, SERVICE, cluster, following, house
from tests.unit.projection.notes import until
from watchword.kafka import Kafka

__all__ = ["cluster"]


async def test_a_broker_that_dies_costs_nothing_and_is_gone_back_to(own_kafka: OwnBroker) -> None:
    cluster = Kafka(own_kafka.bootstrap)
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        own_kafka.kill()
        await one.note("b", publish=False)
        await until(lambda: follower.applied == 2, PATIENCE)
        await until(lambda: follower.trouble == "topic_lost", PATIENCE)
        own_kafka.launch()
        await asyncio.to_thread(own_kafka.wait)
        await one.publish(1)
        await one.note("c")
        await until(lambda: follower.applied == 3 and follower.via == "kafka", 2 * PATIENCE)


async def test_a_frozen_broker_costs_nothing(own_kafka: OwnBroker) -> None:
    cluster = Kafka(own_kafka.bootstrap)
    async with house(cluster, "a") as one, following(one, beating=False) as follower:
        await one.topic.beat(one.store.rows[-1], one.store.clock())
        await until(lambda: follower.applied == 1, PATIENCE)
        own_kafka.freeze()
        await one.note("b", publish=False)
        await until(lambda: follower.applied == 2, PATIENCE)
        await until(lambda: follower.via == "feed", PATIENCE)
        own_kafka.thaw()


async def test_an_empty_cluster_in_place_of_the_old_one_costs_nothing(own_kafka: OwnBroker) -> None:
    cluster = Kafka(own_kafka.bootstrap)
    async with house(cluster, "a", "b") as one, following(one, beating=False) as follower:
        await one.topic.beat(one.store.rows[-1], one.store.clock())
        await until(lambda: follower.applied == 2, PATIENCE)
        own_kafka.replace_by_empty()
        await until(lambda: follower.trouble == "topic_lost", PATIENCE)
        await one.note("c", publish=False)
        await until(lambda: follower.applied == 3, PATIENCE)
        await create(cluster, SERVICE)
        async with asyncio.timeout(2 * PATIENCE):
            while follower.via != "kafka":
                await one.topic.beat(one.store.rows[-1], one.store.clock())
                await asyncio.sleep(0.2)
        await one.note("d")
        await until(lambda: follower.applied == 4, PATIENCE)
