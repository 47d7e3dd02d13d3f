"""However a thing is called, and whatever else it is: what policies say of it is heard."""

from itertools import pairwise

import pytest

from eventlog.errors import Refusal
from services.policy.domain.decision import decide
from services.policy.domain.entities import Entity, Question
from services.policy.domain.rules.engine import Rules
from services.policy.domain.spelled import read
from tests.harness.policy_models import NOW_US
from tests.harness.policy_reference import Fact
from tests.unit.policy.told import Told
from tests.unit.policy.world import ALICE, OPERATOR, World

ROOT: list[Fact] = [
    {"kind": "role", "name": "root", "actions": ["*"]},
    {"kind": "assignment", "holder": "account/acc_1", "role": "root"},
]
FROZEN = 'forbid (principal, action, resource in place::"frozen");'


@pytest.mark.parametrize(
    "type_", ["my-document", "a--b", "a_b", "if", "then", "else", "true", "false", "in", "is", "like", "has", "grant"]
)
@pytest.mark.parametrize("id_", ["1", 'a"b', "a\\b", "::", "*", "é"])
def test_any_type_and_any_id_is_decided_by_what_was_given(type_: str, id_: str) -> None:
    service = Told.of([*ROOT, {"kind": "owner", "resource": f"{type_}/{id_}", "owner": "client/billing"}])
    assert service.code("document.print", Entity("account", "acc_1"), Entity(type_, id_)) == "allowed"
    assert service.code("document.print", Entity("client", "billing"), Entity(type_, id_)) == "allowed"
    assert service.code("document.print", Entity("client", "other"), Entity(type_, id_)) == "no_matching_role"


@pytest.mark.parametrize(
    "chain",
    [
        ["document/1", "place/frozen"],
        ["account/acc_1", "place/frozen"],
        ["account/acc_1", "place/cold", "place/frozen"],
        ["document/1", "account/acc_1", "place/frozen"],
        ["document/1", "group/staff", "place/frozen"],
        ["group/staff", "account/acc_1", "place/frozen"],
        ["my-document/1", "place/frozen"],
    ],
)
def test_what_a_policy_forbids_in_a_place_is_forbidden_of_whatever_lies_there(chain: list[str]) -> None:
    """Also where the resource, or what it lies in, is the subject itself or a group of it."""
    facts: list[Fact] = [
        {"kind": "group", "id": "staff"},
        {"kind": "membership", "member": "account/acc_1", "group": "staff"},
    ]
    facts += [{"kind": "parent", "resource": inner, "parent": outer} for inner, outer in pairwise(chain)]
    service = Told.of([*ROOT, *facts])
    asked = Question(Entity("account", "acc_1"), "document.print", Entity.of(chain[0]))
    assert decide(asked, service.memory, Rules.of(), NOW_US).code == "allowed"
    assert decide(asked, service.memory, Rules.checked(FROZEN), NOW_US).code == "forbidden_by_policy"


@pytest.mark.parametrize("name", ["role 0", "owner 0", "share 0"])
def test_no_resource_is_taken_for_what_permits(name: str) -> None:
    """Else the subject would be in all that this lies in: in a group of which it is no member."""
    facts: list[Fact] = [
        {"kind": "parent", "resource": "document/1", "parent": f"grant/{name}"},
        {"kind": "parent", "resource": f"grant/{name}", "parent": "group/admins"},
        {"kind": "owner", "resource": "document/1", "owner": "account/acc_1"},
        {"kind": "share", "id": "s", "resource": "document/1", "by": "account/acc_1", "to": "account/acc_1"}
        | {"actions": ["document.print"]},
    ]
    service = Told.of([*ROOT, *facts])
    asked = Question(Entity("account", "acc_1"), "document.print", Entity("document", "1"))
    alone = Rules.checked('forbid (principal, action, resource) unless { principal in group::"admins" };')
    assert decide(asked, service.memory, alone, NOW_US).code == "forbidden_by_policy"


def test_no_resource_is_taken_for_everything() -> None:
    service = Told.of([])
    anywhere = Rules.checked("permit (principal, action, resource is everything);")
    question = Question(Entity("client", "billing"), "print")
    named = Question(Entity("client", "billing"), "print", Entity("everything", "1"))
    assert decide(question, service.memory, anywhere, NOW_US).code == "allowed"
    assert decide(named, service.memory, anywhere, NOW_US).code == "no_matching_role"


@pytest.mark.parametrize(
    ("there", "new"), [("my_type", "my-type"), ("a-b_c", "a_b-c"), ("in_", "in"), ("grant", "grant_")]
)
async def test_a_type_that_cedar_could_not_tell_from_another_is_refused(there: str, new: str) -> None:
    world = World()
    world.meet(ALICE.id)
    owned = {"kind": "owner", "owner": str(ALICE)}
    await world.say(owned | {"resource": f"{there}/1"}, owned | {"resource": f"{there}/2"})
    twins: list[Fact] = [
        owned | {"resource": f"{new}/1"},
        {"kind": "parent", "resource": "document/1", "parent": f"{new}/1"},
        {"kind": "label", "of": f"{new}/1", "level": 3},
    ]
    for fact in twins:
        with pytest.raises(Refusal, match=there) as refused:
            await world.say(fact)
        assert refused.value.code == "type_ambiguous"
    await world.unsay({"kind": "owner", "resource": f"{there}/1"}, {"kind": "owner", "resource": f"{there}/2"})
    await world.say(*twins)
    with pytest.raises(Refusal, match="write 2: "):
        await world.say(owned | {"resource": "one/1"}, owned | {"resource": f"{there}/1"})


async def test_a_type_that_was_acknowledged_a_moment_ago_is_there() -> None:
    world = World()
    one, other = (read({"kind": "label", "of": f"{kind}/1", "level": 3}) for kind in ("my-type", "my_type"))
    await world.commands.write(OPERATOR, [one])  # of which this process does not know yet
    with pytest.raises(Refusal) as refused:
        await world.commands.write(OPERATOR, [other])
    assert refused.value.code == "type_ambiguous"


async def test_two_such_types_in_one_change_are_refused_and_restored_as_they_stood() -> None:
    world = World()
    both: list[Fact] = [{"kind": "label", "of": f"{one}/1", "level": 3} for one in ("my-type", "my_type")]
    with pytest.raises(Refusal, match="write 2: my_type would be my-type") as refused:
        await world.say(*both)
    assert refused.value.code == "type_ambiguous"
    await world.commands.write(OPERATOR, [read(one) for one in both], restored=True)
    await world.settle()
    await world.say(*({"kind": "label", "of": f"{one}/2", "level": 3} for one in ("my-type", "my_type")))
