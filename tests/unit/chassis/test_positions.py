"""Watchword-Position: one grammar, and an answer only once it is applied (DESIGN, the outside contract)."""

import asyncio

import pytest

from chassis import positions
from chassis.positions import Waiting, parse, render
from eventlog.errors import Refusal, unavailable


class Applied:
    """Positions that are set by hand."""

    def __init__(self, applied: dict[str, int]) -> None:
        self._applied = applied
        self._advanced = asyncio.Event()

    def applied(self, name: str) -> int:
        return self._applied.get(name, 0)

    def apply(self, name: str, position: int) -> None:
        self._applied[name] = position
        self._advanced.set()

    async def wait(self, name: str, position: int, timeout: float) -> bool:
        if name not in self._applied:
            return True
        try:
            async with asyncio.timeout(timeout):
                while self._applied[name] < position:
                    self._advanced.clear()
                    await self._advanced.wait()
        except TimeoutError:
            return False
        return True


async def head_10() -> int:
    return 10


async def no_head() -> int:
    raise unavailable("log_unavailable", "no")


def test_positions_are_read_and_written_alike() -> None:
    assert parse("identity=812,token=4410") == {"identity": 812, "token": 4410}
    assert render({"token": 4410, "identity": 812}) == "identity=812,token=4410"
    assert parse("policy=0") == {"policy": 0}


@pytest.mark.parametrize(
    "text",
    [
        *("", "identity", "identity=", "=1", "identity=1,", "identity=1;token=2", "identity=-1", "identity=+1"),
        *("identity=1.0", "identity=0x1", "identity=01", "identity=1 ,token=2", "IDENTITY=1", "mail=1"),
        *("identity=1,identity=1", "identity=9223372036854775808", "identity=\N{ARABIC-INDIC DIGIT ONE}"),
    ],
)
def test_another_grammar_an_unknown_or_a_repeated_name_is_invalid(text: str) -> None:
    with pytest.raises(Refusal, match="invalid_position") as raised:
        parse(text)
    assert raised.value.kind.http == 400


async def test_what_is_applied_is_answered_at_once_without_asking_for_a_head() -> None:
    await Waiting(Applied({"identity": 5}), {"identity": no_head}).until({"identity": 5, "policy": 9})


async def test_what_is_applied_meanwhile_is_answered_then() -> None:
    applied = Applied({"identity": 5})
    waiting = asyncio.create_task(Waiting(applied, {"identity": head_10}).until({"identity": 6}))
    await asyncio.sleep(0)
    applied.apply("identity", 6)
    async with asyncio.timeout(1):
        await waiting


async def test_only_a_head_read_since_proves_that_a_position_is_unknown() -> None:
    applied = Applied({"identity": 5})
    with pytest.raises(Refusal, match="position_unknown") as raised:
        await Waiting(applied, {"identity": head_10}, patience=0.02).until({"identity": 11})
    assert raised.value.kind.http == 400
    with pytest.raises(Refusal, match="not_yet_applied") as unproven:
        await Waiting(applied, {"identity": no_head}, patience=0.02).until({"identity": 11})
    assert unproven.value.kind.http == 503
    assert unproven.value.retry_after is not None


async def test_what_is_not_applied_in_time_is_to_be_asked_again() -> None:
    with pytest.raises(Refusal, match="not_yet_applied"):
        await Waiting(Applied({"identity": 5}), {"identity": head_10}, patience=0.02).until({"identity": 6})


def test_an_answer_names_the_newest_position_of_each_log() -> None:
    noted = positions.begin()
    positions.note("token", 5)
    positions.note("token", 4)
    positions.note("identity", 0)
    assert render(noted) == "token=5"
