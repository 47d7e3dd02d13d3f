"""A log that went back to a backup is another than the one in its topic: no relay and no reader goes on there."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from tests.fault.breaking import eventually
from tests.fault.drill import BACK_UP, RESTORE, Drill, from_now_on, until_now
from tests.fault.logs import read_logs
from tests.harness.kafka import Broker
from tests.harness.people import People
from tests.harness.running import Running, clean_environment, running_suite
from watchword.log.v1 import log_pb2, log_pb2_grpc

CHANGED = ("identity", "token")


async def test_the_topics_are_of_another_log_until_they_are_emptied_and_filled_again(
    tmp_path: Path, kafka: Broker, kafka_topics: str
) -> None:
    drill, options = Drill(tmp_path), ("--kafka", kafka.bootstrap, "--kafka-topics", kafka_topics)
    with running_suite(drill.data, *options) as suite:
        async with People.of(suite) as people:
            before = await until_now(people)
            drill.run(BACK_UP)
            await from_now_on(people, before)
            await shown(suite, whole)
            drill.lose(suite)
            drill.run(RESTORE)
            with running_suite(drill.new, *options, fleet=suite.fleet) as restored:
                await shown(restored, lambda relay: relay.trouble == "topic_of_another_log")
                login = await people.login(before.person)
                assert (await people.refresh(login.refresh_token)).status_code == 200
                await empty(kafka, kafka_topics)
                for name in CHANGED:
                    async with restored.channel(name) as channel:
                        first = log_pb2.RepublishRequest(from_position=1)
                        await log_pb2_grpc.RelayServiceStub(channel).Republish(first)
                await shown(restored, whole)
                logs = await read_logs(restored)
                for name in CHANGED:
                    assert tailed(drill.new, name, kafka_topics) == [row.position for row in logs[name]]


def whole(relay: log_pb2.Relay) -> bool:
    """All of the log is in the topic, once what was asked for has been done."""
    return not relay.trouble and relay.position == relay.head and not relay.HasField("republish_from")


async def shown(suite: Running, wanted: Callable[[log_pb2.Relay], bool]) -> None:
    """Returns once each changed log's relay shows it."""

    async def all_show() -> bool:
        return all([wanted(await asked(suite, name)) for name in CHANGED])

    await eventually(all_show, "the relays show it")


async def asked(suite: Running, name: str) -> log_pb2.Relay:
    async with suite.channel(name) as channel:
        return (await log_pb2_grpc.RelayServiceStub(channel).GetRelay(log_pb2.GetRelayRequest())).relay


async def empty(kafka: Broker, topics: str) -> None:
    """As an operator empties topics: their relays make them anew."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([f"{topics}.{name}.events.v1" for name in CHANGED])
    finally:
        await admin.close()


def tailed(data: Path, name: str, topics: str) -> list[int]:
    """The positions of what a service's topic holds, checked against the chain by the command that shows them."""
    command = [str(Path(sys.executable).with_name("watchword")), "events", "tail", name, "--kafka", "--from", "1"]
    command += ["--kafka-topics", topics, "--json", "--data", str(data)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, env=clean_environment())
    assert said.returncode == 0, said.stderr
    return [json.loads(line)["position"] for line in said.stdout.splitlines()]
