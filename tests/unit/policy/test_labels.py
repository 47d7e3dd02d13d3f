"""Labels: no read up, no write down, and nothing that overrides it."""

import pytest

from eventlog.errors import Refusal
from services.policy.domain.spelled import read
from tests.unit.policy.world import OPERATOR, World

ALICE = "account/acc_alice"
SECRET = {"kind": "label", "of": "document/9", "level": 3, "categories": ["finance"]}


@pytest.fixture
async def world() -> World:
    """Alice may do everything, as far as roles and ownership go."""
    world = World()
    world.meet("acc_alice")
    await world.say({"kind": "role", "name": "administrator", "actions": ["*"]})
    await world.say({"kind": "assignment", "holder": ALICE, "role": "administrator"})
    await world.say({"kind": "owner", "resource": "document/9", "owner": ALICE})
    return world


async def test_nobody_reads_up_whatever_their_roles(world: World) -> None:
    assert world.may(ALICE, "document.read", "document/9") == "allowed"
    await world.say(SECRET)
    assert world.may(ALICE, "document.read", "document/9") == "label_forbids"
    await world.say({"kind": "label", "of": ALICE, "level": 3})
    assert world.may(ALICE, "document.read", "document/9") == "label_forbids"
    await world.say({"kind": "label", "of": ALICE, "level": 4, "categories": ["finance", "law"]})
    assert world.may(ALICE, "document.read", "document/9") == "allowed"


async def test_nobody_writes_down_whatever_their_roles(world: World) -> None:
    await world.say({"kind": "action", "pattern": "document.append_line", "mode": "writes"})
    await world.say({"kind": "label", "of": ALICE, "level": 4, "categories": ["law"]})
    assert world.may(ALICE, "document.append", "document/9") == "label_forbids"
    await world.say(SECRET | {"level": 4, "categories": ["finance", "law"]})
    assert world.may(ALICE, "document.append", "document/9") == "allowed"
    assert world.may(ALICE, "document.append_line", "document/9") == "allowed"
    assert world.may(ALICE, "document.append_line", "document/10") == "label_forbids"


async def test_an_action_of_which_nothing_is_said_counts_as_both(world: World) -> None:
    await world.say({"kind": "label", "of": "document/9", "level": 1})
    assert world.may(ALICE, "document.print", "document/9") == "label_forbids"
    await world.say({"kind": "label", "of": ALICE, "level": 2})
    assert world.may(ALICE, "document.print", "document/9") == "label_forbids"
    await world.say({"kind": "action", "pattern": "document.*", "mode": "reads"})
    assert world.may(ALICE, "document.print", "document/9") == "allowed"


async def test_a_resource_is_as_secret_as_that_in_which_it_lies(world: World) -> None:
    await world.say({"kind": "parent", "resource": "document/9", "parent": "folder/7"})
    await world.say({"kind": "label", "of": "folder/7", "level": 5, "categories": ["law"]})
    await world.say({"kind": "label", "of": ALICE, "level": 5})
    assert world.may(ALICE, "document.read", "document/9") == "label_forbids"
    await world.say({"kind": "label", "of": ALICE, "level": 5, "categories": ["law"]})
    assert world.may(ALICE, "document.read", "document/9") == "allowed"


async def test_a_group_gives_no_label(world: World) -> None:
    await world.say({"kind": "group", "id": "staff"})
    await world.say({"kind": "membership", "member": ALICE, "group": "staff"})
    await world.say({"kind": "label", "of": "group/staff", "level": 9})
    await world.say({"kind": "label", "of": "document/9", "level": 1})
    assert world.may(ALICE, "document.read", "document/9") == "label_forbids"


async def test_the_suites_own_administration_touches_nothing_that_has_a_label(world: World) -> None:
    await world.say({"kind": "label", "of": ALICE, "level": 9})
    for action in ("policy.role.define", "policy.label.set", "identity.account.disable", "token.revoke"):
        assert world.may(ALICE, action, "suite/policy") == "allowed"
        assert world.may(ALICE, action) == "allowed"
    assert world.may(ALICE, "document.write", "suite/policy") == "label_forbids"


async def test_labels_bind_what_is_called_as_administration_on_anything_but_the_suite(world: World) -> None:
    await world.say(SECRET)
    for action in ("policy.read", "policy.label.set", "token.issue", "identity.account.find"):
        assert world.may(ALICE, action, "document/9") == "label_forbids"
    await world.say({"kind": "label", "of": ALICE, "level": 4, "categories": ["finance"]})
    assert world.may(ALICE, "policy.read", "document/9") == "allowed"
    assert world.may(ALICE, "policy.append", "document/9") == "label_forbids"
    await world.say({"kind": "action", "pattern": "policy.append", "mode": "neither"})
    assert world.may(ALICE, "policy.append", "document/9") == "allowed"


async def test_the_suite_takes_no_label_and_one_that_it_had_shuts_nobody_out(world: World) -> None:
    label = {"kind": "label", "of": "suite/policy", "level": 9}
    with pytest.raises(Refusal) as refused:
        await world.say(label)
    assert refused.value.code == "suite_has_no_label"
    await world.commands.write(OPERATOR, [read(label)], restored=True)
    await world.settle()
    assert world.may(ALICE, "policy.label.set", "suite/policy") == "allowed"
    await world.unsay(label)
