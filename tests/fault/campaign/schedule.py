"""What is done to a suite, and when: a pure function of the seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random

from tests.fault.campaign.points import POINTS

SERVICES = ("identity.0", "token.0", "token.1", "policy.0")
PROCESSES = (*SERVICES, "postgres", "verifier.feed")
WITH_KAFKA = ("kafka", "verifier.kafka", "relay.identity", "relay.token", "relay.policy")
"""`relay.token` is the process that holds token's relay when its turn comes."""
WAYS = (
    "client-identity.0",
    "client-token.0",
    "client-token.1",
    "identity.0-token",
    "identity.0-policy",
    "token-identity.0",
    "token-policy.0",
    "policy.0-token",
    "policy.0-identity.0",
    "verifier.feed-token",
    "identity.0-postgres",
    "token.0-postgres",
    "token.1-postgres",
    "policy.0-postgres",
)
WAYS_WITH_KAFKA = ("services-kafka", "verifier.kafka-token")
CLOCKS = ("identity.0", "token.1", "policy.0", "verifier.feed")
"""Processes whose wall clock can be moved."""
KINDS = {
    "kill": 22,
    "pause": 14,
    "point": 26,
    "cut": 7,
    "long_cut": 2,
    "silent": 4,
    "slow": 5,
    "reset": 8,
    "database_restarted": 3,
    "connections_exhausted": 3,
    "disk_full": 2,
    "clock_moved": 4,
}
"""How often each is done, in a hundred. A `long_cut` is longer than the leeway, and may cost a login."""
KINDS_WITH_KAFKA = {
    "kafka_replaced": 2,
    "topic_trimmed": 3,
    "record_repeated": 3,
    "records_reordered": 3,
    "record_corrupt": 3,
    "consumer_behind": 3,
}
SHORTLY = (
    *("pause", "cut", "silent", "slow", "connections_exhausted", "disk_full", "clock_moved"),
    *("records_reordered", "consumer_behind"),
)
READER = "policy.0"
"""Who is behind, or reads out of order: it follows the topics of identity and token."""
SELDOM = frozenset({"rotation.destroying", "rotation.ending", "rotation.ended"})
"""Points that only a key that was dropped, or a rotation that another process was first with, comes to: the component
campaign has them."""
SHORT, LONG = (0.3, 6.0), (11.0, 15.0)
HOLDING = dict.fromkeys(SHORTLY, SHORT) | {"long_cut": LONG}
"""Seconds for which they hold, at least and at most."""
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Step:
    """One fault. It strikes `after` seconds, and holds for `hold` seconds where it is one that holds."""

    number: int
    kind: str
    target: str
    after: float
    hold: float = 0.0
    point: str = ""
    passes: int = 1
    size: int = 0
    """Bytes of an answer before it is reset, ms that each piece is late, or seconds that a clock is moved."""

    @property
    def long(self) -> bool:
        """Whether it outlasts the leeway: logins that it costs are counted."""
        return self.kind == "long_cut"

    def __str__(self) -> str:
        where = f" at {self.point}, pass {self.passes}" if self.point else ""
        held = f" for {self.hold:.1f} s" if self.hold else ""
        size = f" ({self.size:+})" if self.size else ""
        return f"{self.number}: {self.kind} {self.target}{where}{held}{size}"


def schedule(seed: int, steps: int, kafka: bool) -> list[Step]:
    """The same steps for the same seed, however many of them are asked for."""
    often = KINDS | (KINDS_WITH_KAFKA if kafka else {})
    kinds = _dealt(f"{seed}/kinds", [kind for kind, times in often.items() for _ in range(times)])
    targets = {kind: _dealt(f"{seed}/{kind}", _targets(kind, kafka)) for kind in often}
    drawn = ((number, next(kinds)) for number in range(1, steps + 1))
    return [_step(Random(f"{seed}/{number}"), number, kind, next(targets[kind])) for number, kind in drawn]


def _dealt(seed: str, cards: Sequence[str]) -> Iterator[str]:
    """The cards again and again, each time in another order: so the rarest comes, too, each time that all have come."""
    for number in count():
        yield from Random(f"{seed}/{number}").sample(cards, len(cards))


def _step(chance: Random, number: int, kind: str, target: str) -> Step:
    after = chance.uniform(0.2, 1.5)
    hold = chance.uniform(*HOLDING[kind]) if kind in HOLDING else 0.0
    if kind == "point":
        return _at_a_point(chance, number, after, target)
    size = {
        "slow": chance.randint(20, 400),
        "reset": chance.randint(1, 400),
        "clock_moved": chance.choice((HOUR, -HOUR)),
    }
    return Step(number, kind, target, after, hold, size=size.get(kind, 0))


def _targets(kind: str, kafka: bool) -> tuple[str, ...]:
    match kind:
        case "point":
            return ("append", "projection", "rotation", *(("publish",) if kafka else ()))
        case "kill" | "pause":
            return _processes(kafka)
        case "cut" | "long_cut" | "silent" | "slow" | "reset":
            return _ways(kafka)
        case "clock_moved":
            return CLOCKS
        case "kafka_replaced":
            return ("kafka",)
        case "consumer_behind":
            return (READER,)
        case "records_reordered":
            return ("identity", "token")
    return ("identity", "token", "policy") if kind in KINDS_WITH_KAFKA else ("postgres",)


def _at_a_point(chance: Random, number: int, after: float, part: str) -> Step:
    """Of a part: each of them has as many deaths, however many points it has."""
    parts = ("projection", "reaction") if part == "projection" else (part,)
    point = chance.choice([one.name for one in POINTS if one.name.startswith(parts) and one.name not in SELDOM])
    targets = {"rotation": ("token.0",), "publish": ("relay.identity", "relay.token", "relay.policy")}
    only = ("token.0", "token.1") if point == "reaction.done" else SERVICES
    passes = chance.randint(1, 12 if part == "append" else 2)
    return Step(number, "point", chance.choice(targets.get(part, only)), after, point=point, passes=passes)


def _processes(kafka: bool) -> tuple[str, ...]:
    return PROCESSES + (WITH_KAFKA if kafka else ())


def _ways(kafka: bool) -> tuple[str, ...]:
    return WAYS + (WAYS_WITH_KAFKA if kafka else ())
