"""The chain hash is made of the fields of RULES 1, in its order and framing."""

from dataclasses import dataclass
from hashlib import sha256

import pytest
from msgspec.structs import replace

from eventlog.events import Recorded
from watchword.chain import GENESIS, link

ROW = Recorded(
    position=1,
    stream="account/1",
    version=2,
    type="watchword.test.happened.v1",
    time=1_700_000_000_000_001,
    command_id="c1",
    actor="ä",
    correlation_id="k",
    body=b"{}",
)


@dataclass(frozen=True, slots=True)
class Change:
    field: str
    value: object


def test_the_hash_is_over_length_prefixed_fields() -> None:
    spelled = bytes.fromhex(
        "00000020" + "00" * 32
        + "00000008" + "0000000000000001"
        + "00000009" + b"account/1".hex()
        + "00000008" + "0000000000000002"
        + "0000001a" + b"watchword.test.happened.v1".hex()
        + "00000008" + "00060a24181e4001"
        + "00000002" + b"c1".hex()
        + "00000002" + "c3a4"
        + "00000001" + b"k".hex()
        + "00000002" + b"{}".hex()
        + "00000000"
    )  # fmt: skip
    assert link(GENESIS, ROW) == sha256(spelled).digest()


@pytest.mark.parametrize(
    "change",
    [
        Change("position", 2),
        Change("stream", "account/2"),
        Change("version", 3),
        Change("type", "watchword.test.happened.v2"),
        Change("time", 1_700_000_000_000_002),
        Change("command_id", "c2"),
        Change("actor", "a"),
        Change("correlation_id", ""),
        Change("body", b"{ }"),
        Change("sealed_hash", bytes(32)),
    ],
    ids=lambda change: change.field,
)
def test_every_field_counts(change: Change) -> None:
    changed = replace(ROW, **{change.field: change.value})
    assert link(GENESIS, changed) != link(GENESIS, ROW)


def test_the_row_before_counts() -> None:
    assert link(link(GENESIS, ROW), ROW) != link(GENESIS, ROW)


def test_bytes_that_move_between_fields_show() -> None:
    assert link(GENESIS, replace(ROW, command_id="c1ä", actor="")) != link(GENESIS, ROW)
