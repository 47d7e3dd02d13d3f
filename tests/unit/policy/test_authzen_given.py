"""What a request says besides reaches an organization's policies as context.given, and nothing else of it does."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from services.policy.projections import SessionStarted
from tests.unit.policy.door import Door, opened, persons
from tests.unit.policy.world import World

SCHEMA = """
type Said = { status?: String, role?: String, soft?: Bool };
type Given = {
  ip?: String,
  watchword?: {},
  subject?: { properties: Said },
  action?: { properties: Said },
  resource?: { properties: Said }
};
entity record;
action "record.*" in ["*"];
action "record.write", "record.delete", "record.enter", "record.sign", "record.peep" in ["record.*"]
appliesTo { principal: [account], resource: [record], context: Asked };
"""
POLICIES = """
forbid(principal, action == Action::"record.write", resource)
when {
  context.given has resource && context.given.resource.properties has status &&
  context.given.resource.properties.status == "archived"
}
unless {
  context.given has subject && context.given.subject.properties has role &&
  context.given.subject.properties.role == "admin"
};

permit(principal, action == Action::"record.delete", resource)
when {
  context.given has action && context.given.action.properties has soft && context.given.action.properties.soft
};

permit(principal, action == Action::"record.enter", resource)
when { context.given has ip && context.given.ip == "192.0.2.7" };

permit(principal, action == Action::"record.sign", resource)
when { context has acr && context.acr == "urn:example:two" };

permit(principal, action == Action::"record.peep", resource)
when { context.given has watchword || context.given has subject };
"""
ALICE, BOB = {"type": "account", "id": "acc_alice"}, {"type": "account", "id": "acc_bob"}
ONE = {"type": "record", "id": "record-1"}
ARCHIVED = {"type": "record", "id": "record-2", "properties": {"status": "archived"}}
ADMINISTERS = BOB | {"properties": {"role": "admin"}}


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    world = World(policies=POLICIES, schema=SCHEMA)
    world.meet("acc_alice", "acc_bob")
    await world.say({"kind": "role", "name": "writer", "actions": ["record.write"]})
    await world.say(
        *({"kind": "assignment", "holder": f"account/{who}", "role": "writer"} for who in ("acc_alice", "acc_bob"))
    )
    async with opened(world) as door:
        yield door


def asks(subject: Any, action: str, resource: Any, **more: Any) -> dict[str, Any]:
    return {"subject": subject, "action": {"name": f"record.{action}"}, "resource": resource} | more


async def code(door: Door, *asked: Any, **more: Any) -> str:
    return str((await door.evaluate(asks(*asked, **more)))["context"]["code"])


async def test_properties_of_subject_action_and_resource_count(door: Door) -> None:
    assert await code(door, ALICE, "write", ONE) == "allowed"
    assert await code(door, ALICE, "write", ARCHIVED) == "forbidden_by_policy"
    assert await code(door, ADMINISTERS, "write", ARCHIVED) == "allowed"
    for soft, expected in ((True, "allowed"), (False, "no_matching_role")):
        delete = {"name": "record.delete", "properties": {"soft": soft}}
        answer = await door.evaluate(asks(ALICE, "", ONE) | {"action": delete})
        assert answer["context"]["code"] == expected


async def test_properties_count_for_each_of_many(door: Door) -> None:
    body = {
        "action": {"name": "record.write"},
        "resource": ARCHIVED,
        "evaluations": [{"subject": ALICE}, {"subject": ADMINISTERS}],
    }
    answer = (await door.ask("/access/v1/evaluations", body)).json()
    assert [one["decision"] for one in answer["evaluations"]] == [False, True]


async def test_the_context_counts_as_it_is_said(door: Door) -> None:
    assert await code(door, ALICE, "enter", ONE, context={"ip": "192.0.2.7"}) == "allowed"
    assert await code(door, ALICE, "enter", ONE, context={"ip": "192.0.2.8"}) == "no_matching_role"
    search = asks(ALICE, "enter", {"type": "record"}, context={"ip": "192.0.2.7"})
    assert (await door.ask("/access/v1/search/resource", search)).status_code == 200


async def test_what_is_watchwords_own_and_what_is_called_as_the_subject_no_policy_sees(door: Door) -> None:
    door.world.at_identity(SessionStarted(session_id="ses_1", account_id=ALICE["id"]))
    ours = {"watchword": {"session_id": "ses_1"}, "subject": {"properties": {"role": "admin"}}}
    assert await code(door, ALICE, "peep", ONE, context=ours) == "no_matching_role"
    assert await code(door, ALICE, "write", ARCHIVED, context=ours) == "forbidden_by_policy"
    assert await code(door, ADMINISTERS, "peep", ONE) == "allowed"


async def test_where_a_token_says_who_it_is_the_bodys_properties_of_it_are_ignored(door: Door) -> None:
    ours = {"watchword": {"access_token": persons("acc_bob")}}
    assert await code(door, ADMINISTERS, "write", ARCHIVED, context=ours) == "forbidden_by_policy"
    assert await code(door, ADMINISTERS, "peep", ONE, context=ours) == "no_matching_role"


async def test_the_login_is_read_from_the_token_and_a_better_one_is_asked_for(door: Door) -> None:
    body = asks(ALICE, "sign", ONE, context={"acr": "urn:example:two"})
    denied = (await door.evaluate(body))["context"]
    assert (denied["code"], denied["acr"]) == ("insufficient_acr", "urn:example:two")
    for acr, expected in (("urn:example:one", "insufficient_acr"), ("urn:example:two", "allowed")):
        ours = {"watchword": {"access_token": persons("acc_alice", acr=acr)}}
        assert await code(door, ALICE, "sign", ONE, context=ours) == expected
