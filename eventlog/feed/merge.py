"""What to take from a topic and what from the log's owner, so that each position comes once and in chain. No I/O."""

from collections import deque
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
MOST_HELD = 2_000
MOST_PROOFS = 64
_NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Held:
    """An event of the topic that continues the chain, and that no proof covers yet; it `came` at that time in ns."""

    row: Recorded
    offset: int
    came: int


@dataclass(slots=True)
class Merge:
    """Where one reader stands between a topic and its owner. Times are nanoseconds of `boot_ns`.

    The chain has no key: a stranger who may write the topic can continue it, and a log that was restored finds in its
    topic what it does not know any more. So events of the topic are held until the owner has proven them: its head and
    the chain hash there are 40 bytes that cover all that lies below.

    Events are taken from the topic as long as it goes on where the reader stands and keeps up with the heads that the
    owner tells of. Where it does not, `trouble` says why, and the owner is asked for the events, until the topic has
    what the owner had a second ago. It begins with the owner, which answers at once.
    """

    position: int
    chain_hash: bytes
    offset: int | None = None
    trouble: Trouble | None = "topic_behind"
    noticed: dict[str, int] = field(default_factory=dict)
    held: deque[Held] = field(default_factory=deque)
    _proofs: deque[tuple[int, bytes]] = field(default_factory=deque)
    _told: tuple[int, int] = (0, _NOWHERE)
    _topic_at: int = _NOWHERE
    _head: tuple[int, int] | None = None
    _gap_since: int | None = None

    @property
    def transport(self) -> Transport:
        """What is shown of it."""
        return Transport("feed" if self.trouble else "kafka", self.trouble, dict(self.noticed))

    def from_owner(self, row: Recorded) -> bool:
        """Whether the row is to be taken; its gaps and its chain are the projection's to refuse."""
        if row.position <= self.position:
            return False
        self._take(row, None)
        if self.held and self.held[0].row.position == row.position and self.held[0].row.chain_hash != row.chain_hash:
            self._forged()
        while self.held and self.held[0].row.position <= row.position:
            self.held.popleft()
        return True

    def beyond(self, what: Record | Heartbeat | BadRecord, now: int) -> bool:
        """Whether a record has to wait for the owner: to fill what lies before it, or to prove what is held already.

        What lies above a head that the owner told of later is no record of its log.
        """
        if not isinstance(what, Record) or what.position <= self.position:
            return False
        if what.position <= self._tip[0] + 1:
            return len(self.held) >= MOST_HELD
        self._fall_back("topic_trimmed" if self._topic_at == _NOWHERE else "topic_behind")
        self._gap_since = self._gap_since or now
        head, stamp = self._told
        return stamp <= self._gap_since or what.position <= head

    def from_topic(self, offset: int, what: Record | Heartbeat | BadRecord, now: int) -> None:
        """Holds a record that comes next and continues the chain. `beyond` is to be asked first."""
        self._gap_since = None
        match what:
            case BadRecord():
                self._notice("record_foreign")
            case Heartbeat():
                self._heartbeat(what)
            case Record() if what.position <= self.position:
                self._known(what)
            case Record() if what.position <= self._tip[0]:
                self._notice("record_repeated")
            case Record() if what.position == self._tip[0] + 1:
                self._hold(offset, what, now)
            case Record():
                self._notice("record_foreign")

    def heard(self, head: int, chain_hash: bytes, stamp: int, now: int) -> None:
        """The owner told of a head, which it read after `stamp`."""
        self._told = head, stamp
        self._proofs.append((head, chain_hash))
        while len(self._proofs) > MOST_PROOFS:
            self._proofs.popleft()
        if any(one.came < stamp and one.row.position > head for one in self.held):
            self._notice("record_foreign")
            self._drop(above=head)
        if self._head is None or now - self._head[1] >= PATIENCE_NS:
            self._judge()
            self._head = head, now

    def proven(self) -> list[Recorded]:
        """The events that a proof covers by now, which are taken with this."""
        tip, rows = self._tip[0], list[Recorded]()
        while self._proofs and self._proofs[0][0] <= tip:
            head, chain_hash = self._proofs.popleft()
            rows += self._released(head, chain_hash)
        return rows

    def lost(self, trouble: Trouble = "topic_lost") -> None:
        """The cluster does not answer, has no such topic, or is silent; or what comes next is gone from the topic."""
        if self._topic_at == _NOWHERE:
            self.trouble = trouble  # such as before its relay has made it: nothing was lost that had been there
        else:
            self._fall_back(trouble)
        self._topic_at = _NOWHERE
        self.held.clear()

    @property
    def _tip(self) -> tuple[int, bytes]:
        last = self.held[-1].row if self.held else None
        return (self.position, self.chain_hash) if last is None else (last.position, last.chain_hash)

    def _released(self, head: int, chain_hash: bytes) -> list[Recorded]:
        at = next((one.row for one in self.held if one.row.position == head), None)
        if at is not None and at.chain_hash != chain_hash:
            self._forged()
        rows: list[Recorded] = []
        while self.held and self.held[0].row.position <= head:
            one = self.held.popleft()
            self._take(one.row, one.offset)
            rows.append(one.row)
        return rows

    def _judge(self) -> None:
        """By the head that the owner told of a second ago, or longer."""
        if self._head is None:
            return
        if self.trouble is None and self.position < self._head[0]:
            self._fall_back("topic_behind")
        elif self.trouble != "topic_of_another_log" and not self._gap_since and self._topic_at >= self._head[0]:
            self.trouble = None

    def _hold(self, offset: int, record: Record, now: int) -> None:
        row = _row(record)
        if link(self._tip[1], row) != record.chain_hash:
            self._notice("record_corrupt")
            self._drop()
            return
        self.held.append(Held(row, offset, now))
        self._topic_at = max(self._topic_at, row.position)

    def _heartbeat(self, beat: Heartbeat) -> None:
        if beat.position > self._tip[0]:
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

    def _take(self, row: Recorded, offset: int | None) -> None:
        self.position, self.chain_hash, self.offset = row.position, row.chain_hash, offset

    def _forged(self) -> None:
        self._notice("record_corrupt")
        self._drop()

    def _drop(self, above: int = 0) -> None:
        """What really stands there is asked of the owner."""
        while self.held and self.held[-1].row.position > above:
            self.held.pop()
        self._fall_back("topic_behind")

    def _notice(self, what: Noticed) -> None:
        self.noticed[what] = self.noticed.get(what, 0) + 1

    def _fall_back(self, trouble: Trouble) -> None:
        stays = self.trouble == "topic_of_another_log" and trouble not in ("topic_lost", "topic_trimmed")
        if self.trouble == trouble or stays:
            return
        self.trouble = trouble
        if trouble != "topic_behind":  # a moment of that is nothing to tell of later
            self._notice(trouble)


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
