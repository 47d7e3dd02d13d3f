"""AuthZEN: many questions in one request, in their order, with what is said once."""

import json
from typing import Any

import httpx2
import pytest

from tests.unit.policy.door import EVALUATE, Door, own
from tests.unit.policy.evaluations import ALICE, BOB, EIGHT, MANY, MAY, READ, SEVEN, WRITE, door

__all__ = ["door"]


async def test_many_are_answered_in_their_order_with_what_is_said_once(door: Door) -> None:
    items = [{"action": READ}, {"action": WRITE}, {"subject": BOB, "action": READ}, {"action": READ, "resource": EIGHT}]
    answer = await door.ask(MANY, {"subject": ALICE, "resource": SEVEN, "evaluations": items})
    assert answer.status_code == 200
    assert [one["decision"] for one in answer.json()["evaluations"]] == [True, False, False, False]
    assert set(answer.json()) == {"evaluations"}


async def test_an_evaluations_own_entity_stands_in_place_of_the_default_but_for_what_it_lacks(door: Door) -> None:
    body = {
        "subject": ALICE,
        "action": READ,
        "resource": {"type": "document", "properties": {"status": "secret"}},
        "evaluations": [{"resource": {"id": "7"}}, {"resource": EIGHT}, {"resource": {"id": 7}}, {}],
    }
    answer = (await door.ask(MANY, body)).json()["evaluations"]
    assert [one["context"]["code"] for one in answer] == ["allowed", "no_matching_role", "malformed", "malformed"]


@pytest.mark.parametrize(
    ("semantic", "decisions"),
    [
        (None, [True, False, True, False]),
        ("execute_all", [True, False, True, False]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
async def test_evaluations_end_where_it_was_asked(door: Door, semantic: str | None, decisions: list[bool]) -> None:
    items = [{"action": READ}, {"action": WRITE}, {"action": READ}, {"action": WRITE}]
    options = {"another": 1} if semantic is None else {"evaluations_semantic": semantic}
    body = {"subject": ALICE, "resource": SEVEN, "evaluations": items, "options": options}
    answer = (await door.ask(MANY, body)).json()["evaluations"]
    assert [one["decision"] for one in answer] == decisions


async def test_what_denies_is_an_end_also_where_it_is_no_question(door: Door) -> None:
    body = {"evaluations": [{}, MAY], "options": {"evaluations_semantic": "deny_on_first_deny"}}
    assert len((await door.ask(MANY, body)).json()["evaluations"]) == 1
    body["options"] = {"evaluations_semantic": "permit_on_first_permit"}
    assert [one["decision"] for one in (await door.ask(MANY, body)).json()["evaluations"]] == [False, True]


async def test_one_that_is_no_question_denies_itself_alone(door: Door) -> None:
    items = [MAY, {}, "x", None, 5, MAY | {"subject": "alice"}, MAY | {"context": {"watchword": 5}}, MAY]
    answer = (await door.ask(MANY, {"evaluations": items})).json()["evaluations"]
    assert [one["decision"] for one in answer] == [True, *[False] * 6, True]
    for one in answer[1:-1]:
        assert one["context"]["code"] == "malformed"
        assert one["context"]["error"]["status"] == 400
        assert one["context"]["error"]["message"]


async def escaped(door: Door, body: Any) -> httpx2.Response:
    """Asked with each character beyond ASCII escaped."""
    headers = {"Authorization": f"Bearer {own(EVALUATE)}", "Content-Type": "application/json"}
    return await door.client.post(MANY, content=json.dumps(body), headers=headers)


@pytest.mark.parametrize("text", ["\0", "\ud800", "a\udfff"])
async def test_one_with_a_text_that_is_none_denies_itself_alone(door: Door, text: str) -> None:
    items = [MAY | {"resource": {"type": "document", "id": text}}, MAY | {"context": {"a": [{text: 1}]}}, MAY]
    answer = (await escaped(door, {"evaluations": items})).json()["evaluations"]
    assert [one["context"]["code"] for one in answer] == ["malformed", "malformed", "allowed"]
    assert [one["context"]["error"]["status"] for one in answer[:-1]] == [400, 400]
    for body in (MAY | {"more": text, "evaluations": [MAY]}, MAY | {"context": {"a": text}}):
        wrong = await escaped(door, body)
        assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_request")


async def test_what_escapes_good_texts_is_answered_as_ever(door: Door) -> None:
    answer = (await escaped(door, {"evaluations": [MAY, {}], "more": "\N{GRINNING FACE}"})).json()["evaluations"]
    assert [one["decision"] for one in answer] == [True, False]


@pytest.mark.parametrize("evaluations", [{}, {"evaluations": []}, {"evaluations": None}])
async def test_without_evaluations_there_is_one(door: Door, evaluations: dict[str, Any]) -> None:
    assert (await door.ask(MANY, MAY | evaluations)).json() == await door.evaluate(MAY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"evaluations": {}},
        {"evaluations": [MAY], "subject": "alice"},
        {"evaluations": [MAY], "options": {"evaluations_semantic": "at_random"}},
        {"evaluations": [MAY], "options": {"evaluations_semantic": ""}},
        {"evaluations": [MAY], "options": []},
        {"evaluations": [MAY], "context": {"watchword": {"as_of": 5}}},
        {"evaluations": [{}] * 1001},
    ],
)
async def test_what_is_wrong_for_all_is_400(door: Door, wrong: dict[str, Any]) -> None:
    answer = await door.ask(MANY, wrong)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
