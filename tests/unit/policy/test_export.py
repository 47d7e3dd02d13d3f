"""What was exported is taken up elsewhere as it stood; what speaks of one thing is found; a wrong fact is named."""

from itertools import product

import pytest

from eventlog.errors import Refusal
from services.policy.domain.about import about
from services.policy.domain.facts import Fact
from services.policy.domain.reach import MAX_DEPTH
from services.policy.domain.spelled import read, write
from tests.unit.policy.world import OPERATOR, World

PEOPLE = ("acc_alice", "acc_bob", "acc_carol")
ALICE, BOB, CAROL = (f"account/{one}" for one in PEOPLE)
DAY = 86_400_000_000
TOMORROW = "1972-09-28T00:00:00Z"
SHARE: dict[str, object] = {"kind": "share", "resource": "document/9", "actions": ["document.read"], "pass_on": True}
FACTS: list[dict[str, object]] = [
    {"kind": "role", "name": "zebra", "actions": ["document.read"]},
    {"kind": "role", "name": "editor", "actions": ["document.write"], "inherits": ["zebra"]},
    {"kind": "role", "name": "auditor", "actions": ["audit.read"]},
    {"kind": "group", "id": "staff"},
    {"kind": "membership", "member": ALICE, "group": "staff"},
    {"kind": "assignment", "holder": "group/staff", "role": "editor", "resource": "folder/7"},
    {"kind": "assignment", "holder": BOB, "role": "auditor", "expires_at": TOMORROW},
    {"kind": "label", "of": "document/9", "level": 3},
    {"kind": "label", "of": ALICE, "level": 3},
    {"kind": "label", "of": BOB, "level": 3},
    {"kind": "label", "of": CAROL, "level": 3},
    {"kind": "parent", "resource": "document/9", "parent": "folder/7"},
    {"kind": "owner", "resource": "document/9", "owner": ALICE},
    SHARE | {"id": "s1", "by": ALICE, "to": BOB},
    SHARE | {"id": "s2", "by": BOB, "to": CAROL, "under": "s1", "expires_at": TOMORROW},
    {"kind": "exclusion", "name": "money", "roles": ["auditor", "editor"]},
]


async def model(*facts: dict[str, object]) -> World:
    world = World()
    world.meet(*PEOPLE)
    for fact in facts:
        await world.say(fact)
    return world


def decisions(world: World) -> dict[tuple[str, ...], str]:
    asked = product((ALICE, BOB, CAROL), ("document.read", "document.write", "audit.read"), ("document/9", "folder/7"))
    return {question: world.may(*question) for question in asked}


async def test_an_export_taken_up_elsewhere_gives_the_same_decisions() -> None:
    """Though meanwhile something has ended, and the owner is another: neither could be said anew."""
    world = await model(*FACTS)
    await world.say({"kind": "owner", "resource": "document/9", "owner": CAROL})
    world.clock.time += DAY
    other = await model()
    other.clock.time = world.clock.time
    for fact in world.memory.facts.every():
        await other.commands.write(OPERATOR, [read(write(fact))], restored=True)
        await other.settle()
    assert sorted(map(str, other.memory.facts.every())) == sorted(map(str, world.memory.facts.every()))
    assert decisions(other) == decisions(world)
    assert set(decisions(other).values()) == {"allowed", "label_forbids", "no_matching_role"}


async def test_shares_that_are_restored_rest_on_one_another_no_deeper_than_those_that_are_made() -> None:
    world = await model()
    chain = [read(SHARE | {"id": "s1", "by": ALICE, "to": BOB})]
    for number in range(1, MAX_DEPTH + 1):
        under = {"id": f"s{number + 1}", "by": BOB, "to": BOB, "under": f"s{number}"}
        chain.append(read(SHARE | under))
    with pytest.raises(Refusal) as refusal:
        await world.commands.write(OPERATOR, chain, restored=True)
    assert refusal.value.code == "may_not_share"
    await world.commands.write(OPERATOR, chain[:-1], restored=True)


async def test_an_export_can_be_written_in_its_order_a_fact_at_a_time() -> None:
    """Though roles and shares were changed so that what rests on another was said before it."""
    world = await model(*FACTS)
    await world.say(SHARE | {"id": "s1", "by": ALICE, "to": BOB, "actions": ["document.*"]})
    await world.say({"kind": "owner", "resource": "document/9", "owner": "group/staff"})
    await world.say({"kind": "owner", "resource": "document/9", "owner": ALICE})
    other = await model(*(write(fact) for fact in world.memory.facts.every()))
    assert decisions(other) == decisions(world)


async def test_an_export_is_what_stood_when_it_began() -> None:
    groups: list[dict[str, object]] = [{"kind": "group", "id": f"g{n}"} for n in range(20)]
    world = await model(*FACTS, *groups)
    await world.say(*({"kind": "membership", "member": BOB, "group": f"g{n}"} for n in range(1, 20)))
    before = sorted(map(str, world.memory.facts.every()))
    going = world.memory.facts.every()
    first = next(going)
    await world.say({"kind": "group", "id": "late"}, {"kind": "membership", "member": BOB, "group": "g0"})
    await world.unsay({"kind": "membership", "member": BOB, "group": "g7"}, {"kind": "owner", "resource": "document/9"})
    assert sorted(map(str, [first, *going])) == before


async def test_what_is_not_restored_is_judged() -> None:
    world = await model(*FACTS)
    late = {"kind": "assignment", "holder": BOB, "role": "zebra", "expires_at": "1971-01-01T00:00:00Z"}
    for fact, code in (
        (SHARE | {"id": "s3", "by": BOB, "to": CAROL}, "may_not_share"),
        (late, "expiry_in_the_past"),
        ({"kind": "assignment", "holder": BOB, "role": "editor"}, "roles_exclude_each_other"),
    ):
        with pytest.raises(Refusal) as refusal:
            await world.say(fact)
        assert refusal.value.code == code
        await world.commands.write(OPERATOR, [read(fact)], restored=True)


@pytest.mark.parametrize(
    ("code", "fact"),
    [
        ("role_unknown", {"kind": "assignment", "holder": BOB, "role": "nobody"}),
        ("account_unknown", {"kind": "assignment", "holder": "account/acc_nobody", "role": "zebra"}),
        ("fact_invalid", {"kind": "label", "of": BOB, "level": 1001}),
        ("roles_exclude_each_other", {"kind": "assignment", "holder": BOB, "role": "editor"}),
        ("may_not_share", SHARE | {"id": "s3", "by": BOB, "to": CAROL, "under": "s3"}),
    ],
)
async def test_of_several_facts_the_one_that_is_refused_is_named(code: str, fact: dict[str, object]) -> None:
    world = await model(*FACTS)
    before = len(world.store.rows)
    with pytest.raises(Refusal) as refusal:
        await world.say({"kind": "group", "id": "new"}, fact, {"kind": "group", "id": "newer"})
    assert (refusal.value.code, refusal.value.detail[:9]) == (code, "write 2: ")
    with pytest.raises(Refusal) as refusal:
        await world.unsay({"kind": "group", "id": "staff"}, {"kind": "group", "id": "absent"})
    assert refusal.value.detail.startswith("remove 1: ")
    assert len(world.store.rows) == before


def said(facts: list[Fact]) -> list[dict[str, object]]:
    return [write(fact) for fact in facts]


async def test_all_that_speaks_of_a_thing_is_found_and_nothing_else() -> None:
    world = await model(*FACTS, {"kind": "action", "pattern": "document.print", "mode": "reads"})
    every = [write(one) for one in world.memory.facts.every()]
    for thing in ("role/zebra", "role/editor", "group/staff", ALICE, CAROL, "document/9", "folder/7"):
        kind, _, name = thing.partition("/")
        names = {thing, name} if kind in ("role", "group") else {thing}
        wanted = [fact for fact in every if _mentions(fact, names)]
        found = said(list(about(thing, world.memory.facts)))
        assert sorted(map(str, found)) == sorted(map(str, wanted)), thing
        assert len(found) >= 2
    (printing,) = about("action/document.print", world.memory.facts)
    assert write(printing) == {"kind": "action", "pattern": "document.print", "mode": "reads"}
    assert about("document/10", world.memory.facts) == []


def _mentions(fact: dict[str, object], names: set[str]) -> bool:
    values = [value for name, value in fact.items() if name not in ("kind", "actions")]
    return any(one in names for value in values for one in (value if isinstance(value, list | tuple) else [value]))
