"""What a verifier knows of revocations, from both transports, and how old that is (RULES 4). No I/O."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Literal

from watchword.clock import LogClock, boot_ns
from watchword.errors import WatchwordError
from watchword.freshness import Freshness
from watchword.kafka.records import BadRecord, Heartbeat, Record
from watchword.kafka.tail import Tail
from watchword.revocations import Revocation, Revocations
from watchword.token.v1 import token_pb2
from watchword.transport import Transport
from watchword.wire import from_message, from_timestamp

MAX_SENT = 10_000
UNHEARD_NS = 5_000_000_000

_log = logging.getLogger(__name__)


class BadStream(WatchwordError):
    """The owner sent what the protocol does not allow, or what this version cannot apply."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the topic is to be read: after `position`, which may stand at `offset`."""

    position: int
    offset: int | None
    anchor: int


class Knowledge:
    """Takes what the owner's stream and, where there is a `tail`, token's topic say.

    `moved` is set when something has been applied that the owner waits to hear of, `proven` once an age is known,
    `turned` when the stream has to be opened anew. Heartbeats of the topic prove an age where the owner has not
    answered for `quiet_ns`. An owner that has forgotten this reader counts on all denying 5 s (`UNHEARD_NS`) after
    they hear nothing: so for one of a longer `max_staleness_ns` a heartbeat is older by the difference.
    """

    def __init__(
        self,
        revocations: Revocations,
        freshness: Freshness,
        clock: LogClock,
        *,
        quiet_ns: int,
        max_staleness_ns: int,
        tail: Tail | None = None,
    ) -> None:
        self.moved = asyncio.Event()
        self.proven = asyncio.Event()
        self.turned = asyncio.Event()
        self._anchored = asyncio.Event()
        self._revocations = revocations
        self._freshness = freshness
        self._clock = clock
        self._quiet_ns = quiet_ns
        self._older_ns = max(0, max_staleness_ns - UNHEARD_NS)
        self._tail = tail
        self._staged: Revocations | None = None
        self._staged_position = 0
        self._whole = False
        self._stamps_only = False
        self._position = 0
        self._sent: dict[int, int] = {}
        self._echoed_ns: int | None = None
        self._round = 0
        self._trouble = tail.trouble if tail else None

    @property
    def transport(self) -> Transport:
        """Which way revocations come now."""
        if self._tail is None:
            return Transport("grpc")
        trouble = self._tail.trouble
        return Transport("grpc" if trouble else "kafka", trouble, dict(self._tail.noticed))

    def open(self) -> bool:
        """A stream begins; whether it need only echo stamps."""
        self._staged, self._whole, self._position = None, False, 0
        self._sent.clear()
        self.turned.clear()
        self._stamps_only = self._tail is not None and self._tail.trouble is None
        self._round = self._tail.round if self._tail else 0
        return self._stamps_only

    def report(self) -> token_pb2.WatchProgress:
        """What has been applied, with a stamp of now."""
        self.moved.clear()
        applied, stamp = self._freshness.position or 0, boot_ns()
        self._sent[stamp] = applied
        if len(self._sent) > MAX_SENT:
            del self._sent[next(iter(self._sent))]
        return token_pb2.WatchProgress(applied=applied, stamp=stamp)

    def message(self, message: token_pb2.WatchRevocationsResponse) -> None:
        """The stream said this. Raises BadStream, and ValueError for a revocation of an unknown kind."""
        if message.snapshot_begins:
            self._staged, self._staged_position = Revocations(), 0
        elif message.revocations and self._staged is None and not self._whole:
            raise BadStream("revocations came before a snapshot")
        into = self._revocations if self._staged is None else self._staged
        for revocation in message.revocations:
            into.apply(from_message(revocation))
        self._staged_position = message.position or self._staged_position
        if message.snapshot_complete and self._staged is not None:
            self._take_snapshot(self._staged, message)
            self.moved.set()
        elif self._whole and self._staged is None:
            self._take_what_came(message)
        self._settle()
        if message.HasField("freshness"):
            self._take_freshness(message.freshness)
        self._turn()

    async def place(self) -> Place:
        """Waits until it is known from where the topic is to be read."""
        while (tail := self._tail) is None or tail.position is None:
            self._anchored.clear()
            await self._anchored.wait()
        return Place(tail.position, tail.offset, tail.anchors)

    def reads_from(self, place: Place) -> bool:
        """Whether what follows that place is still what is wanted of the topic."""
        return self._tail is not None and self._tail.position is not None and self._tail.anchors == place.anchor

    def record(self, offset: int, what: Record | Heartbeat | BadRecord) -> None:
        """The topic has this next."""
        if self._tail is None:
            return
        match self._tail.take(offset, what, boot_ns()):
            case Revocation() as revocation:
                self._revocations.apply(revocation)
                self.moved.set()
                self._settle()
            case Heartbeat() as beat:
                self._settle()
                self._take_beat(beat)
            case None:
                self._settle()
        self._turn()

    def lost(self, trouble: Literal["topic_lost", "topic_missing"]) -> None:
        """The cluster does not answer, or has no such topic."""
        if self._tail is not None:
            self._tail.lost(trouble, boot_ns())
            self._turn()

    def judge(self) -> None:
        """Time has passed."""
        if self._tail is not None:
            self._tail.judge(boot_ns())
            self._turn()

    def _take_snapshot(self, staged: Revocations, message: token_pb2.WatchRevocationsResponse) -> None:
        if self._tail is not None and message.chain_hash:
            for revocation in self._tail.anchor(self._staged_position, message.chain_hash, boot_ns()):
                staged.apply(revocation)
            self._anchored.set()
        elif self._tail is not None:
            self._tail.adrift(boot_ns())
        self._revocations.replace(staged)
        self._staged, self._whole, self._position = None, True, self._staged_position
        if self._applied() < (self._freshness.position or 0):
            # It is older than what was known, whose age says nothing of it.
            self._freshness.forget()

    def _take_what_came(self, message: token_pb2.WatchRevocationsResponse) -> None:
        if message.revocations:
            self.moved.set()
        if not self._stamps_only:
            self._position = message.position or self._position
        elif self._tail is not None and message.chain_hash:
            self._tail.confirm(message.position, message.chain_hash, boot_ns())

    def _applied(self) -> int:
        in_topic = self._tail.position if self._tail else None
        return max(self._position, in_topic or 0)

    def _settle(self) -> None:
        if self._tail is not None and self._tail.doubted:
            self._freshness.forget()
        elif self._freshness.position is not None or (self._whole and self._staged is None):
            self._freshness.applied(max(self._applied(), self._freshness.position or 0))
        if self._freshness.age_ns(boot_ns()) is not None:
            self.proven.set()

    def _take_freshness(self, echo: token_pb2.WatchFreshness) -> None:
        reported = self._sent.get(echo.stamp)
        if reported is None:
            raise BadStream("a stamp came back that was never sent")
        self._sent = {stamp: applied for stamp, applied in self._sent.items() if stamp > echo.stamp}
        self._echoed_ns, time_us = boot_ns(), from_timestamp(echo.time)
        self._clock.observe(time_us)
        if self._tail is not None:
            self._tail.heard(echo.head, reported, self._echoed_ns)
        self._freshness.echoed(echo.head, echo.stamp, time_us)
        self._revocations.forget(self._clock.now())
        self._settle()

    def _take_beat(self, beat: Heartbeat) -> None:
        """What a heartbeat proves where the owner cannot be asked: it is as old as the larger of the time since it
        arrived and the log's time minus its own. Without the log's time, which only the owner tells, it proves nothing.
        """
        now = boot_ns()
        if self._echoed_ns is None or now - self._echoed_ns <= self._quiet_ns:
            return
        late_us = max(0, self._clock.now() - beat.time)
        self._freshness.echoed(beat.position, now - late_us * 1000 - self._older_ns, beat.time)
        self._revocations.forget(self._clock.now())

    def _turn(self) -> None:
        """Says each change of transport once."""
        if self._tail is None:
            return
        if self._tail.doubted:
            self._freshness.forget()
        if self._tail.round != self._round:
            self.turned.set()
        was, self._trouble = self._trouble, self._tail.trouble
        if was is not None and self._trouble is None:
            _log.info("revocations come from Kafka")
        elif was is None and self._trouble is not None:
            _log.warning("revocations come over gRPC, not from Kafka: %s", self._trouble)
