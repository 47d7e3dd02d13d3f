"""A change of facts while it is decided: what the log holds, and what this change has added so far."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from eventlog.events import Event, Recorded
from eventlog.log import Attempt
from services.policy.commands.concern import Place, place
from services.policy.domain.facts import Fact, Facts, Known, Share, Unread, stream_of
from services.policy.domain.history import FOLDS, Stated, saying, unsaying
from services.policy.domain.relabelled import relabels

T = TypeVar("T")

AT_ONCE = 20
"""Looks at what is stated between which others go on."""
LATEST = 2**62
"""Stands for the position of what is not in the log yet."""


class Desk:
    """Facts of the streams that were read, which the append guards, with the change laid over them.

    It lets others go first now and then: a thousand facts of one stream take a while.
    """

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._stated: dict[str, Stated] = {}
        self._known = _Laid(self._stated)
        self._looked = 0

    @property
    def now(self) -> int:
        return self._attempt.now

    async def expect(self, streams: Iterable[str]) -> None:
        """Before these are read, one after another."""
        parted = (stream.partition("/") for stream in streams)
        await self._attempt.expect((FOLDS[kind], key) for kind, _, key in parted)

    async def has(self, fact: Fact) -> bool:
        """Whether something of that name is said."""
        return (await self._read(stream_of(fact))).like(fact) is not None

    async def put(self, fact: Fact) -> int:
        """Makes it so. Answers the position since which it has been so already; 0 where it was not."""
        stream = stream_of(fact)
        before = (await self._read(stream)).like(fact)
        if before is not None and before.fact == fact:
            return before.position if before.position < LATEST else 0
        await self._write(stream, saying(fact))
        return 0

    async def remove(self, fact: Fact) -> bool:
        """Whether there was something of that name to be removed."""
        stream = stream_of(fact)
        if (await self._read(stream)).like(fact) is None:
            return False
        await self._write(stream, unsaying(fact))
        return True

    async def give(self, share: Share, said: Collection[Place]) -> int:
        """As `put`. A share that gives to others than one of that id did is another: what rested on that falls."""
        before = (await self._read(stream_of(share))).like(share)
        since = await self.put(share)
        if before is None or _parties(before.fact) != _parties(share):
            await self.fell(share, said)
        return since

    async def fell(self, share: Share, said: Collection[Place]) -> None:
        """Removes what rests on a share that is not there any more, but for what this change has `said` itself."""
        for one in (await self._read(stream_of(share))).placed.values():
            match one.fact:
                case Share(under=share.id) if place(one.fact) not in said and await self.remove(one.fact):
                    await self.fell(one.fact, said)

    async def judge(self, rule: Callable[[Facts], T]) -> T:
        """What a rule says of the facts as they would be. Raises what it raises."""
        while True:
            try:
                return rule(self._known)
            except Unread as unread:
                await self._read(unread.stream)

    async def _read(self, stream: str) -> Stated:
        self._looked += 1
        if self._looked % AT_ONCE == 0:
            await asyncio.sleep(0)
        if stream not in self._stated:
            kind, _, key = stream.partition("/")
            self._stated[stream] = await self._attempt.read(FOLDS[kind], key)
        return self._stated[stream]

    async def _write(self, stream: str, event: Event) -> None:
        kind, _, key = stream.partition("/")
        fold = FOLDS[kind]
        await self._attempt.write(fold, key, event)
        self._stated[stream] = fold.evolve(self._stated[stream], event, PENDING)
        self._known.pop(stream, None)


class _Laid(Known):
    """The facts of what is stated, listed once they are asked for."""

    def __init__(self, stated: Mapping[str, Stated]) -> None:
        super().__init__()
        self._stated = stated

    def of(self, stream: str) -> Sequence[Fact]:
        """Raises Unread."""
        if stream not in self and stream in self._stated:
            self[stream] = self._stated[stream].facts
        return super().of(stream)


PENDING = Recorded(
    position=LATEST,
    stream="",
    version=0,
    type="",
    time=0,
    command_id="",
    actor="",
    correlation_id="",
    body=b"",
)


def _parties(share: Fact) -> tuple[str, ...]:
    return (share.by, share.to, share.under) if isinstance(share, Share) else ()


async def relabelling(desk: Desk, write: Sequence[Fact], remove: Sequence[Fact]) -> bool:
    """Whether a change that the desk does not hold yet changes what labels forbid."""
    for some, removed in ((remove, True), (write, False)):
        for fact in some:
            if await desk.judge(partial(relabels, fact, removed=removed)):
                return True
    return False


async def apply(desk: Desk, write: Sequence[Fact], remove: Sequence[Fact]) -> tuple[int, Sequence[Fact]]:
    """Removes, then writes. What rests on a share goes with it: it would come back to life with the next of that id.

    Answers the latest position since which something has been so already, and what was to be removed and is not there.
    """
    missing = [fact for fact in remove if not await desk.has(fact)]
    said = {place(fact) for fact in write}
    for fact in remove:
        await desk.remove(fact)
        if isinstance(fact, Share):
            await desk.fell(fact, said)
    since = [await (desk.give(fact, said) if isinstance(fact, Share) else desk.put(fact)) for fact in write]
    return max(since, default=0), missing
