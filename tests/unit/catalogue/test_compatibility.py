"""What may change within a version of an event: nothing that old readers, or new readers of old bodies, would miss."""

import pytest

from catalogue.bodies import Schema, bodies
from catalogue.compatibility import breaks
from eventlog.events import Event, Instant, Registry, Sealed


class Opened(Event):
    """A door was opened."""

    door: str
    """Which one."""
    at: Instant
    """When."""
    by: str | None = None
    """Who did. Absent: the wind."""
    times: int = 1
    """How often."""
    key: Sealed[str] = None


class SaidOtherwise(Event):
    """Somebody opened a door."""

    door: str
    """The door's name."""
    at: Instant
    """The moment."""
    by: str | None = None
    """Their name."""
    times: int = 1
    """The count."""
    key: Sealed[str] = None


class SaysMore(Opened, kw_only=True):
    """A door was opened."""

    side: str | None = None
    """From which side. Absent: nobody looked."""


class SealsMore(Opened, kw_only=True):
    """A door was opened."""

    face: Sealed[str] = None


class Renamed(Event):
    """A door was opened."""

    gate: str
    """Which one."""
    at: Instant
    """When."""
    by: str | None = None
    """Who did."""
    times: int = 1
    """How often."""


class WithoutWho(Event):
    """A door was opened."""

    door: str
    """Which one."""
    at: Instant
    """When."""
    times: int = 1
    """How often."""


class PerhapsWhich(Opened, kw_only=True):
    """A door was opened."""

    door: str = ""


class AlwaysWho(Opened, kw_only=True):
    """A door was opened."""

    by: str


class OtherKind(Event):
    """A door was opened."""

    door: int
    """Which one."""
    at: Instant
    """When."""
    by: str | None = None
    """Who did."""
    times: int = 1
    """How often."""


class OtherTime(Opened, kw_only=True):
    """A door was opened."""

    at: int


class OtherDefault(Opened, kw_only=True):
    """A door was opened."""

    times: int = 2


class NowSealed(Opened, kw_only=True):
    """A door was opened."""

    by: Sealed[str] = None


class NeedsMore(Opened, kw_only=True):
    """A door was opened."""

    side: str
    """From which side."""


def written(*kinds: type[Event], name: str = "door.opened", version: int = 1) -> dict[str, Schema]:
    registry = Registry("house")
    for kind in kinds:
        registry.event(name, version=version)(kind)
    return bodies(registry)


PROMISED = written(Opened)
TYPE = "watchword.house.door.opened.v1"


@pytest.mark.parametrize("kind", [Opened, SaidOtherwise, SaysMore, SealsMore])
def test_other_words_and_further_optional_fields_pass(kind: type[Event]) -> None:
    assert breaks(PROMISED, written(kind)) == []


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (WithoutWho, "the field by is gone"),
        (NowSealed, "the field by is gone"),
        (PerhapsWhich, "the field door was"),
        (AlwaysWho, "the field by is required"),
        (OtherKind, "the field door was"),
        (OtherTime, "the field at was"),
        (OtherDefault, "the field times was"),
        (NeedsMore, "the field side is required"),
    ],
)
def test_what_one_side_could_not_read_fails(kind: type[Event], why: str) -> None:
    found = breaks(PROMISED, written(kind))
    assert found
    assert found[0].startswith(f"{TYPE}: {why}")


def test_each_break_is_named() -> None:
    assert [one.removeprefix(f"{TYPE}: the field ").split(",")[0] for one in breaks(PROMISED, written(Renamed))] == [
        "door is gone",
        "gate is required",
    ]


def test_a_field_that_may_be_absent_now_fails_even_where_nothing_else_changed() -> None:
    """A default of its own would show as well; this one leaves the schema of the field as it was."""
    loosened = {TYPE: PROMISED[TYPE] | {"required": ["at"]}}
    assert breaks(PROMISED, loosened) == [f"{TYPE}: the field door may be absent, which old readers need"]


def test_a_new_version_may_be_different_while_the_old_one_is_still_read() -> None:
    assert breaks(PROMISED, written(Renamed, version=2)) == []
    assert breaks(PROMISED | written(Renamed, version=2), written(Renamed, version=2)) == []


def test_an_event_that_nothing_reads_any_more_fails() -> None:
    assert breaks(PROMISED, written(Opened, name="gate.opened"))
    assert breaks(written(Opened, version=2), written(Opened))


def test_a_new_event_passes() -> None:
    assert breaks(PROMISED, PROMISED | written(Renamed, name="gate.opened")) == []
