"""RULES 6: every process of a service knows what its reaction has parked, whichever process runs it."""

import pytest

from eventlog.errors import Kind, LogUnavailable, Refusal
from eventlog.projection.parked import Parked
from tests.unit.projection.notes import Table, running, until


class Unsteady(Table):
    """A table that does not answer while it is `down`."""

    down = False

    async def parked(self) -> frozenset[str]:
        if self.down:
            raise LogUnavailable
        return await super().parked()


def test_nothing_is_answered_before_the_first_look() -> None:
    with pytest.raises(Refusal) as refused:
        Parked().refuse("note/a")
    assert (refused.value.kind, refused.value.code) == (Kind.UNAVAILABLE, "parked_unknown")


async def test_what_hangs_from_a_parked_stream_is_refused_and_nothing_else() -> None:
    parked = Parked()
    await parked.look(Table(parked={"note/a"}))
    for refused in (("note/a",), ("note/b", "note/a")):
        with pytest.raises(Refusal) as refusal:
            parked.refuse(*refused)
        assert (refusal.value.kind, refusal.value.code) == (Kind.UNAVAILABLE, "parked")
    parked.refuse("note/b", "note/c")


async def test_it_keeps_up_with_what_is_parked_and_applied_again_and_survives_the_database() -> None:
    table, parked = Unsteady(), Parked()
    table.projection = "reaction"
    async with running(lambda: parked.follow(table)):
        await until(lambda: parked.streams == frozenset())
        table.stuck, table.down = frozenset({"note/a"}), True
        await until(lambda: parked.streams == frozenset())
        table.down = False
        await until(lambda: parked.streams == frozenset({"note/a"}))
        table.stuck = frozenset()
        await until(lambda: parked.streams == frozenset())
