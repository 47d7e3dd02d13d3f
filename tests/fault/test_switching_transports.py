"""A suite that goes from the feed to Kafka and back, on the same data, loses nothing and repeats nothing."""

from pathlib import Path

from suite.databases import SERVICES
from tests.fault.breaking import eventually
from tests.fault.customers import VISIT, busy
from tests.fault.logs import read_logs
from tests.fault.test_kill_nine import assert_kept
from tests.harness.kafka import Broker
from tests.harness.people import People
from tests.harness.running import Running, running_suite
from tests.harness.transports import projections, read_from_topics


async def test_a_suite_that_switches_between_feed_and_kafka_loses_and_repeats_nothing(
    tmp_path: Path, kafka: Broker, kafka_topics: str
) -> None:
    with_kafka = ("--kafka", kafka.bootstrap, "--kafka-topics", kafka_topics)
    for options in ((), with_kafka, (), with_kafka):
        with running_suite(tmp_path / "data", *options) as suite:
            await eventually(lambda: served(suite, bool(options)), "each reads as it was told")  # noqa: B023
            before = await read_logs(suite)
            async with People.of(suite) as people:
                async with busy(suite, customers=2) as load:
                    await load.goes_on(refreshes=2 * VISIT)
                await assert_kept(suite, people, load, before)
            await eventually(lambda: level(suite), "all projections are level")


async def served(suite: Running, from_topics: bool) -> bool:
    if from_topics:
        return read_from_topics(suite)
    return all(one["via"] == ("local" if one["log"] == name else "feed") for name, one in projections(suite))


async def level(suite: Running) -> bool:
    found = projections(suite)
    assert {name for name, _ in found} == set(SERVICES)
    return all(one["applied"] == one["head"] and not one["parked"] and not one["trouble"] for _, one in found)
