"""A watch takes revocations from the topic while that keeps up, and from the owner where it does not (RULES 4, 5)."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import pytest

from tests.unit.sdk.fakes import MICROSECONDS, NOW, until
from tests.unit.sdk.owner import Owner, Response, echo, revocation, served
from tests.unit.sdk.topics import Log, Topic, forged
from watchword import Freshness, Kafka, LogClock, Revocations, RevocationWatch, boot_ns, connect_over
from watchword.folding import Unreadable, fold
from watchword.kafka.follow import follow_topic
from watchword.kafka.records import BadRecord, Record
from watchword.token.v1 import token_pb2
from watchword.wire import to_message


@dataclass
class Token(Owner):
    """Token with its log, which it publishes while `publishing`; `knows` what newer versions mean."""

    log: Log = field(default_factory=Log)
    topic: Topic = field(default_factory=Topic)
    publishing: bool = True
    chained: bool = True
    knows: dict[int, str] = field(default_factory=dict)

    def opened(self, opened: token_pb2.WatchOpen) -> None:
        self.head = len(self.log.records)
        revocations = [message for record in self.log.records if (message := self.message(record))]
        said = Response(snapshot_begins=True, revocations=revocations, snapshot_complete=True, position=self.head)
        if self.chained:
            said.chain_hash = self.log.hash_at(self.head)
        self.say(said)

    def echo(self, stamp: int) -> Response:
        said = echo(self.head, stamp)
        if self.stamps_only:
            said.position, said.chain_hash = self.head, self.log.hash_at(self.head)
        return said

    def message(self, record: Record) -> token_pb2.Revocation | None:
        with contextlib.suppress(Unreadable):
            found = fold(record)
            return None if found is None else to_message(found)
        return to_message(revocation(record.position, self.knows[record.position]))

    @property
    def stamps_only(self) -> bool:
        return self.opens[-1].stamps_only

    def revoke(self, session_id: str) -> Record:
        return self.written(self.log.revoke(session_id))

    def written(self, record: Record) -> Record:
        self.head = record.position
        if self.publishing:
            self.topic.put(record)
        if not self.stamps_only and (message := self.message(record)):
            self.say(Response(revocations=[message], position=self.head))
        return record

    async def beat_for_ever(self) -> None:
        started = boot_ns()
        while True:
            if self.publishing and not self.topic.lost:
                self.topic.put(self.log.beat(NOW * MICROSECONDS + (boot_ns() - started) // 1000))
            await asyncio.sleep(0.05)


@dataclass
class Watched:
    token: Token
    revocations: Revocations
    freshness: Freshness
    watch: RevocationWatch

    @property
    def known(self) -> set[str]:
        return {one.key for one in self.revocations}

    async def via(self, via: str, trouble: str | None = None) -> None:
        await until(lambda: (self.watch.transport.via, self.watch.transport.trouble) == (via, trouble), 30)

    async def knows(self, *sessions: str) -> None:
        await until(lambda: set(sessions) <= self.known)

    async def is_told(self, position: int) -> None:
        await until(lambda: self.token.progress[-1].applied >= position)

    async def young(self) -> None:
        """Until something newer than now is proven."""
        now = boot_ns()
        await until(lambda: boot_ns() - (self.freshness.age_ns(boot_ns()) or now) > now)


@asynccontextmanager
async def watching(token: Token | None = None, max_staleness: float = 5.0) -> AsyncIterator[Watched]:
    token, revocations, freshness, clock = token or Token(), Revocations(), Freshness(), LogClock()
    async with served(token) as channel:
        watch = RevocationWatch(
            channel,
            reader="orders/1",
            revocations=revocations,
            freshness=freshness,
            clock=clock,
            max_staleness=timedelta(seconds=max_staleness),
            topic=partial(follow_topic, token.topic.open),
        )
        tasks = [asyncio.create_task(watch.run()), asyncio.create_task(token.beat_for_ever())]
        yield Watched(token, revocations, freshness, watch)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_revocation_comes_through_the_topic_and_its_receipt_goes_over_grpc() -> None:
    async with watching() as its:
        await its.via("kafka")
        await until(lambda: its.token.stamps_only)
        position = its.token.revoke("ses_1").position
        await its.knows("ses_1")
        await its.is_told(position)
        await its.young()
        assert its.watch.transport.trouble is None


async def test_it_begins_over_grpc_and_never_waits_for_kafka() -> None:
    token = Token(publishing=False)
    token.topic.lost = True
    async with watching(token) as its:
        async with asyncio.timeout(5):
            await its.watch.proven()
        token.revoke("ses_1")
        await its.knows("ses_1")
        await its.via("grpc", "topic_lost")
        token.topic.lost, token.topic.missing = False, True
        await its.via("grpc", "topic_missing")


async def test_a_cluster_that_is_lost_is_said_and_revocations_go_on_over_grpc(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with watching() as its:
        await its.via("kafka")
        with caplog.at_level(logging.INFO, "watchword"):
            its.token.topic.lost = True
            await its.via("grpc", "topic_lost")
            await until(lambda: not its.token.stamps_only)
            its.token.revoke("ses_1")
            await its.knows("ses_1")
            assert "topic_lost" in caplog.text
            its.token.topic.lost = False
            await its.via("kafka")
            assert "revocations come from Kafka" in caplog.text
        its.token.revoke("ses_2")
        await its.knows("ses_1", "ses_2")


async def test_a_topic_that_is_lost_while_the_owner_is_silent_is_left_without_waiting_for_the_owner() -> None:
    async with watching(max_staleness=60) as its:
        await its.via("kafka")
        await until(lambda: its.token.stamps_only)
        its.token.echoing = False
        its.token.topic.lost = True
        await until(lambda: not its.token.stamps_only, 30)


async def test_a_relay_that_stops_leaves_no_revocation_behind() -> None:
    async with watching() as its:
        await its.via("kafka")
        await until(lambda: its.token.stamps_only)
        its.token.publishing = False
        position = its.token.revoke("ses_1").position
        await its.knows("ses_1")
        await its.is_told(position)
        assert its.watch.transport.via == "grpc"


async def test_what_is_missing_in_the_topic_is_healed_by_a_snapshot() -> None:
    async with watching() as its:
        await its.via("kafka")
        await until(lambda: its.token.stamps_only)
        its.token.publishing = False
        its.token.revoke("ses_1")
        its.token.publishing = True
        its.token.revoke("ses_2")
        await its.knows("ses_1", "ses_2")
        await its.via("kafka")


@pytest.mark.parametrize("damage", ["body", "stranger"])
async def test_a_damaged_record_loses_nothing(damage: str) -> None:
    async with watching() as its:
        await its.via("kafka")
        await until(lambda: its.token.stamps_only)
        its.token.publishing = False
        written = its.token.revoke("ses_1")
        bad = BadRecord("damaged") if damage == "stranger" else forged(written, body=b'{"session_id":"ses_other"}')
        its.token.topic.put(bad)
        its.token.publishing = True
        its.token.revoke("ses_2")
        await its.knows("ses_1", "ses_2")
        assert "ses_other" not in its.known
        await its.via("kafka")
        assert its.watch.transport.noticed == {"record_foreign" if damage == "stranger" else "record_corrupt": 1}


async def test_a_forged_record_that_continues_the_chain_is_unmasked_and_what_it_did_is_undone() -> None:
    async with watching() as its:
        await its.via("kafka")
        await until(lambda: its.token.stamps_only)
        its.token.topic.put(Log("stranger", [*its.token.log.records]).revoke("ses_forged"))
        await until(lambda: its.watch.transport.trouble == "topic_of_another_log")
        its.token.revoke("ses_1")
        await its.knows("ses_1")
        await until(lambda: "ses_forged" not in its.known)
        await its.young()


async def test_a_newer_version_of_a_revocation_is_asked_of_the_owner() -> None:
    async with watching() as its:
        await its.via("kafka")
        await until(lambda: its.token.stamps_only)
        its.token.knows[1] = "ses_new"
        its.token.written(its.token.log.append("session.revoked", 2, sessions=["ses_new"]))
        await its.knows("ses_new")
        await its.via("kafka")


async def test_while_the_owner_cannot_be_asked_heartbeats_prove_how_old_knowledge_is() -> None:
    async with watching() as its:
        await its.via("kafka")
        await until(lambda: its.token.stamps_only)
        its.token.echoing = False
        its.token.topic.put(its.token.log.revoke("ses_1"))
        await its.knows("ses_1")
        for _ in range(3):
            await its.young()


async def test_a_heartbeat_is_as_old_as_the_logs_time_says() -> None:
    async with watching() as its:
        await its.via("kafka")
        its.token.echoing = its.token.publishing = False
        await until(lambda: (its.freshness.age_ns(boot_ns()) or 0) > 2.2e9)
        before = boot_ns() - (its.freshness.age_ns(boot_ns()) or 0)
        its.token.topic.put(its.token.log.beat(NOW * MICROSECONDS - 10_000_000))
        its.token.topic.put(its.token.log.revoke("ses_1"))
        await its.knows("ses_1")
        assert boot_ns() - (its.freshness.age_ns(boot_ns()) or 0) - before < 1e8


async def test_an_owner_of_an_older_version_is_followed_over_grpc() -> None:
    async with watching(Token(chained=False)) as its:
        await its.watch.proven()
        its.token.revoke("ses_1")
        await its.knows("ses_1")
        await its.young()
        assert its.watch.transport.via == "grpc"
        assert not any(opened.stamps_only for opened in its.token.opens)


async def test_a_stream_that_breaks_leaves_the_topic_and_what_it_said() -> None:
    async with watching() as its:
        await its.via("kafka")
        await until(lambda: its.token.stamps_only)
        its.token.revoke("ses_1")
        await its.knows("ses_1")
        streams = len(its.token.streams)
        its.token.hang_up()
        its.token.topic.put(its.token.log.revoke("ses_2"))
        await its.knows("ses_1", "ses_2")
        await until(lambda: len(its.token.streams) > streams)
        await its.young()
        assert its.known == {"ses_1", "ses_2"}
        assert its.watch.transport.via == "kafka"


async def test_kafka_settings_that_cannot_work_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(Owner()) as channel:
        connecting = partial(connect_over, channel, None, issuer="https://i", audience="a")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="SASL needs"):
            async with connecting(kafka=Kafka("127.0.0.1:1", security="sasl_plaintext")):
                pass
        monkeypatch.setitem(sys.modules, "watchword.kafka.follow", None)
        with pytest.raises(ImportError, match=r"pip install 'watchword\[kafka\]'"):
            async with connecting(kafka=Kafka("127.0.0.1:1")):
                pass
