"""The relay: a log's events in its topic, in order, at least once, with heartbeats that claim no more (RULES 5)."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable

import pytest
from aiokafka import AIOKafkaProducer

from eventlog.postgres.turn import TurnLost, turn
from eventlog.relay import Status
from eventlog.relay.publisher import publisher
from tests.harness.database import Database
from tests.harness.kafka import Broker, OwnBroker
from tests.harness.log import command, event
from tests.harness.relaying import PATIENCE, SERVICE, House, first_sight, house
from tests.unit.projection.notes import running
from watchword.chain import GENESIS, link
from watchword.clock import boot_ns
from watchword.kafka import Heartbeat, Record


@pytest.fixture
async def home(database: Database, kafka: Broker, kafka_topics: str) -> AsyncIterator[House]:
    async with house(database, kafka.bootstrap, kafka_topics) as made:
        yield made


def held_by(name: str) -> Callable[[Status], bool]:
    return lambda status: status.holder == name


async def test_a_record_is_a_cloudevent_whose_headers_are_those_of_the_rules(home: House) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    one = command("c1", {"note/ü": 0}, events=(event(b'{"text":"hello"}', sealed=b"ciphertext"),))
    await home.store.append(type(one)(one.id, "backend/demo", trace, one.writes))
    async with home.relaying() as relay:
        await home.level(relay)
    (row,) = await home.store.read(0, 10)
    record = (await home.raw())[0]
    headers = {name: value.decode() for name, value in record.headers}
    parent = headers.pop("traceparent")
    assert (record.key, record.value, record.timestamp) == ("note/ü".encode(), row.body, row.time // 1000)
    assert headers.pop("ce_time").startswith("20")
    assert headers == {
        "ce_specversion": "1.0",
        "ce_id": "1",
        "ce_source": f"urn:watchword:{await home.store.log_id()}:notes",
        "ce_type": "watchword.test.happened.v1",
        "ce_subject": "note/ü",
        "ce_position": "1",
        "ce_streamversion": "1",
        "ce_commandid": "c1",
        "ce_actor": "backend/demo",
        "ce_correlationid": trace,
        "ce_sealedhash": row.sealed_hash.hex(),
        "ce_chainhash": row.chain_hash.hex(),
        "content-type": "application/json",
    }
    assert parent.startswith(f"00-{trace}-")
    assert parent.endswith("-01")


async def test_a_stranger_verifies_the_chain_from_the_topic_alone(home: House) -> None:
    await home.append(1_200)
    async with home.relaying() as relay:
        await home.level(relay)
    chain_hash, position = GENESIS, 0
    for one in await home.said():
        if isinstance(one, Record):
            chain_hash, position = link(chain_hash, one), position + 1
            assert (one.position, one.chain_hash) == (position, chain_hash)
    assert position == 1_200


async def test_the_sealed_part_stays_at_home(home: House) -> None:
    await home.append(3, event(b"{}", sealed=b"a needle that must not leave"))
    async with home.relaying() as relay:
        await home.level(relay)
    for record in await home.raw():
        assert b"needle" not in b"".join([record.key or b"", record.value, *(value for _, value in record.headers)])


async def test_a_heartbeat_claims_what_stands_right_before_it(home: House) -> None:
    async def write() -> None:
        while True:
            await home.append(1)

    async with home.relaying() as relay, running(write):
        await home.shows(relay, lambda status: status.position > 300)
        async with asyncio.timeout(PATIENCE):
            while sum(isinstance(one, Heartbeat) for one in await home.said()) < 2:
                await asyncio.sleep(0.2)
    position, chain_hash, beats = 0, GENESIS, 0
    for one in await home.said():
        if isinstance(one, Heartbeat):
            beats += 1
            assert (one.position, one.chain_hash) == (position, chain_hash)
        position, chain_hash = one.position, one.chain_hash
    assert beats >= 2


async def test_an_empty_log_beats_from_its_beginning(home: House) -> None:
    async with home.relaying() as relay:
        await home.level(relay)
    beat = (await home.said())[0]
    assert isinstance(beat, Heartbeat)
    assert (beat.position, beat.chain_hash) == (0, GENESIS)


async def test_after_a_kill_it_goes_on_after_what_the_topic_holds(home: House) -> None:
    relay = home.relay()
    with home.process("first") as first:
        await home.append(50)
        await home.level(relay)
        first.kill()
        first.wait()
    await home.append(10)
    with home.process("second"):
        await home.shows(relay, held_by("second"))
        await home.level(relay)
    assert await home.positions() == list(range(1, 61))


async def test_what_a_stranger_wrote_at_the_end_does_not_stop_it(home: House) -> None:
    await home.append(5)
    async with home.relaying() as relay:
        await home.level(relay)
    async with AIOKafkaProducer(bootstrap_servers=home.kafka.servers) as stranger:
        for _ in range(3):
            await stranger.send_and_wait(home.topic, b"who am I?")
    await home.append(5)
    async with home.relaying() as relay:
        await home.level(relay)
    assert await home.positions() == list(range(1, 11))


async def test_an_event_larger_than_a_batch_goes_alone(home: House) -> None:
    await home.append(1)
    await home.append(2, event(b'"' + b"x" * 2_000_000 + b'"'))
    await home.append(1)
    async with home.relaying() as relay:
        await home.level(relay)
    assert await home.positions() == [1, 2, 3, 4]


async def test_kafka_killed_under_load_loses_nothing_and_keeps_the_order(
    database: Database, own_kafka: OwnBroker, kafka_topics: str
) -> None:
    async with house(database, own_kafka.bootstrap, kafka_topics) as home:

        async def write() -> None:
            while True:
                await home.append(1)

        async with home.relaying() as relay:
            async with running(write):
                await home.shows(relay, lambda status: status.position > 200)
                own_kafka.kill()
                hindered = await home.shows(relay, lambda status: status.trouble == "kafka_lost")
                await home.grown_beyond(hindered.head + 100)
                own_kafka.launch()
                await asyncio.to_thread(own_kafka.wait)
                await home.shows(relay, lambda status: not status.trouble and status.position > hindered.head)
            head = await home.append(1)
            await home.level(relay)
        assert first_sight(await home.positions()) == list(range(1, head + 1))


async def test_a_frozen_kafka_holds_up_neither_appends_nor_the_end_of_the_process(
    database: Database, own_kafka: OwnBroker, kafka_topics: str
) -> None:
    async with house(database, own_kafka.bootstrap, kafka_topics) as home:
        relay = home.relay()
        relaying = asyncio.create_task(relay.run())
        await home.append(5)
        await home.level(relay)
        own_kafka.freeze()
        await home.append(50)
        await home.shows(relay, lambda status: status.trouble == "kafka_lost")
        await home.append(1)
        relaying.cancel()
        async with asyncio.timeout(1.5):
            await asyncio.wait([relaying])
        own_kafka.thaw()
        async with home.relaying() as again:
            await home.level(again)
        assert first_sight(await home.positions()) == list(range(1, 57))


async def test_a_stopped_holder_is_replaced_within_5_s_and_each_position_is_seen_once(home: House) -> None:
    relay = home.relay()

    async def write() -> None:
        while True:
            await home.append(1)

    with home.process("first") as first:
        await home.shows(relay, held_by("first"))
        with home.process("second"):
            async with running(write):
                await home.shows(relay, lambda status: status.position > 50)
                first.send_signal(signal.SIGSTOP)
                async with asyncio.timeout(5):
                    stopped = await relay.status()
                    await home.shows(relay, held_by("second"))
                    await home.shows(relay, lambda status: status.position > stopped.position)
                first.send_signal(signal.SIGCONT)
                continued = await relay.status()
                await home.shows(relay, lambda status: status.position > continued.position + 50)
            head = await home.append(1)
            assert (await home.level(relay)).holder == "second"
            assert first.poll() is None
    assert first_sight(await home.positions()) == list(range(1, head + 1))


async def test_a_holder_that_was_stopped_knows_it_before_it_hears_of_it(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with turn(home.pool, "a turn") as mine:
        mine.check()
        later = boot_ns() + 3_100_000_000
        monkeypatch.setattr("eventlog.postgres.turn.boot_ns", lambda: later)
        with pytest.raises(TurnLost):
            mine.check()


async def test_who_may_have_lost_the_turn_sends_nothing_more(home: House) -> None:
    def lost() -> None:
        raise TurnLost("as it must")

    await home.append(1)
    await home.make_topic()
    async with publisher(home.kafka, SERVICE, await home.store.log_id(), lost) as to:
        with pytest.raises(TurnLost):
            await to.events(await home.store.read(0, 10))
        with pytest.raises(TurnLost):
            await to.heartbeat(await home.store.head())
    assert await home.raw() == []


async def test_a_turn_that_is_not_kept_passes_on(home: House) -> None:
    async with turn(home.pool, "a turn"), asyncio.timeout(PATIENCE), turn(home.pool, "a turn") as another:
        another.check()
