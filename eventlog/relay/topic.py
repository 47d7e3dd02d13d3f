"""The topic as the relay needs it: there, with one partition, not compacted (RULES 5)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    LeaderNotAvailableError,
    NoError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest

from eventlog.relay.trouble import Trouble
from watchword.kafka import Kafka

MAX_BYTES = 8 * 1024 * 1024
"""The largest batch, which a topic of ours takes; one event is smaller than a call that appends it."""
CONFIG = {"cleanup.policy": "delete", "retention.ms": str(7 * 24 * 3600 * 1000), "max.message.bytes": str(MAX_BYTES)}
PATIENCE = 5.0
CLOSE = 0.5

NOT_AUTHORIZED = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError)


async def prepare(kafka: Kafka, service: str, create: bool) -> None:
    """Makes the topic where there is none and `create` says so, and looks at what is there.

    Raises Trouble for a topic that is missing, not ours to use or not as it must be, and what CLUSTER_LOST names.
    """
    topic = kafka.topic(service)
    async with asyncio.timeout(2 * PATIENCE), _admin(kafka) as admin:
        partitions = await _partitions(admin, kafka, topic)
        if partitions is None:
            await _make(admin, kafka, topic, create)
            partitions = await _appearing(admin, kafka, topic)
        if partitions != 1:
            raise Trouble(
                "topic_has_partitions",
                f"{topic} has {partitions} partitions, and a log is read in order from one: delete the topic, "
                f"then: {creating(kafka, topic)}",
            )
        if "compact" in await _cleanup_policy(admin, kafka, topic):
            raise Trouble(
                "topic_is_compacted",
                f"{topic} is compacted, which would thin out the log: kafka-configs.sh {_to(kafka)} --alter "
                f"--entity-type topics --entity-name {topic} --add-config cleanup.policy=delete",
            )


def creating(kafka: Kafka, topic: str) -> str:
    """What an operator runs to make the topic; its replication is the cluster's default."""
    config = " ".join(f"--config {name}={value}" for name, value in CONFIG.items())
    return f"kafka-topics.sh {_to(kafka)} --create --topic {topic} --partitions 1 {config}"


def not_authorized(kafka: Kafka, topic: str, what: str) -> Trouble:
    """The broker refuses what the relay must do."""
    operations = " ".join(f"--operation {one}" for one in ("Write", "Read", "Describe", "DescribeConfigs"))
    return Trouble(
        "topic_not_authorized",
        f"Kafka refuses {what} {topic}: kafka-acls.sh {_to(kafka)} --add --allow-principal User:{_principal(kafka)} "
        f"{operations} --topic {topic}",
    )


def _principal(kafka: Kafka) -> str:
    return kafka.username or ("the subject of its certificate" if kafka.cert else "ANONYMOUS")


def _to(kafka: Kafka) -> str:
    opened = "" if kafka.security == "plaintext" else " --command-config admin.properties"
    return f"--bootstrap-server {kafka.servers}{opened}"


@asynccontextmanager
async def _admin(kafka: Kafka) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**kafka.client(), client_id="watchword-relay")
    try:
        try:
            await admin.start()
        except KafkaConnectionError:
            await _reach(kafka)
            raise
        yield admin
    finally:
        await bounded(admin.close)


async def _reach(kafka: Kafka) -> None:
    """Raises why no broker lets this service in: a client says only that none does."""
    opening = kafka.client()
    for host, port, _ in collect_hosts(opening.pop("bootstrap_servers")):
        (await create_conn(host, port, client_id="watchword-relay", **opening)).close()


async def bounded(close: Callable[[], Awaitable[object]]) -> None:
    """Closes a client of a cluster that may be frozen: no stop may wait for it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE):
            await close()


async def _partitions(admin: AIOKafkaAdminClient, kafka: Kafka, topic: str) -> int | None:
    """How many it has; None where there is no such topic, which asking does not make."""
    answer = await admin._send_request(MetadataRequest([topic], allow_auto_topic_creation=False))
    told: dict[str, Any] = answer.to_object()["topics"][0]
    match for_code(told["error_code"])():
        case UnknownTopicOrPartitionError():
            return None
        case TopicAuthorizationFailedError():
            raise not_authorized(kafka, topic, "to show")
        case NoError() | LeaderNotAvailableError():
            return len(told["partitions"])
        case error:
            raise error


async def _make(admin: AIOKafkaAdminClient, kafka: Kafka, topic: str, create: bool) -> None:
    if not create:
        raise _missing(kafka, topic, "this service was told not to make it (KAFKA_CREATE_TOPICS)")
    new = NewTopic(topic, num_partitions=1, replication_factor=-1, replica_assignments={}, topic_configs=CONFIG)
    answer = (await admin.create_topics([new], timeout_ms=int(PATIENCE * 1000))).to_object()
    refused = answer["topic_errors"][0]
    error = for_code(refused["error_code"])
    if error not in (NoError, TopicAlreadyExistsError):
        raise _missing(kafka, topic, f"Kafka refused to make it ({refused.get('error_message') or error.__name__})")


def _missing(kafka: Kafka, topic: str, why: str) -> Trouble:
    return Trouble("topic_missing", f"there is no topic {topic}, and {why}: {creating(kafka, topic)}")


async def _appearing(admin: AIOKafkaAdminClient, kafka: Kafka, topic: str) -> int:
    """Its partitions, once the brokers know of it."""
    while not (partitions := await _partitions(admin, kafka, topic)):
        await asyncio.sleep(0.05)
    return partitions


async def _cleanup_policy(admin: AIOKafkaAdminClient, kafka: Kafka, topic: str) -> str:
    wanted = ConfigResource(ConfigResourceType.TOPIC, topic, {"cleanup.policy": ""})
    (answer,) = await admin.describe_configs([wanted])
    told: dict[str, Any] = answer.to_object()["resources"][0]
    error = for_code(told["error_code"])
    if error in NOT_AUTHORIZED:
        raise not_authorized(kafka, topic, "to tell the configuration of")
    if error is not NoError:
        raise KafkaError(told["error_message"])
    return ",".join(entry["config_value"] for entry in told["config_entries"])
