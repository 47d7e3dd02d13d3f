"""What to take from token's topic, and when to rely on it in place of the stream. No I/O."""

from collections import Counter, deque
from typing import Literal

from watchword.chain import link
from watchword.folding import Unreadable, fold
from watchword.kafka.records import BadRecord, Heartbeat, Record
from watchword.revocations import Revocation

Trouble = Literal[
    "starting",
    "topic_lost",
    "topic_missing",
    "topic_behind",
    "topic_trimmed",
    "topic_of_another_log",
    "chain_broken",
    "record_unreadable",
]

SECOND = 1_000_000_000
PATIENCE = SECOND
"""What the owner has told of is in the topic within this, or the topic is behind."""
SILENCE = 3 * SECOND
"""A topic whose relay lives has a record each second."""
FIRST_PAUSE, LAST_PAUSE, STEADY = SECOND, 30 * SECOND, 60 * SECOND
REMEMBERED = 1_000
MAX_HEADS = 64


class Tail:
    """Where a reader stands in the topic of token's log. Times are nanoseconds of `boot_ns`.

    A snapshot from the owner says from where the chain is to go on. What continues it is taken, whatever else stands
    there. While `trouble` is None the topic is relied on: the owner's stream need only echo stamps. Else the owner
    sends revocations itself, until the topic has shown that it has what the owner had a second ago. Who falls back
    often waits the longer before it returns.

    `round` grows when the stream has to be opened anew, `anchors` when the topic has to be sought anew. `doubted` says
    that something that was taken may not be of token's log: nothing that rests on it is proven before a new snapshot.
    """

    def __init__(self) -> None:
        self.trouble: Trouble | None = "starting"
        self.noticed: Counter[str] = Counter()
        self.position: int | None = None
        self.offset: int | None = None
        self.round = 0
        self.anchors = 0
        self.doubted = False
        self._known: dict[int, tuple[bytes, Revocation | None]] = {}
        self._confirmed = 0
        self._expected: tuple[int, bytes] | None = None
        self._heads: deque[tuple[int, int]] = deque()
        self._stuck = False
        self._alive: int | None = None
        self._relied_since = 0
        self._pause = FIRST_PAUSE // 2
        self._not_before = 0

    def anchor(self, position: int, chain_hash: bytes, now: int) -> list[Revocation]:
        """A snapshot of everything up to `position` came. Answers what is known beyond it, which is to be kept."""
        if position in self._known and not self._contradicts(position, chain_hash):
            self._confirmed = max(self._confirmed, position)
            return [one for at, (_, one) in self._known.items() if at > position and one is not None]
        if self.position is None or self._stuck or position <= self.position:
            if position in self._known:
                self._fall_back("topic_of_another_log", now)
            self._begin(position, chain_hash)
        else:
            self._expect(position, chain_hash)
        return []

    def adrift(self, now: int) -> None:
        """A snapshot came that does not say where the chain goes on: its owner is older than this version."""
        self._fall_back("starting", now)
        self.position, self.doubted = None, False
        self._known.clear()

    def take(self, offset: int, what: Record | Heartbeat | BadRecord, now: int) -> Revocation | Heartbeat | None:
        """What stands next in the topic: a revocation, or a heartbeat up to which everything has been taken."""
        if isinstance(what, BadRecord):
            self.noticed["record_foreign"] += 1
            return None
        if self.position is None:
            return None
        if what.position <= self.position and self._contradicts(what.position, what.chain_hash):
            self._contradicted(what.position, now)
            return None
        if isinstance(what, Heartbeat):
            return self._beat(what, self.position, now)
        if what.position <= self.position:
            if self.offset is not None and offset > self.offset:
                self.noticed["record_repeated"] += 1
            return None
        return self._next(offset, what, self.position, now)

    def heard(self, head: int, reported: int, now: int) -> None:
        """The owner answered with its head what was sent when `reported` had been applied."""
        if head < reported:
            # What was taken was never in this log, or this log was restored.
            self._doubt(now)
        elif self.position is not None and head > self.position and len(self._heads) < MAX_HEADS:
            self._heads.append((now, head))

    def confirm(self, position: int, chain_hash: bytes, now: int) -> None:
        """The owner says what its chain hash at `position` is."""
        if self.position is None or position > self.position:
            self._expect(position, chain_hash)
        elif self._contradicts(position, chain_hash):
            self._doubt(now)
        elif position in self._known:
            self._confirmed = max(self._confirmed, position)

    def lost(self, trouble: Literal["topic_lost", "topic_missing"], now: int) -> None:
        """The cluster does not answer, or has no such topic."""
        self._alive = None
        self._fall_back(trouble, now)

    def judge(self, now: int) -> None:
        """Time has passed: falls back, or returns, where that is due."""
        while self._heads and self.position is not None and self._heads[0][1] <= self.position:
            self._heads.popleft()
        behind = bool(self._heads) and now - self._heads[0][0] > PATIENCE
        silent = self._alive is None or now - self._alive > SILENCE
        if self.trouble is None:
            if behind or silent:
                self._fall_back("topic_behind" if behind else "topic_lost", now)
        elif now >= self._not_before:
            if self._stuck:
                self.round += 1
                self._wait_longer(now)
            elif self.position is not None and not behind and not silent:
                self.trouble, self._relied_since = None, now
                self.round += 1

    def _beat(self, beat: Heartbeat, position: int, now: int) -> Heartbeat | None:
        if beat.position > position:
            self._get_stuck("topic_trimmed", now)
            return None
        if beat.position < position:
            return None
        # The log ended here, so what came in between and did not fit was nothing of it.
        self._stuck, self._alive = False, now
        return beat

    def _next(self, offset: int, record: Record, position: int, now: int) -> Revocation | None:
        if record.position > position + 1:
            self._get_stuck("topic_trimmed", now)
            return None
        if link(self._known[position][0], record) != record.chain_hash:
            self.noticed["record_corrupt"] += 1
            self._get_stuck("chain_broken", now)
            return None
        if self._expected is not None and self._expected[0] == record.position:
            if self._expected[1] != record.chain_hash:
                self._doubt(now)
                return None
            self._confirmed, self._expected = record.position, None
        try:
            revocation = fold(record)
        except Unreadable:
            self._get_stuck("record_unreadable", now)
            return None
        self._remember(record.position, record.chain_hash, revocation)
        self.offset, self._stuck, self._alive = offset, False, now
        return revocation

    def _begin(self, position: int, chain_hash: bytes) -> None:
        self._known.clear()
        self._heads.clear()
        self._remember(position, chain_hash, None)
        self._confirmed, self._expected = position, None
        self.offset, self._alive = None, None
        self._stuck = self.doubted = False
        self.anchors += 1

    def _remember(self, position: int, chain_hash: bytes, revocation: Revocation | None) -> None:
        self.position = position
        self._known[position] = (chain_hash, revocation)
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    def _expect(self, position: int, chain_hash: bytes) -> None:
        # The chain to a later one proves an earlier one as well, so the one that is reached first will do.
        if self._expected is None:
            self._expected = (position, chain_hash)

    def _contradicts(self, position: int, chain_hash: bytes) -> bool:
        return position in self._known and self._known[position][0] != chain_hash

    def _contradicted(self, position: int, now: int) -> None:
        """Two records of one position: where the owner confirmed the first, the second is nobody's."""
        if position <= self._confirmed:
            self.noticed["record_foreign"] += 1
            self._fall_back("topic_of_another_log", now)
        else:
            self._doubt(now)

    def _doubt(self, now: int) -> None:
        if self.doubted:
            return
        if self.trouble is not None:
            self.round += 1
        self._fall_back("topic_of_another_log", now)
        self.position, self.doubted = None, True
        self._known.clear()

    def _get_stuck(self, trouble: Trouble, now: int) -> None:
        if not self._stuck:
            self._stuck, self._alive = True, None
            self._fall_back(trouble, now)

    def _fall_back(self, trouble: Trouble, now: int) -> None:
        if self.trouble is None:
            self.round += 1
            if now - self._relied_since > STEADY:
                self._pause = FIRST_PAUSE // 2
            self._wait_longer(now)
        self.trouble = trouble

    def _wait_longer(self, now: int) -> None:
        self._pause = min(2 * self._pause, LAST_PAUSE)
        self._not_before = now + self._pause
