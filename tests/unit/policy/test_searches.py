"""Who, on what, and what: a search finds what a check of each would allow."""

import pytest

from eventlog.errors import Refusal
from services.policy.domain.entities import Entity, Question
from services.policy.projections import AccountDisabled
from services.policy.queries import Moment
from services.policy.queries.search import Wanted
from tests.unit.policy.told import told
from tests.unit.policy.world import World

ALICE, BOB = "account/acc_alice", "account/acc_bob"


@pytest.fixture
async def world() -> World:
    world = World()
    world.meet("acc_alice", "acc_bob")
    await world.say({"kind": "role", "name": "viewer", "actions": ["document.read"]}, {"kind": "group", "id": "staff"})
    await world.say({"kind": "role", "name": "editor", "actions": ["document.write"], "inherits": ["viewer"]})
    await world.say({"kind": "membership", "member": ALICE, "group": "staff"})
    await world.say({"kind": "assignment", "holder": "group/staff", "role": "editor", "resource": "folder/7"})
    await world.say(
        *({"kind": "parent", "resource": f"document/{number}", "parent": "folder/7"} for number in range(5)),
        {"kind": "owner", "resource": "document/own", "owner": BOB},
        {"kind": "label", "of": "document/4", "level": 1},
    )
    share = {
        "kind": "share",
        "id": "s",
        "resource": "document/own",
        "by": BOB,
        "to": ALICE,
        "actions": ["document.read"],
    }
    await world.say(share)
    return world


def asked(subject: str = ALICE, action: str = "document.read", resource: str = "document/1") -> Question:
    return Question(Entity.of(subject), action, Entity.of(resource))


async def test_resources_are_found_where_they_lie_are_owned_or_shared(world: World) -> None:
    found = await world.searches.resources("document", asked(), Wanted())
    assert list(found.found) == ["document/0", "document/1", "document/2", "document/3", "document/own"]
    assert list((await world.searches.resources("document", asked(BOB), Wanted())).found) == ["document/own"]
    assert list((await world.searches.resources("folder", asked(), Wanted())).found) == ["folder/7"]


async def test_subjects_are_found_through_groups_owners_and_shares(world: World) -> None:
    assert list((await world.searches.subjects("account", asked(), Wanted())).found) == [ALICE]
    own = asked(resource="document/own")
    assert list((await world.searches.subjects("account", own, Wanted())).found) == [ALICE, BOB]
    assert list((await world.searches.subjects("group", asked(), Wanted())).found) == ["group/staff"]


async def test_actions_are_those_that_are_named_and_allowed(world: World) -> None:
    assert list((await world.searches.actions(asked(), Wanted())).found) == ["document.read", "document.write"]
    assert list((await world.searches.actions(asked(resource="document/own"), Wanted())).found) == ["document.read"]
    assert list((await world.searches.actions(asked(BOB), Wanted())).found) == []


async def test_pages_add_up_to_the_whole(world: World) -> None:
    found: list[str] = []
    wanted = Wanted(size=2)
    for _ in range(3):
        page = await world.searches.resources("document", asked(), wanted)
        found += page.found
        wanted = Wanted(size=2, after=page.next)
    assert found == ["document/0", "document/1", "document/2", "document/3", "document/own"]
    assert page.next == ""


@pytest.mark.parametrize("size", [0, -1, 1001])
async def test_a_page_has_a_size(world: World, size: int) -> None:
    with pytest.raises(Refusal) as refusal:
        await world.searches.resources("document", asked(), Wanted(size=size))
    assert refusal.value.code == "page_size_invalid"


async def test_who_is_disabled_is_not_found(world: World) -> None:
    world.at_identity(AccountDisabled(account_id="acc_alice"))
    assert list((await world.searches.subjects("account", asked(), Wanted())).found) == []


def box(number: int) -> dict[str, object]:
    return {"kind": "parent", "resource": f"box/{number}", "parent": f"box/{number + 1}"}


async def test_nothing_is_found_where_resources_lie_deeper_than_a_decision_looks(world: World) -> None:
    """As two processes may have put them there at once."""
    await world.say({"kind": "assignment", "holder": ALICE, "role": "viewer"})
    await world.say(*(box(number) for number in range(20, 39)))
    for some in (range(19), [19]):
        await told(world, [box(number) for number in some])
    await world.settle()
    deep = asked(resource="box/0")
    assert world.may(ALICE, "document.read", "box/0") == "failed"
    for wanted in (Wanted(), Wanted(moment=Moment(world.clock.time))):
        assert not (await world.searches.subjects("account", deep, wanted)).found
        assert not (await world.searches.actions(deep, wanted)).found


async def test_what_others_lie_in_is_not_put_deeper_than_a_decision_looks(world: World) -> None:
    for some in (range(19), range(20, 39)):
        await world.say(*(box(number) for number in some))
    with pytest.raises(Refusal) as refusal:
        await world.say(box(19))
    assert refusal.value.code == "resource_too_deep"
    await world.say(box(19) | {"parent": "box/28"})
    await world.say({"kind": "assignment", "holder": ALICE, "role": "viewer"})
    assert world.may(ALICE, "document.read", "box/0") == "allowed"
    with pytest.raises(Refusal):
        await world.say(box(19) | {"parent": "box/27"})
