"""Random models of policy for Hypothesis: few names, so that facts meet, and ends about the time of the question.

Names are written whether or not there is such a role, group or share: a model is any set of facts, also one that two
processes wrote at once, or that is left where something was removed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from tests.harness.policy_reference import Asked, Fact, changed, microseconds, name_of

NOW = "2030-01-02T03:04:05.000000Z"
LATER = "2030-01-02T03:04:05.000001Z"
ENDS = ["2030-01-02T03:04:04.999999Z", NOW, LATER, LATER, LATER, LATER]
"""Over, over just now, and mostly not yet over."""

PEOPLE = {"acc_1": False, "acc_2": False, "acc_3": True}
"""The third is disabled; there is no fourth."""

SUBJECTS = ["account/acc_1", "account/acc_2", "client/billing", "service/mail"]
STRANGERS = ["account/acc_3", "account/acc_4", "group/g1", "document/d1", "user/acc_1"]
GROUPS = ["g1", "g2"]
ROLES = ["r1", "r2", "r3"]
RESOURCES = ["folder/f1", "folder/f2", "document/d1"]
ODD_RESOURCES = ["my-document/1", "group/g1", "account/acc_1", "suite/policy"]
"""A type that Cedar spells otherwise, things that are subjects and groups, too, and what has no label."""
ACTIONS = [
    "document.read",
    "document.append",
    "document.print",
    "document.note.view",
    "document.note.add",
    "policy.write",
]
PATTERNS = [*ACTIONS, "document.*", "document.note.*", "*"]
SHARES, SHARED = ["s1", "s2", "s3", "s4"], ["folder/f1", "document/d1"]

WHO = st.sampled_from(SUBJECTS)
HOLDERS = st.one_of(WHO, st.sampled_from(GROUPS).map("group/{}".format))
THINGS = st.one_of(st.sampled_from(RESOURCES), st.sampled_from(RESOURCES), st.sampled_from(ODD_RESOURCES))
PATTERN_LISTS = st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2, unique=True)
END = {"expires_at": st.sampled_from(ENDS)}


def fact(
    kind: str, optional: Mapping[str, st.SearchStrategy[Any]] = MappingProxyType({}), **members: Any
) -> st.SearchStrategy[Fact]:
    return st.fixed_dictionaries({"kind": st.just(kind), **members}, optional=dict(optional))


ROLE = fact(
    "role",
    {"inherits": st.lists(st.sampled_from(ROLES), max_size=2, unique=True)},
    name=st.sampled_from(ROLES),
    actions=PATTERN_LISTS,
)
GROUP = fact("group", id=st.sampled_from(GROUPS))
MEMBERSHIP = fact("membership", END, member=HOLDERS, group=st.sampled_from(GROUPS))
ASSIGNMENT = fact("assignment", {"resource": THINGS, **END}, holder=HOLDERS, role=st.sampled_from(ROLES))
EXCLUSION = fact(
    "exclusion",
    name=st.sampled_from(["e1", "e2"]),
    roles=st.lists(st.sampled_from(ROLES), min_size=2, max_size=3, unique=True),
)
LABEL = fact(
    "label",
    {"level": st.integers(0, 2), "categories": st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True)},
    of=st.one_of(WHO, THINGS),
)
OWNER = fact("owner", resource=THINGS, owner=HOLDERS)
PARENT = fact("parent", resource=THINGS, parent=THINGS)
SHARE = fact(
    "share",
    {"pass_on": st.booleans(), "under": st.sampled_from(SHARES), **END},
    id=st.sampled_from(SHARES),
    resource=st.sampled_from(SHARED),
    by=WHO,
    to=HOLDERS,
    actions=st.sampled_from([["document.read"], ["document.append", "document.read"], ["document.*"]]),
)
ACTION = fact(
    "action", pattern=st.sampled_from(PATTERNS[:-1]), mode=st.sampled_from(["reads", "writes", "both", "neither"])
)
FACTS = st.one_of(ROLE, GROUP, MEMBERSHIP, ASSIGNMENT, EXCLUSION, LABEL, OWNER, PARENT, SHARE, ACTION)
OF_EACH = [
    (ROLE, 1, 4),
    (GROUP, 0, 6),
    (MEMBERSHIP, 1, 5),
    (ASSIGNMENT, 1, 5),
    (SHARE, 0, 2),
    (PARENT, 0, 3),
    (OWNER, 0, 2),
    (LABEL, 0, 3),
    (EXCLUSION, 0, 1),
    (ACTION, 0, 2),
]
"""How many of each a model is drawn from, at least and at most."""


@st.composite
def models(draw: st.DrawFn) -> list[Fact]:
    """Facts of which no two have one name, in any order."""
    facts: list[Fact] = []
    for kind, least, most in OF_EACH:
        for one in draw(st.lists(kind, min_size=least, max_size=most)):
            facts = changed(facts, [one])
    return list(draw(st.permutations(changed(facts, draw(passed_on())))))


@st.composite
def passed_on(draw: st.DrawFn) -> list[Fact]:
    """Shares of one resource that were passed on, from hand to hand; nearly all of them may be."""
    count, resource = draw(st.integers(0, len(SHARES))), draw(st.sampled_from(SHARED))
    found: list[Fact] = []
    for number, name in enumerate(SHARES[:count]):
        rests = {"under": draw(st.sampled_from(SHARES[:number]))} if number else {}
        may_be = {"pass_on": draw(st.sampled_from([True, True, True, False]))}
        found.append(
            {**draw(SHARE.filter(lambda one: "under" not in one)), "id": name, "resource": resource, **may_be, **rests}
        )
    return found


QUESTIONS = st.builds(
    Asked,
    subject=st.one_of(WHO, WHO, WHO, st.sampled_from(STRANGERS)),
    action=st.sampled_from(ACTIONS),
    resource=st.one_of(THINGS, THINGS, THINGS, st.none()),
)
EVERY_QUESTION = [
    Asked(subject, action, resource) for subject in SUBJECTS for action in ACTIONS for resource in (*RESOURCES, None)
]
NOW_US = microseconds(NOW)

Write = tuple[list[Fact], list[Fact]]
"""Facts that are written, and such as are removed, by one command; no name is in both."""


@st.composite
def histories(draw: st.DrawFn) -> list[Write]:
    """A model is written, and then much of another in its place."""
    found: list[Write] = [([fact], []) for fact in draw(models())]
    for fact in draw(models()):
        (gone, *_), _ = draw(st.sampled_from(found))
        remove = draw(st.booleans()) and name_of(gone) != name_of(fact)
        found.append(([fact], [gone] if remove else []))
    return found
