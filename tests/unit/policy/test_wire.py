"""What of a message is no question: refused as the caller's mistake, never as one of this service."""

import pytest

from eventlog.errors import Refusal
from services.policy.api.wire import to_moment, to_question
from services.policy.queries import Moment
from watchword.policy.v1.policy_pb2 import AsOf, CheckRequest, Entity


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_the_callers_mistake(number: str) -> None:
    asked = CheckRequest(subject=Entity(type="client", id="billing"), action="a")
    asked.given["amount"] = float(number)
    with pytest.raises(Refusal) as refusal:
        to_question(asked)
    assert refusal.value.code == "given_invalid"


def test_what_is_given_is_taken_as_json() -> None:
    asked = CheckRequest()
    asked.given.update({"amount": 1.5, "tags": ["a", None], "who": {"vip": True}})
    assert to_question(asked).given == {"amount": 1.5, "tags": ["a", None], "who": {"vip": True}}


def test_who_asks_as_of_no_time_is_not_answered_as_of_now() -> None:
    with pytest.raises(Refusal) as refusal:
        to_moment(CheckRequest(as_of=AsOf()))
    assert refusal.value.code == "as_of_invalid"
    assert to_moment(CheckRequest(as_of=AsOf(position=7))) == Moment(0, 7)
    assert to_moment(CheckRequest()) is None
