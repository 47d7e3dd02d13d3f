"""AuthZEN Authorization API 1.0: one question and many, who may ask, and what is answered to what is no question."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from chassis.trust import SessionRevoked, SubjectRevoked
from services.policy.projections import AccountDisabled, SessionStarted
from tests.unit.policy.door import ADMIN, EVALUATE, SEARCH, URL, Door, opened, own, persons
from tests.unit.policy.world import World
from tests.unit.sdk.fakes import ISSUER

ALICE, BOB = {"type": "account", "id": "acc_alice"}, {"type": "account", "id": "acc_bob"}
READ, WRITE = {"name": "document.read"}, {"name": "document.write"}
SEVEN, EIGHT = {"type": "document", "id": "7"}, {"type": "document", "id": "8"}
MAY = {"subject": ALICE, "action": READ, "resource": SEVEN}
MAY_NOT = MAY | {"action": WRITE}
ONE, MANY = "/access/v1/evaluation", "/access/v1/evaluations"
ASKING = [ONE, MANY]
LOOKING = [f"/access/v1/search/{what}" for what in ("subject", "resource", "action")] + ["/v1/explain"]


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    world = World()
    world.meet("acc_alice", "acc_bob")
    await world.say(
        {"kind": "role", "name": "viewer", "actions": ["document.read"]},
        {"kind": "assignment", "holder": "account/acc_alice", "role": "viewer", "resource": "document/7"},
    )
    async with opened(world) as door:
        yield door


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


@pytest.mark.parametrize("path", ASKING + LOOKING)
async def test_who_asks_says_who_it_is(door: Door, path: str) -> None:
    anonymous = await door.client.post(path, json=MAY)
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "authentication_required")
    forged = await door.client.post(path, json=MAY, headers={"Authorization": f"Bearer {own(EVALUATE)[:-8]}AAAAAAAA"})
    assert (forged.status_code, forged.json()["code"]) == (401, "invalid_token")
    assert "Bearer" in forged.headers["www-authenticate"]
    elsewhere = await door.ask(path, MAY, Authorization=f"Bearer {own(f'{EVALUATE} {SEARCH}', aud='orders')}")
    assert elsewhere.status_code == 401


@pytest.mark.parametrize("path", ASKING + LOOKING)
async def test_only_a_client_with_the_scope_asks_and_never_a_person(door: Door, path: str) -> None:
    right, other = (EVALUATE, SEARCH) if path in ASKING else (SEARCH, EVALUATE)
    both = f"{EVALUATE} {SEARCH} {ADMIN}"
    refused = {
        "the other scope": own(other),
        "an administrator's scope": own(ADMIN),
        "a person": persons("acc_alice", both, aud=ISSUER),
        "a person without a session": persons("acc_alice", both, aud=ISSUER, sid=None),
        "a client in a session": own(both, sid="ses_1"),
        "a client for another": own(both, client_id="another"),
        "a client through another": own(both, act={"sub": "another"}),
    }
    for what, token in refused.items():
        answer = await door.ask(path, MAY, Authorization=f"Bearer {token}")
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope"), what
    assert (await door.ask(path, MAY, right)).status_code == 200


async def test_a_request_is_named_in_its_answer_whatever_that_is(door: Door) -> None:
    named = {"X-Request-ID": "bfe9eb29 ab87/%00;'"}
    for path in ASKING + LOOKING[:3]:
        assert (await door.ask(path, MAY, **named)).headers["x-request-id"] == "bfe9eb29 ab87/%00;'"
        assert (await door.ask(path, {}, **named)).headers["x-request-id"] == "bfe9eb29 ab87/%00;'"
        unknown = await door.client.post(path, content=b"{", headers=named)
        assert (unknown.status_code, unknown.headers["x-request-id"]) == (400, "bfe9eb29 ab87/%00;'")
    assert "x-request-id" not in (await door.ask(ONE, MAY)).headers


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


def with_token(token: str, **more: Any) -> dict[str, Any]:
    return {"context": {"watchword": {"access_token": token} | more}}


async def test_a_token_says_who_the_subject_is_whatever_the_body_says(door: Door) -> None:
    of_alice, of_bob = persons("acc_alice"), persons("acc_bob", sid="ses_2")
    assert (await door.evaluate(MAY | {"subject": BOB} | with_token(of_alice)))["decision"] is True
    assert (await door.evaluate(MAY | with_token(of_bob)))["decision"] is False
    elsewhere = with_token(of_alice, session_id="ses_over", token_position=1)
    assert (await door.evaluate(MAY | elsewhere))["decision"] is True


async def test_a_person_by_a_name_that_one_client_knows_is_nobody_here_and_no_client(door: Door) -> None:
    await door.world.say(
        {"kind": "role", "name": "all", "actions": ["*"]},
        {"kind": "assignment", "holder": "client/pair-1", "role": "all"},
    )
    answer = await door.evaluate(MAY | with_token(persons("pair-1", sid="pair-ses-1", spos=None)))
    assert (answer["decision"], answer["context"]["code"]) == (False, "subject_unknown")


async def test_a_token_that_does_not_hold_is_denied_and_nothing_of_it_is_told(door: Door) -> None:
    for token in (persons("acc_alice", iss="https://another.example"), "secret.secret.secret", own("a")[:-4] + "AAAA"):
        answer = await door.ask(ONE, MAY | with_token(token))
        assert answer.json()["context"]["code"] == "token_refused"
        assert token not in answer.text


async def test_a_revoked_token_is_denied_as_over(door: Door) -> None:
    old = MAY | with_token(persons("acc_alice", pos=1))
    assert (await door.evaluate(old))["decision"] is True
    for _ in range(2):
        door.world.at_token(SubjectRevoked(subject="acc_alice"))
    assert (await door.evaluate(old))["context"]["code"] == "session_revoked"


@pytest.mark.parametrize("token", ["", None])
async def test_an_empty_token_is_not_taken_for_none(door: Door, token: Any) -> None:
    assert (await door.ask(ONE, MAY | with_token(token))).status_code == 400
    many = await door.ask(MANY, {"evaluations": [MAY | with_token(token), MAY]})
    assert [one["decision"] for one in many.json()["evaluations"]] == [False, True]


async def test_a_token_that_cannot_be_judged_now_is_denied(door: Door) -> None:
    await door.evaluate(MAY)
    body = MAY | with_token(persons("acc_alice"))
    answer = (await door.evaluate(body))["context"]["code"]
    assert answer == "allowed"
    door.world.token.seconds = 60.0
    assert (await door.evaluate(body))["context"]["code"] == "stale"


async def test_a_token_at_the_top_is_looked_at_in_every_evaluation(door: Door) -> None:
    top = MAY | with_token(persons("acc_bob"))
    door.world.at_identity(SessionStarted(session_id="ses_9", account_id="acc_alice"))
    items = [{}, {"context": {"ip": "::1"}}, {"context": {"watchword": {"session_id": "ses_9"}}}, {"subject": ALICE}]
    answer = (await door.ask(MANY, top | {"evaluations": items})).json()["evaluations"]
    assert [one["decision"] for one in answer] == [False, False, True, False]


async def test_a_disabled_account_and_a_session_that_is_over_are_denied_with_what_would_lift_it(door: Door) -> None:
    for session in ("ses_1", "ses_2"):
        door.world.at_identity(SessionStarted(session_id=session, account_id="acc_alice"))
    named = {"context": {"watchword": {"session_id": "ses_1"}}}
    assert (await door.evaluate(MAY | named))["decision"] is True
    door.world.at_token(SessionRevoked(session_id="ses_1"))
    assert (await door.evaluate(MAY | named))["context"]["code"] == "session_revoked"
    door.world.at_identity(AccountDisabled(account_id="acc_alice"))
    assert (await door.evaluate(MAY))["context"]["code"] == "subject_disabled"


async def test_a_session_that_is_not_known_is_denied_wherever_it_is_named(door: Door) -> None:
    named = MAY | {"context": {"watchword": {"session_id": "ses_none", "token_position": 9}}}
    answer = (await door.evaluate(named))["context"]
    assert (answer["code"], answer["reason"]) == (
        "session_unknown",
        "there is no such session, as far as is known here",
    )
    many = (await door.ask(MANY, {"evaluations": [named, MAY]})).json()["evaluations"]
    assert [one["context"]["code"] for one in many] == ["session_unknown", "allowed"]
    why = (await door.ask("/v1/explain", named)).json()
    assert "ask with its token" in why["missing"][0]
    search = named | {"resource": {"type": "document"}}
    assert (await door.ask("/access/v1/search/resource", search)).json()["results"] == []
    door.world.at_identity(SessionStarted(session_id="ses_none", account_id="acc_alice"))
    assert (await door.evaluate(named))["decision"] is True
    assert (await door.ask("/access/v1/search/resource", search)).json()["results"] == [{"type": "document", "id": "7"}]


async def test_another_time_is_asked_about_by_position_or_time(door: Door) -> None:
    await door.world.unsay(
        {"kind": "assignment", "holder": "account/acc_alice", "role": "viewer", "resource": "document/7"}
    )
    assert (await door.evaluate(MAY))["decision"] is False
    then = {"context": {"watchword": {"as_of": {"position": 2}}}}
    assert (await door.evaluate(MAY | then))["decision"] is True
    many = await door.ask(MANY, then | {"evaluations": [MAY, MAY | {"context": {"ip": "::1"}}, MAY | then]})
    assert [one["context"]["code"] for one in many.json()["evaluations"]] == ["allowed", "allowed", "malformed"]
    now = await door.evaluate(MAY | {"context": {"watchword": {"as_of": "1972-09-27T00:00:00Z"}}})
    assert now["decision"] is False
    later = await door.ask(ONE, MAY | {"context": {"watchword": {"as_of": "2031-01-31T12:00:00+01:00"}}})
    assert (later.status_code, later.json()["code"]) == (400, "as_of_in_the_future")
    beyond = await door.ask(ONE, MAY | {"context": {"watchword": {"as_of": {"position": 99}}}})
    assert (beyond.status_code, beyond.json()["code"]) == (400, "position_unknown")


@pytest.mark.parametrize("path", [ONE, "/v1/explain", "/access/v1/search/action"])
async def test_an_answer_about_a_position_says_that_it_is_true_for_that(door: Door, path: str) -> None:
    then = door.world.policy.applied
    now = await door.world.say({"kind": "group", "id": "new"})
    for context, position in (({}, now), ({"watchword": {"as_of": {"position": then}}}, then)):
        answer = (await door.ask(path, MAY | {"context": context})).json()
        assert answer["context"]["position"] == position


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
