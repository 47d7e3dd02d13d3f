"""Whatever becomes of Kafka, no login waits, revocations spread, and what the topics lack comes from the owners."""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from eventlog.events import Recorded
from suite.databases import SERVICES
from tests.fault.breaking import all_ready, eventually, stopped
from tests.fault.customers import busy
from tests.fault.logs import read_logs
from tests.fault.test_kill_nine import assert_kept
from tests.harness.kafka import OwnBroker, own_broker
from tests.harness.people import People, Signed, claims
from tests.harness.running import Running, clean_environment, running_suite
from tests.harness.topic import Topic, record_of, topic
from tests.harness.transports import projections, read_from_topics
from watchword.chain import GENESIS, link
from watchword.kafka import BadRecord, Kafka, Record, headers_of
from watchword.kafka.topic import CLUSTER_LOST, TopicMissing, TopicReader, open_topic

BOUND = 5.0
"""Seconds: `max_staleness`, within which every verifier refuses whatever happens (RULES 7)."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnBroker]:
    with own_broker(tmp_path_factory.mktemp("broken-kafka") / "data") as broker:
        yield broker


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory, broker: OwnBroker) -> Iterator[Running]:
    with running_suite(tmp_path_factory.mktemp("fault-kafka") / "data", "--kafka", broker.bootstrap) as running:
        yield running


@pytest.fixture
def cluster(broker: OwnBroker) -> Kafka:
    return Kafka(broker.bootstrap)


async def test_kafka_killed_under_load_loses_nothing_and_revocations_spread_meanwhile(
    suite: Running, people: People, broker: OwnBroker, cluster: Kafka
) -> None:
    await all_from_topics(suite)
    login = await people.login(await people.register())
    before = await read_logs(suite)
    async with busy(suite) as load:
        await load.goes_on()
        broker.kill()
        await eventually(lambda: told(suite, "topic_lost"), "status says that the topics are lost")
        assert all(one["via"] == "feed" for name, one in projections(suite) if one["log"] != name)
        await load.goes_on()
        await assert_a_revocation_spreads(people, login)
        broker.launch()
        await asyncio.to_thread(broker.wait)
        await load.goes_on()
        await all_from_topics(suite)
        await load.goes_on()
    await assert_kept(suite, people, load, before)
    await assert_topics_hold_the_logs(suite, cluster)


async def test_a_frozen_kafka_delays_no_login_and_no_revocation(
    suite: Running, people: People, broker: OwnBroker, cluster: Kafka
) -> None:
    await all_from_topics(suite)
    person = await people.register()
    broker.freeze()
    try:
        for _ in range(5):
            begun = time.monotonic()
            await people.login(person)
            assert time.monotonic() - begun < BOUND
        await assert_a_revocation_spreads(people)
    finally:
        broker.thaw()
    await all_from_topics(suite)
    await assert_topics_hold_the_logs(suite, cluster)


async def test_records_that_are_repeated_corrupt_or_a_strangers_are_named_in_status_and_change_nothing(
    suite: Running, people: People, cluster: Kafka
) -> None:
    await all_from_topics(suite)
    rows = (await read_logs(suite))["token"]
    async with topic(cluster, "token", made=True) as written:
        await written.publish(rows[:1])
        await written.write(b"stranger", b"hello", [])
        await forge_the_next(written, rows)
        login = await people.login(await people.register())
        for what in ("record_repeated", "record_foreign", "record_corrupt"):
            await eventually(lambda: noted(suite, what), f"status names {what}")  # noqa: B023
    await assert_a_revocation_spreads(people, login)
    await all_from_topics(suite)
    assert await levels(suite)


async def test_a_topic_trimmed_below_a_checkpoint_is_filled_from_the_owner(
    suite: Running, people: People, cluster: Kafka
) -> None:
    await all_from_topics(suite)
    person = await people.register()
    with stopped(suite.pid("policy")):
        logins = [await people.login(person) for _ in range(5)]
        head = claims(logins[-1].access_token)["pos"]
        async with open_topic(cluster, "token") as reader:
            await eventually(lambda: published(reader, head), "the relay has published what happened")
            _, end = await reader.bounds()
        async with topic(cluster, "token", made=True) as written:
            await written.trim(end)
    await all_ready(people)
    await eventually(lambda: noted(suite, "topic_trimmed"), "status names the trimmed topic")
    await all_from_topics(suite)
    assert await levels(suite)
    await assert_a_revocation_spreads(people)


async def test_an_empty_kafka_in_place_of_the_old_one_is_named_and_filled_when_asked(
    suite: Running, people: People, broker: OwnBroker, cluster: Kafka
) -> None:
    await all_from_topics(suite)
    broker.replace_by_empty()
    await assert_a_revocation_spreads(people)
    await eventually(lambda: noted(suite, "topic_lost"), "status names the loss")
    await all_from_topics(suite)
    await people.login(await people.register())
    for service in SERVICES:
        await watchword(suite, "relay", "republish", service, "--from", "1")
    await eventually(lambda: complete(suite, cluster), "the topics hold the logs from their beginning")
    await assert_topics_hold_the_logs(suite, cluster)


async def forge_the_next(written: Topic, rows: list[Recorded]) -> None:
    """A record at the position that comes next, whose hash is not what follows."""
    last = record_of(rows[-1], "token")
    forged = msgspec.structs.replace(last, position=last.position + 1, body=b'{"subject":"acc_everybody"}')
    await written.write(forged.stream.encode(), forged.body, headers_of(forged))


async def assert_a_revocation_spreads(people: People, login: Signed | None = None) -> None:
    """Ends a session at token; identity and policy refuse its bearer within the bound, though Kafka be gone."""
    login = login or await people.login(await people.register())
    admin = await people.administrator()
    revoked = await people.post(
        "token", "/v1/revocations", headers=admin.bearer, session_id=login.session_id, reason="a test"
    )
    assert revoked.status_code == 200, revoked.text

    async def refused() -> bool:
        answers = await asyncio.gather(
            people.get("identity", "/v1/account", headers=login.bearer),
            people.get("policy", "/v1/roles", headers=login.bearer),
        )
        return all(answer.status_code in (401, 503) for answer in answers)

    await eventually(refused, "identity and policy refuse it", BOUND)


async def all_from_topics(suite: Running) -> None:
    async def condition() -> bool:
        with suppress(httpx2.HTTPError):
            return read_from_topics(suite)
        return False

    await eventually(condition, "every service reads the others from their topics")


async def told(suite: Running, trouble: str) -> bool:
    """Whether `watchword status` says it of every service."""
    found = await status(suite)
    return all(any(trouble in line for line in one["trouble"]) for one in found["services"])


async def noted(suite: Running, what: str) -> bool:
    """Whether `watchword status` says it of one."""
    return any(what in line for one in (await status(suite))["services"] for line in one["notes"])


async def levels(suite: Running) -> bool:
    return all(one["applied"] == one["head"] and not one["parked"] for _, one in projections(suite))


async def status(suite: Running) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await watchword(suite, "status", "--json"))
    return found


async def watchword(suite: Running, *arguments: str) -> str:
    """What the command prints, while everything else goes on."""
    program = str(Path(sys.executable).with_name("watchword"))
    process = await asyncio.create_subprocess_exec(
        program, *arguments, "--data", str(suite.place.data), env=clean_environment(), stdout=PIPE, stderr=PIPE
    )
    said, _ = await process.communicate()
    return said.decode()


async def published(reader: TopicReader, head: int) -> bool:
    found = await reader.last()
    return found is not None and not isinstance(found.what, BadRecord) and found.what.position >= head


async def complete(suite: Running, cluster: Kafka) -> bool:
    logs = await read_logs(suite)
    try:
        held = {name: await records(cluster, name) for name in SERVICES}
    except (*CLUSTER_LOST, TopicMissing):
        return False
    return all({one.position for one in held[name]} >= set(range(1, len(logs[name]) + 1)) for name in SERVICES)


async def assert_topics_hold_the_logs(suite: Running, cluster: Kafka) -> None:
    """From where the log was published last from its beginning: after dropping what it has, a reader sees each position
    once, in order, in chain, and the same events.
    """
    await eventually(lambda: complete(suite, cluster), "the topics hold the logs")
    logs = await read_logs(suite)
    for name in SERVICES:
        at, previous = 0, GENESIS
        held = await records(cluster, name)
        first = max(number for number, one in enumerate(held) if one.position == 1)
        for one in held[first:]:
            if one.position != at + 1:
                assert one.position <= at, f"a gap in {name}'s topic before {one.position}"
                continue
            if link(previous, one) != one.chain_hash:
                continue  # a forged one; the real one follows
            at, previous = one.position, one.chain_hash
            if at <= len(logs[name]):
                assert one.chain_hash == logs[name][at - 1].chain_hash
        assert at >= len(logs[name])


async def records(cluster: Kafka, name: str) -> list[Record]:
    """Every event's record that the topic holds now, in its order."""
    found: list[Record] = []
    async with open_topic(cluster, name) as reader:
        await reader.seek(0)
        _, end = await reader.bounds()
        offset = -1
        while offset < end - 1:
            page = await reader.read(5.0)
            assert page, "the topic ends before its end"
            offset = page[-1].offset
            found += [one.what for one in page if isinstance(one.what, Record)]
    return found
