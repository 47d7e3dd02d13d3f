"""What rests on something that may not be of token's log, or on less than was known, proves nothing (RULES 4)."""

from dataclasses import dataclass, field

from tests.unit.sdk.fakes import MICROSECONDS, NOW
from tests.unit.sdk.topics import Log
from watchword import Freshness, LogClock, Revocations, boot_ns
from watchword.folding import fold
from watchword.kafka.tail import Tail
from watchword.knowledge import Knowledge
from watchword.token.v1 import token_pb2
from watchword.wire import to_message, to_timestamp

Response = token_pb2.WatchRevocationsResponse


@dataclass
class Told:
    """Knowledge that is told of a log by stream and by topic."""

    log: Log = field(default_factory=Log)
    revocations: Revocations = field(default_factory=Revocations)
    freshness: Freshness = field(default_factory=Freshness)
    tail: Tail = field(default_factory=Tail)
    max_staleness: int = 5

    def __post_init__(self) -> None:
        self.knowledge = Knowledge(
            self.revocations,
            self.freshness,
            LogClock(),
            quiet_ns=0,
            max_staleness_ns=self.max_staleness * 1_000_000_000,
            tail=self.tail,
        )
        self.knowledge.open()

    def snapshot(self, position: int) -> None:
        known = [to_message(one) for record in self.log.records[:position] if (one := fold(record))]
        whole = Response(snapshot_begins=True, revocations=known, snapshot_complete=True, position=position)
        whole.chain_hash = self.log.hash_at(position)
        self.knowledge.message(whole)

    def topic(self, log: Log, *positions: int) -> None:
        for position in positions:
            self.knowledge.record(position, log.records[position - 1])

    def echo(self, head: int, stamp: int) -> None:
        fresh = token_pb2.WatchFreshness(head=head, stamp=stamp, time=to_timestamp(NOW * MICROSECONDS))
        self.knowledge.message(Response(freshness=fresh))

    def beat(self, before: float = 0) -> None:
        """A heartbeat of so many seconds before the last echo."""
        self.knowledge.record(0, self.log.beat(NOW * MICROSECONDS - int(before * MICROSECONDS)))

    def age_s(self) -> float:
        age = self.freshness.age_ns(boot_ns())
        return float("inf") if age is None else age / 1e9

    def proven(self) -> bool:
        return self.freshness.age_ns(boot_ns()) is not None

    def known(self) -> set[str]:
        return {one.key for one in self.revocations}


def test_what_a_forged_record_proved_is_forgotten_with_it() -> None:
    its = Told()
    its.log.append()
    its.snapshot(1)
    its.topic(Log("stranger", [*its.log.records, Log("stranger", [*its.log.records]).revoke("ses_forged")]), 2)
    its.echo(1, its.knowledge.report().stamp)
    assert not its.proven()
    assert its.knowledge.turned.is_set()
    its.knowledge.open()
    its.echo(1, its.knowledge.report().stamp)
    assert not its.proven()
    its.snapshot(1)
    its.echo(1, its.knowledge.report().stamp)
    assert its.proven()
    assert its.known() == set()


def test_a_snapshot_from_below_what_was_known_drops_nothing_that_the_topic_told() -> None:
    its = Told()
    its.snapshot(0)
    its.log.append()
    its.log.revoke("ses_1")
    its.topic(its.log, 1, 2)
    its.knowledge.open()
    its.snapshot(1)
    assert its.known() == {"ses_1"}
    assert its.freshness.position == 2


def test_a_snapshot_from_below_what_the_stream_told_proves_nothing_before_it_is_level_again() -> None:
    its = Told()
    its.log.revoke("ses_1")
    its.log.revoke("ses_2")
    its.snapshot(2)
    its.echo(2, its.knowledge.report().stamp)
    assert its.proven()
    its.knowledge.open()
    its.snapshot(1)
    assert not its.proven()
    its.echo(2, its.knowledge.report().stamp)
    assert not its.proven()
    its.topic(its.log, 2)
    assert its.proven()
    assert its.known() == {"ses_1", "ses_2"}


def test_each_record_is_applied_while_the_owner_sends_revocations_too() -> None:
    its = Told()
    its.snapshot(0)
    its.log.revoke("ses_1")
    its.knowledge.message(
        Response(revocations=[to_message(one) for one in [fold(its.log.records[0])] if one], position=1)
    )
    its.topic(its.log, 1)
    assert (its.known(), its.freshness.position, its.tail.position) == ({"ses_1"}, 1, 1)


def test_without_the_logs_time_a_heartbeat_proves_nothing() -> None:
    its = Told()
    its.snapshot(0)
    its.beat()
    assert not its.proven()


def test_a_heartbeat_is_as_old_as_the_logs_time_makes_it() -> None:
    its = Told()
    its.snapshot(0)
    its.echo(0, its.knowledge.report().stamp)
    its.freshness.forget()
    its.beat(before=3)
    assert 3 <= its.age_s() < 4


def test_who_may_trust_for_longer_than_a_forgetful_owner_counts_on_may_not_do_so_by_heartbeats() -> None:
    its = Told(max_staleness=60)
    its.snapshot(0)
    its.echo(0, its.knowledge.report().stamp)
    its.freshness.forget()
    its.beat()
    assert 55 <= its.age_s() < 56
