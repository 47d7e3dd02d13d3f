"""Facts over REST: written together or not at all, read a page at a time, by administrators alone."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from chassis.rpc import Acting
from chassis.rpc.callers import Caller
from eventlog.errors import Refusal
from services.policy.api.administrators import labelling
from tests.unit.policy.door import ADMIN, EVALUATE, SEARCH, Door, opened, own, persons
from tests.unit.policy.world import World
from tests.unit.sdk.fakes import ISSUER

ROLE: dict[str, Any] = {"kind": "role", "name": "viewer", "actions": ["document.read"]}
HELD: dict[str, Any] = {"kind": "assignment", "holder": "service/billing", "role": "viewer", "resource": "document/7"}
LABEL: dict[str, Any] = {"kind": "label", "of": "document/9", "level": 3, "categories": ["finance"]}


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    """acc_alice administers all, acc_bob all but labels."""
    world = World()
    world.meet("acc_alice", "acc_bob")
    await world.say(
        {"kind": "role", "name": "administrator", "actions": ["*"]},
        {"kind": "role", "name": "clerk", "actions": ["policy.facts.*"]},
        {"kind": "assignment", "holder": "account/acc_alice", "role": "administrator"},
        {"kind": "assignment", "holder": "account/acc_bob", "role": "clerk"},
    )
    async with opened(world) as door:
        yield door


def as_(account_id: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {persons(account_id, ADMIN, aud=ISSUER)}"}


async def change(door: Door, account_id: str = "acc_alice", **body: Any) -> httpx2.Response:
    answer = await door.client.post("/v1/facts", json=body, headers=as_(account_id))
    await door.world.settle()
    return answer


async def listed(door: Door, **query: Any) -> dict[str, Any]:
    answer = await door.client.get("/v1/facts", params=query, headers=as_("acc_bob"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_facts_are_made_so_and_not_so_in_one_change(door: Door) -> None:
    before = door.world.policy.applied
    made = await change(door, write=[ROLE, HELD])
    assert (made.status_code, made.json()) == (200, {"position": before + 2})
    assert made.headers["watchword-position"] == f"policy={before + 2}"
    assert door.world.may("service/billing", "document.read", "document/7") == "allowed"
    assert {row.actor for row in door.world.store.rows[before:]} == {"acc_alice"}
    gone = await change(door, remove=[{**HELD}], write=[ROLE | {"actions": ["document.write"]}])
    assert gone.status_code == 200
    assert door.world.may("service/billing", "document.read", "document/7") == "no_matching_role"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "too_many_facts"),
        ({"write": [{"kind": "group", "id": "g"}] * 1001}, 400, "too_many_facts"),
        ({"write": [ROLE], "and": []}, 422, "invalid_request"),
        ({"write": ["role"]}, 422, "invalid_request"),
        ({"write": [{"kind": "rule"}]}, 400, "fact_invalid"),
        ({"write": [ROLE | {"title": "x"}]}, 400, "fact_invalid"),
        ({"write": [ROLE | {"name": "Viewer"}]}, 400, "role_name_invalid"),
        ({"write": [ROLE, HELD | {"expires_at": "soon"}]}, 400, "fact_invalid"),
        ({"write": [ROLE, HELD | {"expires_at": "1971-01-01T00:00:00Z"}]}, 400, "expiry_in_the_past"),
        ({"write": [ROLE, HELD | {"role": "editor"}]}, 404, "role_unknown"),
        ({"write": [ROLE, HELD | {"holder": "account/acc_nobody"}]}, 404, "account_unknown"),
        ({"write": [ROLE | {"inherits": ["viewer"]}]}, 409, "role_cycle"),
        ({"write": [ROLE], "remove": [HELD]}, 404, "not_assigned"),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_of_it_is_so(door: Door, body: Any, status: int, code: str) -> None:
    before = len(door.world.store.rows)
    answer = await change(door, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert len(door.world.store.rows) == before


async def test_administrators_alone_write_and_read_facts(door: Door) -> None:
    nobody = {"Authorization": f"Bearer {persons('acc_carol', ADMIN, aud=ISSUER)}"}
    without = {"Authorization": f"Bearer {persons('acc_alice', 'watchword:account', aud=ISSUER)}"}
    machine = {"Authorization": f"Bearer {own(f'{EVALUATE} {SEARCH}')}"}
    for headers, status, code in (
        ({}, 401, "authentication_required"),
        (nobody, 403, "not_allowed"),
        (without, 403, "insufficient_scope"),
        (machine, 403, "insufficient_scope"),
    ):
        written = await door.client.post("/v1/facts", json={"write": [ROLE]}, headers=headers)
        read = await door.client.get("/v1/facts", headers=headers)
        assert (written.status_code, written.json()["code"]) == (status, code)
        assert (read.status_code, read.json()["code"]) == (status, code)


async def test_to_set_or_clear_a_label_is_an_action_of_its_own(door: Door) -> None:
    assert (await change(door, "acc_bob", write=[ROLE])).status_code == 200
    assert (await change(door, "acc_alice", write=[LABEL])).status_code == 200
    for body in ({"write": [ROLE, LABEL | {"level": 0}]}, {"remove": [{"kind": "label", "of": "document/9"}]}):
        refused = await change(door, "acc_bob", **body)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert LABEL in (await listed(door, kind="label"))["facts"]


@pytest.mark.parametrize(
    ("write", "remove"),
    [
        ([{"kind": "action", "pattern": "document.*", "mode": "neither"}], []),
        ([], [{"kind": "action", "pattern": "document.print"}]),
        ([{"kind": "parent", "resource": "page/1", "parent": "folder/7"}], []),
        ([], [{"kind": "parent", "resource": "page/1"}]),
        ([{"kind": "parent", "resource": "page/2", "parent": "page/1"}], [{"kind": "parent", "resource": "page/1"}]),
    ],
)
async def test_what_takes_from_a_label_is_the_same_action(door: Door, write: list[Any], remove: list[Any]) -> None:
    said = {"kind": "action", "pattern": "document.print", "mode": "reads"}
    place = {"kind": "parent", "resource": "page/1", "parent": "document/9"}
    assert (await change(door, "acc_alice", write=[LABEL, said, place])).status_code == 200
    refused = await change(door, "acc_bob", write=write, remove=remove)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert (await change(door, "acc_alice", write=write, remove=remove)).status_code == 200


async def test_a_label_that_was_acknowledged_a_moment_ago_is_not_taken_from_either(door: Door) -> None:
    place = {"kind": "parent", "resource": "page/1", "parent": "document/9"}
    assert (await change(door, "acc_bob", write=[place])).status_code == 200
    for account_id, body, status in (
        ("acc_alice", {"write": [LABEL]}, 200),
        ("acc_bob", {"remove": [place]}, 403),
        ("acc_bob", {"write": [place | {"parent": "folder/7"}]}, 403),
    ):  # of nothing in between does this process know yet
        answer = await door.client.post("/v1/facts", json=body, headers=as_(account_id))
        assert answer.status_code == status


async def test_who_sets_no_labels_moves_what_loses_none(door: Door) -> None:
    secret, more = ({"kind": "label", "of": f"folder/{level}", "level": level} for level in (1, 2))
    place = {"kind": "parent", "resource": "page/1", "parent": "folder/1"}
    assert (await change(door, "acc_alice", write=[secret, more, place])).status_code == 200
    assert (await change(door, "acc_bob", write=[place | {"parent": "folder/2"}])).status_code == 200
    assert (await change(door, "acc_bob", write=[place])).status_code == 403


async def test_over_grpc_a_label_is_set_by_who_may_and_by_an_operators_certificate(door: Door) -> None:
    may_label = labelling(door.bearers)
    backend, operator = Caller("backend", "demo", "f"), Caller("operator", "admin", "f")
    await may_label(Acting(operator, operator.label, administrator=True))
    for account_id, allowed in (("acc_alice", True), ("acc_bob", False)):
        bearer = as_(account_id)["Authorization"].removeprefix("Bearer ")
        acting = Acting(backend, account_id, administrator=True, bearer=bearer)
        assert bearer not in repr(acting)
        if allowed:
            await may_label(acting)
        else:
            with pytest.raises(Refusal) as refusal:
                await may_label(acting)
            assert refusal.value.code == "not_allowed"


async def test_facts_are_read_as_they_are_written_a_page_at_a_time(door: Door) -> None:
    ends = HELD | {"expires_at": "1990-01-01T00:00:00.000000Z"}
    many = [{"kind": "group", "id": f"g{number}"} for number in range(5)]
    await change(door, write=[ROLE, ends, LABEL, *many])
    everything = await listed(door)
    assert (len(everything["facts"]), everything["next_page_token"]) == (12, "")
    assert everything["position"] == door.world.policy.applied
    for fact in (ROLE, ends, LABEL, *many):
        assert fact in everything["facts"]
    assert (await listed(door, kind="group"))["facts"] == many
    got: list[Any] = []
    page: dict[str, Any] = {"kind": "group", "page_size": 2}
    while True:
        found = await listed(door, **page)
        assert len(found["facts"]) <= 2
        got += found["facts"]
        if not found["next_page_token"]:
            break
        page["page_token"] = found["next_page_token"]
    assert got == many


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"kind": "rule"}, 422, "invalid_request"),
        ({"page_size": 0}, 422, "invalid_request"),
        ({"page_size": 1001}, 422, "invalid_request"),
        ({"page_token": "ä"}, 400, "page_token_invalid"),
        ({"page_token": "YQBi"}, 400, "page_token_invalid"),
        ({"page_token": "7aCA"}, 400, "page_token_invalid"),
    ],
)
async def test_what_is_no_page_is_refused(door: Door, query: dict[str, Any], status: int, code: str) -> None:
    answer = await door.client.get("/v1/facts", params=query, headers=as_("acc_alice"))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
