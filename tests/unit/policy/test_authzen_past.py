"""AuthZEN: another time than now is asked about."""

import pytest

from tests.unit.policy.door import Door
from tests.unit.policy.evaluations import MANY, MAY, ONE, door

__all__ = ["door"]


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
