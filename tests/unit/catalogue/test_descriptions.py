"""What stands in a body's schema: what leaves, in the form in which it leaves, with words for each field."""

import pytest

from catalogue.bodies import INSTANT, bodies
from eventlog.events import Event, Instant, Registry, Sealed


class Moved(Event):
    """What every move says. A base, no event."""

    thing: str
    """What was moved."""
    at: Instant
    """When."""


class Carried(Moved):
    """Somebody carried a thing."""

    by: str | None = None
    """Who did. Absent: nobody knows."""
    hands: list[str] | None = None
    """Which hands."""
    face: Sealed[str] = None


class Dropped(Moved):
    """A thing fell."""

    by: str | None = None


class Lost(Moved):
    """A thing is nowhere."""

    at: Instant
    """When it was missed."""


class Silent(Event):
    """Says nothing of what it holds."""

    thing: str


class Unsaid(Event):
    thing: str
    """What."""


def made(*kinds: type[Event]) -> Registry:
    registry = Registry("house")
    for kind in kinds:
        registry.event(f"thing.{kind.__name__.lower()}")(kind)
    return registry


def test_a_schema_holds_what_leaves_as_it_leaves_and_nothing_that_is_sealed() -> None:
    assert bodies(made(Carried))["watchword.house.thing.carried.v1"] == {
        "title": "watchword.house.thing.carried.v1",
        "description": "Somebody carried a thing.",
        "type": "object",
        "properties": {
            "thing": {"type": "string", "description": "What was moved."},
            "at": INSTANT | {"description": "When."},
            "by": {"type": "string", "description": "Who did. Absent: nobody knows."},
            "hands": {"type": "array", "items": {"type": "string"}, "description": "Which hands."},
        },
        "required": ["thing", "at"],
    }


def test_a_field_is_described_where_its_name_first_stands_in_a_log_or_where_it_says_more() -> None:
    found = bodies(made(Carried, Dropped, Lost))
    said = {type_.split(".")[3]: schema["properties"] for type_, schema in found.items()}
    assert said["dropped"]["by"]["description"] == "Who did. Absent: nobody knows."
    assert said["lost"]["at"]["description"] == "When it was missed."
    assert said["carried"]["at"]["description"] == said["dropped"]["at"]["description"] == "When."


@pytest.mark.parametrize("kind", [Silent, Unsaid])
def test_an_event_without_words_is_none(kind: type[Event]) -> None:
    with pytest.raises(LookupError, match=f"thing.{kind.__name__.lower()}"):
        bodies(made(kind))
