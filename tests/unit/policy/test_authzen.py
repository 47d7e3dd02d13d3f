"""AuthZEN Authorization API 1.0: one question, and what is answered to what is no question."""

import json
from typing import Any

import pytest

from tests.unit.policy.door import EVALUATE, SEARCH, URL, Door, own
from tests.unit.policy.evaluations import ALICE, ASKING, LOOKING, MANY, MAY, MAY_NOT, ONE, READ, SEVEN, door

__all__ = ["door"]


async def test_a_decision_comes_with_its_code_and_reason_and_what_made_it(door: Door) -> None:
    assert await door.evaluate(MAY) == {
        "decision": True,
        "context": {
            "code": "allowed",
            "reason": "it is permitted",
            "position": 2,
            "because": ["account/acc_alice → viewer → on document/7"],
            "policies": ["role"],
        },
    }
    denied = await door.evaluate(MAY_NOT)
    assert (denied["decision"], denied["context"]["code"]) == (False, "no_matching_role")
    assert denied["context"]["reason"]
    assert "because" not in denied["context"]


async def test_what_nobody_knows_is_ignored(door: Door) -> None:
    odd = MAY | {"futureField": {"nested": True}, "subject": ALICE | {"foo": 1, "properties": {"department": "x"}}}
    assert (await door.evaluate(odd))["decision"] is True


NO_QUESTIONS: dict[str, Any] = {
    "no object": [],
    "nothing": {},
    "no subject": {"action": READ, "resource": SEVEN},
    "no action": {"subject": ALICE, "resource": SEVEN},
    "no resource": {"subject": ALICE, "action": READ},
    "a subject without type": MAY | {"subject": {"id": "acc_alice"}},
    "a subject without id": MAY | {"subject": {"type": "account"}},
    "an action without name": MAY | {"action": {}},
    "a resource without type": MAY | {"resource": {"id": "7"}},
    "a resource without id": MAY | {"resource": {"type": "document"}},
    "a subject that is a text": MAY | {"subject": "alice"},
    "a name that is a number": MAY | {"action": {"name": 123}},
    "properties that are a list": MAY | {"subject": ALICE | {"properties": []}},
    "a context that is a text": MAY | {"context": "x"},
    "a misspelt member of ours": MAY | {"context": {"watchword": {"acess_token": "x"}}},
    "ours is a list": MAY | {"context": {"watchword": []}},
    "ours is a number": MAY | {"context": {"watchword": 5}},
    "a token that is a number": MAY | {"context": {"watchword": {"access_token": 5}}},
    "as_of is no time": MAY | {"context": {"watchword": {"as_of": "yesterday"}}},
    "as_of is before 1970": MAY | {"context": {"watchword": {"as_of": "1969-12-31T23:59:59Z"}}},
    "as_of is a number": MAY | {"context": {"watchword": {"as_of": 5}}},
    "as_of at a position below 0": MAY | {"context": {"watchword": {"as_of": {"position": -1}}}},
    "as_of at a position beyond all": MAY | {"context": {"watchword": {"as_of": {"position": 2**63}}}},
    "as_of at more": MAY | {"context": {"watchword": {"as_of": {"position": 1, "time": 2}}}},
    "a token's position below 0": MAY | {"context": {"watchword": {"token_position": -1}}},
}


@pytest.mark.parametrize("path", [*ASKING, "/v1/explain"])
@pytest.mark.parametrize("what", NO_QUESTIONS)
async def test_what_is_no_question_is_400(door: Door, path: str, what: str) -> None:
    answer = await door.ask(path, NO_QUESTIONS[what])
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 30_000, b'{"subject": NaN}', b'{"a": 1, "a": 2}'])
async def test_what_is_no_json_is_400(door: Door, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {own(EVALUATE)}", "Content-Type": "application/json"}
    answer = await door.client.post(ONE, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


async def test_what_no_entity_is_called_is_denied_and_said_so(door: Door) -> None:
    for odd in ({"type": "Account", "id": "x"}, {"type": "account", "id": ""}, {"type": "a", "id": "x" * 300}):
        answer = await door.evaluate(MAY | {"subject": odd})
        assert (answer["decision"], answer["context"]["code"]) == (False, "malformed")


async def test_json_that_cedar_has_no_value_for_neither_fails_nor_allows(door: Door) -> None:
    odd = {"null": None, "huge": 10**40, "tiny": 1e-300, "deep": [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]], "f": 0.1}
    for entity in ({"__entity": {"type": "x", "id": "y"}}, {"__extn": {"fn": "none", "arg": ""}}, {"__expr": "1"}):
        context = {"context": odd | {"entity": entity}}
        assert (await door.evaluate(MAY_NOT | context))["decision"] is False
    assert (await door.evaluate(MAY | {"context": odd}))["decision"] is True


@pytest.mark.parametrize("path", ASKING + LOOKING[:3])
async def test_what_is_ill_formed_is_400_whatever_is_wrong_with_it(door: Door, path: str) -> None:
    headers = {"Authorization": f"Bearer {own(f'{EVALUATE} {SEARCH}')}"}
    body = json.dumps(MAY).encode()
    for media in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ""):
        answer = await door.client.post(path, content=body, headers=headers | {"Content-Type": media})
        assert (answer.status_code, answer.json()["code"]) == (400, "unsupported_media_type")
        assert answer.json()["status"] == 400
    for wrong, code in (
        (b'{"subject": "\\u0000"}', "invalid_request"),
        (b"{", "malformed_json"),
        (b"", "malformed_json"),
    ):
        answer = await door.client.post(path, content=wrong, headers=headers | {"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_a_user_is_an_account(door: Door) -> None:
    user = MAY | {"subject": {"type": "user", "id": "acc_alice"}}
    assert (await door.evaluate(user))["decision"] is True
    denied = (await door.evaluate(MAY | {"subject": {"type": "user", "id": "alice@example.com"}}))["context"]
    assert denied["code"] == "subject_unknown"
    assert "account" in denied["reason"]
    many = await door.ask(MANY, MAY | {"subject": {"type": "user"}, "evaluations": [{"subject": {"id": "acc_alice"}}]})
    assert many.json()["evaluations"][0]["decision"] is True
    who = MAY | {"subject": {"type": "user"}}
    found = (await door.ask("/access/v1/search/subject", who)).json()["results"]
    assert {"type": "user", "id": "acc_alice"} in found
    resource = MAY | {"resource": {"type": "user", "id": "7"}}
    assert (await door.evaluate(resource))["context"]["code"] == "no_matching_role"


async def test_the_endpoints_are_named_by_setting_and_never_by_a_request(door: Door) -> None:
    path = "/.well-known/authzen-configuration"
    answer = await door.client.get(path, headers={"Host": "evil.example", "Origin": "https://page.example"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.json() == {
        "policy_decision_point": URL,
        "access_evaluation_endpoint": f"{URL}/access/v1/evaluation",
        "access_evaluations_endpoint": f"{URL}/access/v1/evaluations",
        "search_subject_endpoint": f"{URL}/access/v1/search/subject",
        "search_resource_endpoint": f"{URL}/access/v1/search/resource",
        "search_action_endpoint": f"{URL}/access/v1/search/action",
    }
