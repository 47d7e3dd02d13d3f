"""What a message over gRPC may not be, wherever in it that stands."""

from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct

from chassis.rpc.strict import fit, strictly
from eventlog.errors import Refusal


def decoded(**members: Any) -> Any:
    """A message as a method is given it."""
    sent = Struct()
    sent.update(members)
    decode = strictly(Struct.FromString)
    assert decode is not None
    return fit(decode(sent.SerializeToString()))


@pytest.mark.parametrize(
    "members",
    [{"a\0": "b"}, {"a": "b\0"}, {"a": ["b", "c\0"]}, {"a": {"b": {"c\0": 1}}}, {"a": [{"b": "c\0"}]}],
    ids=["name", "member", "list", "name-within", "member-within"],
)
def test_a_nul_character_is_refused_in_any_text_of_a_message(members: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refusal:
        decoded(**members)
    assert refusal.value.code == "invalid_request"


def test_a_message_without_one_is_given_as_it_is() -> None:
    assert decoded(a=["b", {"c": 0.0}])["a"][1]["c"] == 0.0


def test_bytes_that_are_no_message_are_malformed() -> None:
    decode = strictly(Struct.FromString)
    assert decode is not None
    with pytest.raises(Refusal) as refusal:
        fit(decode(b"\xff"))
    assert refusal.value.code == "malformed_message"
