"""AuthZEN: who the subject is by its token or session, while these hold."""

from typing import Any

import pytest

from chassis.trust import SessionRevoked, SubjectRevoked
from services.policy.projections import AccountDisabled, SessionStarted
from tests.unit.policy.door import Door, own, persons
from tests.unit.policy.evaluations import ALICE, BOB, MANY, MAY, ONE, door

__all__ = ["door"]


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
