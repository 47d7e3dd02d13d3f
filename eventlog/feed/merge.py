"""What to take from a topic and what from the log's owner, so that each position comes once and in chain. No I/O."""

from dataclasses import dataclass, field
from typing import Literal

from eventlog.events import Recorded
from eventlog.feed.source import Transport
from watchword.chain import link
from watchword.kafka import BadRecord, Heartbeat, Record

Trouble = Literal["topic_lost", "topic_behind", "topic_trimmed", "topic_of_another_log"]
Noticed = Literal["record_corrupt", "record_foreign", "record_repeated"] | Trouble

PATIENCE_NS = 1_000_000_000
"""How long the topic may take to have what the owner has."""
_NOWHERE = -1


@dataclass(slots=True)
class Merge:
    """Where one reader stands between a topic and its owner.

    Events are taken from the topic as long as it goes on where the reader stands and keeps up with the heads that the
    owner tells of. Where it does not, `trouble` says why, and the owner is asked for the events, until the topic has
    what the owner had a second ago. It begins with the owner, which answers at once.

    A log that was restored finds in its topic what it does not know any more. So nothing above the owner's own head is
    taken before the relay has shown that it `lives`: to a topic of another log it writes nothing.
    """

    position: int
    chain_hash: bytes
    offset: int | None = None
    trouble: Trouble | None = "topic_behind"
    noticed: dict[str, int] = field(default_factory=dict)
    _live: bool = False
    _topic_at: int = _NOWHERE
    _told: int = 0
    _told_at: int = 0
    _head: int = 0
    _head_since: int | None = None
    _gap_since: int | None = None

    @property
    def transport(self) -> Transport:
        """What is shown of it."""
        return Transport("feed" if self.trouble else "kafka", self.trouble, dict(self.noticed))

    def from_owner(self, row: Recorded) -> bool:
        """Whether the row is to be taken; its gaps and its chain are the projection's to refuse."""
        if row.position <= self.position:
            return False
        self.position, self.chain_hash, self.offset = row.position, row.chain_hash, None
        return True

    def from_topic(self, offset: int, what: Record | Heartbeat | BadRecord) -> Recorded | None:
        """The record's row, where it is the next one and continues the chain. `beyond` is to be asked first."""
        match what:
            case BadRecord():
                self._notice("record_foreign")
            case Heartbeat():
                self._heartbeat(what)
            case Record() if what.position <= self.position:
                self._known(what)
            case Record() if what.position == self.position + 1 and not self._forgotten(what):
                return self._next(offset, what)
            case Record():
                self._notice("record_foreign")
        return None

    def beyond(self, what: Record | Heartbeat | BadRecord, now: int) -> bool:
        """Whether the topic goes on above where the reader stands, so that the owner has to fill what lies between.

        What lies above the owner's own head a second later is no record of its log. `now` in ns.
        """
        if not isinstance(what, Record) or not (self._gap_to(what) or self._forgotten(what)):
            self._gap_since = None
            return False
        if self._gap_to(what):
            self._fall_back("topic_trimmed" if self._topic_at == _NOWHERE else "topic_behind")
        self._gap_since = self._gap_since or now
        if what.position <= self._told or self._told_at < self._gap_since + PATIENCE_NS:
            return True
        if not self._gap_to(what):
            self._fall_back("topic_of_another_log")
        return False

    def heard(self, head: int, now: int) -> None:
        """The owner told of a head; `now` in ns. Judges by the head that it told of a second ago, or longer."""
        self._told, self._told_at = head, now
        if self._head_since is not None and now - self._head_since < PATIENCE_NS:
            return
        if self._head_since is not None:
            self._judge()
        self._head, self._head_since = head, now

    def lives(self, beat: Heartbeat) -> None:
        """The relay wrote this heartbeat, which was taken already, just now."""
        if beat.position <= self.position and self.trouble != "topic_of_another_log":
            self._live = True

    def lost(self) -> None:
        """The cluster does not answer, has no such topic, or is silent."""
        self._fall_back("topic_lost")
        self._topic_at, self._live = _NOWHERE, False

    def _judge(self) -> None:
        if self.trouble is None and self.position < self._head:
            self._fall_back("topic_behind")
        elif self._live and self.trouble != "topic_of_another_log" and self._topic_at >= self._head:
            self.trouble = None

    def _gap_to(self, record: Record) -> bool:
        return record.position > self.position + 1

    def _forgotten(self, record: Record) -> bool:
        """Whether the owner may not have this record, which comes next, any more."""
        return not self._live and record.position == self.position + 1 and record.position > self._told

    def _next(self, offset: int, record: Record) -> Recorded | None:
        row = _row(record)
        if link(self.chain_hash, row) != record.chain_hash:
            # Whoever damaged or forged it: what really stands there is asked of the owner.
            self._notice("record_corrupt")
            self._fall_back("topic_behind")
            return None
        self.position, self.chain_hash, self.offset = record.position, record.chain_hash, offset
        self._topic_at = record.position
        return row

    def _heartbeat(self, beat: Heartbeat) -> None:
        if beat.position > self.position:
            self._fall_back("topic_behind")
        elif beat.position == self.position and beat.chain_hash != self.chain_hash:
            self._fall_back("topic_of_another_log")
        else:
            self._level(beat.position)

    def _known(self, record: Record) -> None:
        if record.position <= self._topic_at:
            self._notice("record_repeated")
        if record.position == self.position and record.chain_hash != self.chain_hash:
            self._fall_back("topic_of_another_log")
        else:
            self._level(record.position)

    def _level(self, position: int) -> None:
        if position == self.position and self.trouble == "topic_of_another_log":
            self.trouble = "topic_behind"
        self._topic_at = max(self._topic_at, position)

    def _notice(self, what: Noticed) -> None:
        self.noticed[what] = self.noticed.get(what, 0) + 1

    def _fall_back(self, trouble: Trouble) -> None:
        stays = self.trouble == "topic_of_another_log" and trouble != "topic_lost"
        if self.trouble == trouble or stays:
            return
        self.trouble = trouble
        if trouble != "topic_behind":  # a moment of that is nothing to tell of later
            self._notice(trouble)
        self._live = self._live and trouble != "topic_of_another_log"


def _row(record: Record) -> Recorded:
    return Recorded(
        position=record.position,
        stream=record.stream,
        version=record.version,
        type=record.type,
        time=record.time,
        command_id=record.command_id,
        actor=record.actor,
        correlation_id=record.correlation_id,
        body=record.body,
        sealed_hash=record.sealed_hash,
        chain_hash=record.chain_hash,
    )
