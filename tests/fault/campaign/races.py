"""Races for refresh tokens between two real token processes.

A race is two to four uses at once, over both processes: of the current token of a family (`current`), of its parent
while the child is unused (`parent`), or of parent and child together (`both`). Each must leave one lineage and no 5xx.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import jwt

from tests.fault.campaign.check import REFRESHED, Acknowledged
from tests.fault.campaign.judge import unforeseen_reuse
from tests.fault.campaign.observer import Observer, observing
from tests.fault.campaign.wire import Answer, Line
from tests.harness.running import Running, running_suite
from watchword.token.v1 import token_pb2, token_pb2_grpc
from watchword.wire import to_timestamp

FAMILIES = 8
"""Families that race at the same time."""
MOST = 4
LOOK = 10.0
"""Seconds between two looks at the log."""
LATE = 8.0
"""Seconds after which a use may have come after the leeway, on a machine that stands still: its race proves nothing."""


@dataclass(frozen=True, slots=True)
class Race:
    """Which tokens are used, each at which process."""

    kind: str
    uses: tuple[tuple[str, int], ...]


def race_of(seed: int, number: int) -> Race:
    """A pure function of the campaign's seed and the race's number."""
    chance = Random(f"{seed}/{number}")
    (kind,) = chance.choices(("current", "parent", "both"), (70, 15, 15))
    uses = chance.randint(2, MOST)
    which = {"current": ["child"], "parent": ["parent"], "both": ["parent", "child"]}[kind]
    tokens = which + chance.choices(which, k=uses - len(which))
    chance.shuffle(tokens)
    first = chance.randrange(2)
    return Race(kind, tuple((token, (first + n) % 2) for n, token in enumerate(tokens)))


@dataclass
class Tally:
    """What came of it."""

    seed: int
    races: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    thefts: int = 0
    unanswered: int = 0
    late: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def count(self) -> int:
        """How many races."""
        return self.races.total()

    def __str__(self) -> str:
        said = "nothing was violated" if not self.wrong else f"{len(self.wrong)} violations:"
        rate = self.races.total() / self.seconds if self.seconds else 0.0
        return "\n".join(
            (
                f"seed {self.seed}: {self.races.total()} races in {self.seconds:.0f} s ({rate:.0f} a second)",
                f"{dict(sorted(self.races.items()))}, {self.thefts} families ended as stolen",
                f"besides {self.unanswered} whose log did not answer (503), and {self.late} beyond the leeway",
                f"answers {dict(sorted(self.answers.items()))}",
                said,
                *self.wrong[:50],
            )
        )


@dataclass
class Family:
    """What its holder knows: the token that it was given last, and the one before."""

    id: str
    child: str
    parent: str = ""
    since: float = 0.0
    """When the use began that gave the child."""

    def token(self, which: str) -> str:
        return self.child if which == "child" or not self.parent else self.parent


@dataclass
class Racer:
    """Races one family after another."""

    suite: Running
    issuer: "Issuer"
    tally: Tally
    told: list[Acknowledged]
    provoked: set[str]

    def __post_init__(self) -> None:
        self._lines = [[Line(url) for _ in range(MOST)] for url in self.suite.urls("token")]

    async def run(self, numbers: "count[int]", over: Callable[[], bool]) -> None:
        family = await self.issuer.start()
        while not over():
            race = race_of(self.tally.seed, next(numbers))
            family = await self._one(race, family) or await self.issuer.start()

    async def _one(self, race: Race, family: Family) -> Family | None:
        """The family as it goes on; None where it ended, as it had to."""
        used = [family.token(which) for which, _ in race.uses]
        if len(set(used)) > 1:
            self.provoked.add(family.id)
        begun = time.monotonic()
        answers = await asyncio.gather(*(self._use(n, where, used[n]) for n, (_, where) in enumerate(race.uses)))
        if self._proves_nothing(race, family, begun, answers):
            self.provoked.add(family.id)
            return None
        self.tally.races[race.kind if len(set(used)) > 1 or race.kind != "both" else "current"] += 1
        self._remember(answers)
        self._judge(family, used, answers)
        if any(answer.status != 200 for answer in answers):
            self.tally.thefts += 1
            await self._over(family, answers)
            return None
        newest = max((answer.body["refresh_token"] for answer in answers), key=generation)
        if newest == family.child:
            return family
        return Family(family.id, newest, family.child, begun)

    def _proves_nothing(self, race: Race, family: Family, begun: float, answers: Sequence[Answer]) -> bool:
        unanswered = any(answer.status == 503 for answer in answers)
        late = time.monotonic() - (begun if race.kind == "current" else family.since) > LATE
        self.tally.unanswered += unanswered
        self.tally.late += late and not unanswered
        return unanswered or late

    async def _use(self, number: int, where: int, token: str) -> Answer:
        answer = await self._lines[where][number].refresh(token, self.suite.app)
        self.tally.answers[answer.status] += 1
        return answer

    def _remember(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            if answer.status == 200:
                claims = jwt.decode(answer.body["access_token"], options={"verify_signature": False})
                self.told.append(Acknowledged(REFRESHED, claims["jti"], claims["pos"]))

    def _judge(self, family: Family, used: Sequence[str], answers: Sequence[Answer]) -> None:
        """One successor a token, whoever asked; only a race of both generations may end in theft."""
        for token in set(used):
            given = {
                a.body["refresh_token"] for t, a in zip(used, answers, strict=True) if t == token and a.status == 200
            }
            wanted = generation(token) + 1
            if len(given) > 1 or any(generation(one) != wanted for one in given):
                self.tally.wrong.append(f"{family.id}: generation {wanted - 1} had {len(given)} successors")
        for answer in answers:
            stolen = answer.status == 400 and answer.body.get("error") == "invalid_grant"
            if answer.status != 200 and not (stolen and len(set(used)) > 1):
                self.tally.wrong.append(f"{family.id}: {answer.status} {answer.body}")

    async def _over(self, family: Family, answers: Sequence[Answer]) -> None:
        """Nothing of a family that was ended as stolen is taken any more, by either process."""
        given = [answer.body["refresh_token"] for answer in answers if answer.status == 200]
        for where in range(2):
            answer = await self._use(0, where, max((family.child, *given), key=generation))
            if answer.status != 400:
                self.tally.wrong.append(f"{family.id}: {answer.status} after it was ended")


def generation(refresh_token: str) -> int:
    return int(refresh_token.split(".")[3])


@dataclass(frozen=True)
class Issuer:
    """Starts families as identity does, with identity's certificate, so that no race waits for a password's hash."""

    stub: Any
    client_id: str

    async def start(self) -> Family:
        request = token_pb2.StartFamilyRequest(
            client_id=self.client_id,
            account_id=f"acc_{secrets.token_hex(8)}",
            session_id=f"ses_{secrets.token_hex(8)}",
            session_position=1,
            seen=1,
            auth_time=to_timestamp(time.time_ns() // 1000),
            acr="pw",
            amr=["pwd"],
        )
        tokens = (await self.stub.StartFamily(request)).tokens
        return Family(tokens.refresh_token.split(".")[2], tokens.refresh_token, since=time.monotonic())


def run(data: Path, seed: int, races: int, minutes: float, progress: Callable[[str], None]) -> Tally:
    """So many races, or as many as fit into `minutes`. The directory must not exist yet."""
    with running_suite(data) as suite:
        suite.second("token")
        return asyncio.run(_run(suite, Tally(seed), races, minutes, progress))


async def _run(suite: Running, tally: Tally, races: int, minutes: float, progress: Callable[[str], None]) -> Tally:
    async with AsyncExitStack() as stack:
        channel = await stack.enter_async_context(suite.channel("token", "service", "identity"))
        issuer = Issuer(token_pb2_grpc.TokenServiceStub(channel), suite.app)
        dsn = (suite.place.secrets / "token.dsn").read_text()
        observer = await stack.enter_async_context(observing(dsn, "token", ()))
        begun, numbers = time.monotonic(), count(1)
        told: list[Acknowledged] = []
        provoked: set[str] = set()

        def over() -> bool:
            tally.seconds = time.monotonic() - begun
            return tally.races.total() >= races or tally.seconds > 60 * minutes or len(tally.wrong) > 20

        racers = [Racer(suite, issuer, tally, told, provoked) for _ in range(FAMILIES)]
        async with asyncio.TaskGroup() as group:
            group.create_task(_looking(observer, tally, told, races, over, progress))
            for racer in racers:
                group.create_task(racer.run(numbers, over))
        tally.wrong += await _look(observer, told)
        tally.wrong += unforeseen_reuse(observer.log, provoked, ())
        tally.wrong += await observer.verified()
    return tally


async def _looking(
    observer: Observer,
    tally: Tally,
    told: list[Acknowledged],
    races: int,
    over: Callable[[], bool],
    progress: Callable[[str], None],
) -> None:
    while not over():
        tally.wrong += await _look(observer, told)
        progress(f"{tally.races.total()} of {races} races, {len(tally.wrong)} violations")
        due = time.monotonic() + LOOK
        while not over() and time.monotonic() < due:
            await asyncio.sleep(0.2)


async def _look(observer: Observer, told: list[Acknowledged]) -> list[str]:
    """What is wrong with the log since the last look, and with what was answered by then."""
    answered, told[:] = list(told), []
    wrong = await observer.look()
    return wrong + observer.log.lost(answered)
