"""Random histories of policy for Hypothesis: commands to two processes, what becomes of people, and time that passes.

They are drawn with the names of tests/harness/policy_models.py. Where many are told to one log, each has names of its
own: `own` and what stands beside it number them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.harness.policy_models import (
    ASSIGNMENT,
    EXCLUSION,
    FACTS,
    GROUP,
    GROUPS,
    LABEL,
    MEMBERSHIP,
    PARENT,
    RESOURCES,
    ROLE,
    ROLES,
    SHARED,
    SHARES,
    WHO,
    models,
)
from tests.harness.policy_people import ERASED, Said, lives
from tests.harness.policy_reference import Asked, Fact, name_of

T = TypeVar("T")
ENDS_IN_MS = st.integers(-5, 60)
"""After the beginning of a history; by the clock of the log, in which facts of a test follow one another that fast."""
LIKE: dict[str, list[str]] = {
    "things": ["member", "holder", "owner", "by", "to", "of", "resource", "parent"],
    "names": ["name", "role", "group", "inherits", "roles"],
    "actions": ["actions", "pattern"],
}


@dataclass(frozen=True, slots=True)
class Told:
    """A command to a process. What is `restored` may have ended: its facts with an end end `ends` ms after the story
    began, where that is said.
    """

    process: int
    write: Sequence[Fact] = ()
    remove: Sequence[Fact] = ()
    restored: bool = False
    ends: int | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """Time that passes, in µs."""

    time: int = 1


@dataclass(frozen=True, slots=True)
class Heard:
    """What identity or token says."""

    said: Said = field(default_factory=dict)


Step = Told | Passed | Heard
PROCESSES = st.integers(0, 1)
MEETING = st.one_of(FACTS, ROLE, ASSIGNMENT, ASSIGNMENT, LABEL, MEMBERSHIP, PARENT)
"""All kinds; more of those of which several have to meet."""
CLASHING = st.one_of(ROLE, GROUP, MEMBERSHIP, ASSIGNMENT, ASSIGNMENT, EXCLUSION, PARENT)
"""Of which two may each be good, and both together not."""
LABELLED: list[dict[str, Any]] = [{}, {"level": 1}, {"categories": ["a"]}, {"level": 2, "categories": ["a", "b"]}]
BEGINNING = Told(
    0,
    [
        *({"kind": "group", "id": name} for name in GROUPS),
        *({"kind": "role", "name": name, "actions": ["document.read"]} for name in ROLES),
    ],
)


@st.composite
def beginnings(draw: st.DrawFn) -> list[Told]:
    """Places within places that have labels, and a model, fact by fact, each share behind those on which it rests: so
    dense that all of it meets.
    """
    places = draw(st.permutations(RESOURCES))
    inside: list[Fact] = [{"kind": "parent", "resource": one, "parent": outer} for one, outer in pairwise(places)]
    labels = [{"kind": "label", "of": one, **draw(st.sampled_from(LABELLED))} for one in places[1:]]
    model = sorted(draw(models()), key=lambda fact: str(fact["id"]) if fact["kind"] == "share" else "")
    told = (Told(draw(PROCESSES), [fact], restored=True) for fact in model)
    return [BEGINNING, Told(0, [*inside, *labels]), *told]


@st.composite
def histories(draw: st.DrawFn, commands: int = 12) -> list[Step]:
    """Each line of it in its order, the lines in any; perhaps somebody is erased at last: commands wait for who is not
    known.
    """
    given = draw(st.lists(told(), min_size=4, max_size=commands))
    lines: list[list[Step]] = [
        [*given],
        [*draw(handed_on())],
        [Heard(said) for said in draw(lives())],
        [Passed() for _ in range(draw(st.integers(0, 3)))],
    ]
    turns = draw(st.permutations([number for number, line in enumerate(lines) for _ in line]))
    last: list[Step] = [Heard(ERASED), draw(told())] if draw(st.integers(0, 3)) == 3 else []
    return [*(lines[number].pop(0) for number in turns), *last]


@st.composite
def told(draw: st.DrawFn, kinds: st.SearchStrategy[Fact] = MEETING) -> Told:
    """Some facts of different names, or some that are no more."""
    facts = draw(st.lists(kinds, min_size=1, max_size=3, unique_by=name_of))
    if draw(st.integers(0, 3)) == 3:
        return Told(draw(PROCESSES), remove=facts)
    restored = draw(st.integers(0, 3)) == 3
    return Told(draw(PROCESSES), facts, restored=restored, ends=draw(ENDS_IN_MS) if restored else None)


@st.composite
def handed_on(draw: st.DrawFn) -> list[Told]:
    """A resource that is owned, shared, and shared on from hand to hand; then some of that is taken back or changed."""
    resource, hands = draw(st.sampled_from(SHARED)), draw(st.lists(WHO, min_size=2, max_size=5))
    shares = [_share(resource, number, *pair) for number, pair in enumerate(pairwise(hands))]
    owned: Fact = {"kind": "owner", "resource": resource, "owner": hands[0]}
    found = [Told(draw(PROCESSES), [fact]) for fact in (owned, *shares)]
    for _ in range(draw(st.integers(1, 3))):
        some = draw(st.lists(st.sampled_from(shares), min_size=1, unique_by=name_of))
        changed = {**some[-1], draw(st.sampled_from(["by", "to"])): draw(WHO)}
        if draw(st.booleans()):
            found.append(Told(draw(PROCESSES), remove=some[-1:]))
        if draw(st.booleans()):
            found.append(Told(draw(PROCESSES), draw(st.permutations([*some[:-1], changed])), restored=True))
    return found


def _share(resource: str, number: int, by: str, to: str) -> Fact:
    rests = {"under": SHARES[number - 1]} if number else {}
    may = {"actions": ["document.read"], "pass_on": True}
    return {"kind": "share", "resource": resource, "id": SHARES[number], "by": by, "to": to, **may, **rests}


def own(fact: Fact, number: int) -> Fact:
    """The fact with names of this history's own."""
    names = [*LIKE["names"], *(["id"] if fact["kind"] == "group" else [])]
    found = {**fact}
    for members, change in ((LIKE["things"], named), (names, named), (LIKE["actions"], acting)):
        found |= {member: _each(fact[member], change, number) for member in members if member in fact}
    return found


def _each(said: Any, change: Any, number: int) -> Any:
    return change(said, number) if isinstance(said, str) else [change(one, number) for one in said]


def named(name: str, number: int) -> str:
    """A thing or a name."""
    return f"{name}-{number}"


def acting(pattern: str, number: int) -> str:
    """An action or a pattern."""
    return pattern.replace(".", f".n{number}.", 1)


def asking(asked: Asked, number: int) -> Asked:
    """The question about that history."""
    resource = None if asked.resource is None else named(asked.resource, number)
    return Asked(named(asked.subject, number), acting(asked.action, number), resource)


def hearing(said: Said, number: int) -> Mapping[str, Any]:
    """What is said of people of that history."""
    names = ("account", "session", "spared")
    return {**said, **{name: named(said[name], number) for name in names if name in said}}


def ending(facts: Iterable[Fact], instant: str) -> list[Fact]:
    """The facts, those with an end ending then."""
    return [{**fact, "expires_at": instant} if "expires_at" in fact else fact for fact in facts]
