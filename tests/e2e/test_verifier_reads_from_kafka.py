"""A backend's verifier that reads its revocations from Kafka keeps its promises, whatever becomes of the cluster."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from tests.harness.backend import backend
from tests.harness.detour import detour
from tests.harness.kafka import OwnBroker, own_broker
from tests.harness.people import People, Signed
from tests.harness.running import Running, running_suite
from watchword import Kafka, TokenRefused, Verifier, connect
from watchword.kafka import Heartbeat, Record, headers_of
from watchword.kafka.topic import open_topic

PATIENCE = 60.0
READER = "reads-kafka"

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class House:
    """A suite whose logs are published to a broker that its tests may break, as long as they mend it."""

    suite: Running
    broker: OwnBroker

    @property
    def kafka(self) -> Kafka:
        return Kafka(self.broker.bootstrap, topics="verifying")

    @property
    def partition(self) -> TopicPartition:
        return TopicPartition(self.kafka.topic("token"), 0)

    @asynccontextmanager
    async def verifying(self, token_grpc: str | None = None) -> AsyncIterator["Verifying"]:
        """A verifier that has come to read from the topic."""
        described = self.suite.contract
        async with connect(
            issuer=described.issuer,
            audience=described.issuer,
            token_grpc=token_grpc or self.suite.fleet.target("token"),
            ca=described.ca,
            cert=described.backend.cert,
            key=described.backend.key,
            reader=READER,
            max_staleness=timedelta(seconds=5),
            kafka=self.kafka,
        ) as verifier:
            verifying = Verifying(verifier)
            await verifying.comes_via("kafka")
            yield verifying

    async def last(self) -> Record:
        """The last record of token's topic."""
        async with open_topic(self.kafka, "token") as topic:
            end = (await topic.bounds())[1]
            found = await topic.last()
            assert found is not None
            assert isinstance(found.what, Heartbeat | Record)
            await topic.seek(found.what.position - 1)
            while True:
                for one in await topic.read(5):
                    if isinstance(one.what, Record) and one.what.position == found.what.position:
                        return one.what
                    assert one.offset < end, "the topic has no such record"

    async def write(self, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        """As a stranger whom no ACL keeps away."""
        producer = AIOKafkaProducer(bootstrap_servers=self.broker.bootstrap)
        await producer.start()
        try:
            await producer.send_and_wait(self.partition.topic, value, key, partition=0, headers=headers)
        finally:
            await producer.stop()

    async def empty(self) -> None:
        """Drops every record that the topic holds, as retention does."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.broker.bootstrap)
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker.bootstrap)
        await consumer.start()
        await admin.start()
        try:
            end = (await consumer.end_offsets([self.partition]))[self.partition]
            await admin.delete_records({self.partition: RecordsToDelete(end)})
        finally:
            await consumer.stop()
            await admin.close()


@dataclass(frozen=True)
class Verifying:
    verifier: Verifier

    async def says(self, signed: Signed) -> str:
        try:
            await self.verifier.verify(signed.access_token)
        except TokenRefused as refused:
            return refused.code
        return "accepted"

    async def until_it_says(self, signed: Signed, wanted: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while await self.says(signed) != wanted:
                await asyncio.sleep(0.02)

    async def comes_via(self, via: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.verifier.transport.via != via:
                await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    base = tmp_path_factory.mktemp("verifying")
    with (
        own_broker(base / "kafka") as broker,
        running_suite(base / "suite", "--kafka", broker.bootstrap, "--kafka-topics", "verifying") as suite,
    ):
        yield House(suite, broker)


@pytest_asyncio.fixture
async def people(house: House) -> AsyncIterator[People]:
    async with People.of(house.suite) as people:
        yield people


def named(readers: list[str]) -> bool:
    return any(reader.endswith(f"/{READER}") for reader in readers)


async def test_a_revocation_is_applied_from_the_topic_and_the_receipt_names_the_verifier(
    house: House, people: People
) -> None:
    ended, live = [await people.login(await people.register()) for _ in range(2)]
    admin = await people.administrator()
    async with house.verifying() as its:
        await its.until_it_says(ended, "accepted")
        found = await people.revoke(admin, session_id=ended.session_id)
        assert named([one["reader"] for one in found["applied"]]), found
        assert await its.says(ended) == "revoked"
        assert await its.says(live) == "accepted"
        await its.comes_via("kafka")


async def test_while_token_cannot_be_reached_the_topic_brings_revocations_and_proves_how_old_they_are(
    house: House, people: People
) -> None:
    ended, live = [await people.login(await people.register()) for _ in range(2)]
    admin = await people.administrator()
    async with (
        detour(house.suite.fleet.target("token")) as way,
        house.verifying(way.target) as its,
    ):
        await its.until_it_says(live, "accepted")
        way.hold()
        since = time.monotonic()
        await people.revoke(admin, session_id=ended.session_id)
        await its.until_it_says(ended, "revoked")
        while time.monotonic() < since + 8:  # well past max_staleness
            assert await its.says(live) == "accepted"
            await asyncio.sleep(0.05)
        way.set_free()


async def test_revocation_goes_on_while_the_broker_is_dead_and_returns_to_it(house: House, people: People) -> None:
    first, second, live = [await people.login(await people.register()) for _ in range(3)]
    admin = await people.administrator()
    async with house.verifying() as its:
        await its.until_it_says(first, "accepted")
        house.broker.kill()
        try:
            await people.revoke(admin, session_id=first.session_id)
            await its.until_it_says(first, "revoked")
            await its.comes_via("grpc")
            assert its.verifier.transport.trouble in ("topic_lost", "topic_behind")
            assert await its.says(live) == "accepted"
        finally:
            house.broker.start()
        await its.comes_via("kafka")
        found = await people.revoke(admin, session_id=second.session_id)
        assert named([one["reader"] for one in found["applied"]]), found
        assert await its.says(second) == "revoked"


async def test_a_topic_that_is_emptied_loses_no_revocation(house: House, people: People) -> None:
    first, second = [await people.login(await people.register()) for _ in range(2)]
    admin = await people.administrator()
    async with house.verifying() as its:
        await its.until_it_says(first, "accepted")
        await house.empty()
        for one in (first, second):
            await people.revoke(admin, session_id=one.session_id)
            await its.until_it_says(one, "revoked")
        await its.comes_via("kafka")


async def test_a_cluster_that_is_replaced_by_an_empty_one_loses_no_revocation(house: House, people: People) -> None:
    first, second = [await people.login(await people.register()) for _ in range(2)]
    admin = await people.administrator()
    async with house.verifying() as its:
        await its.until_it_says(first, "accepted")
        house.broker.replace_by_empty()
        await people.revoke(admin, session_id=first.session_id)
        await its.until_it_says(first, "revoked")
        await its.comes_via("kafka")
        await people.revoke(admin, session_id=second.session_id)
        await its.until_it_says(second, "revoked")


@pytest.mark.parametrize("what", ["nonsense", "broken chain", "another record of a known position"])
async def test_what_a_stranger_writes_to_the_topic_revokes_nothing_and_hides_nothing(
    house: House, people: People, what: str
) -> None:
    ended, live = [await people.login(await people.register()) for _ in range(2)]
    admin = await people.administrator()
    async with house.verifying() as its:
        await its.until_it_says(live, "accepted")
        record = await house.last()
        body = f'{{"session_id":"{live.session_id}","reason":"forged"}}'.encode()
        if what == "nonsense":
            await house.write(None, body, [])
        else:
            position = record.position + (what == "broken chain")
            forged = Record(
                log_id=record.log_id,
                service="token",
                position=position,
                stream=f"session/{live.session_id}",
                version=1,
                type="watchword.token.session.revoked.v1",
                time=record.time,
                command_id="forged",
                actor="stranger",
                correlation_id="forged",
                body=body,
                sealed_hash=b"",
                chain_hash=bytes(32),
            )
            await house.write(forged.stream.encode(), body, headers_of(forged))
        await people.revoke(admin, session_id=ended.session_id)
        await its.until_it_says(ended, "revoked")
        assert await its.says(live) == "accepted"
        assert its.verifier.transport.noticed.keys() & {"record_foreign", "record_corrupt"}
        await its.comes_via("kafka")


@pytest.mark.parametrize("kafka", [False, True], ids=["grpc", "kafka"])
async def test_one_that_was_stopped_denies_once_its_knowledge_is_too_old(
    house: House, people: People, kafka: bool
) -> None:
    login, admin = await people.login(await people.register()), await people.administrator()
    read_from = house.kafka if kafka else None
    async with backend(house.suite, "asleep", 2.0, house.suite.fleet.target("token"), read_from) as asleep:
        await asleep.until_it_says(login.access_token, "accepted")
        await asleep.until_it_says("transport?", "kafka" if kafka else "grpc")
        await asleep.stop()
        since = time.monotonic()
        await people.revoke(admin, session_id=login.session_id)
        await asyncio.sleep(max(0.0, since + 2.1 - time.monotonic()))  # past its max_staleness
        for _ in range(20):
            asleep.put(login.access_token)
        asleep.go_on()
        assert {await asleep.answer() for _ in range(20)} <= {"stale", "revoked"}
        await asleep.until_it_says(login.access_token, "revoked")
