"""Whatever somebody writes as policies: it is refused with places within it, or it can be decided by."""

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.policy.domain.rules.check import problems
from services.policy.domain.rules.engine import Rules
from services.policy.domain.rules.schema import whole
from services.policy.domain.rules.text import Problem, tokens
from tests.unit.policy.rules.asking import DOCUMENTS, ask

RIGHT = """\
@id("readers") // who reads
permit (principal is account in group::"staff", action in [Action::"document.read"], resource in folder::"7")
when { context has acr && ["mfa", "phr"].contains(context.acr) }
unless { context.given has amount && context.given.amount > 5 };
forbid (principal, action == Action::"document.write", resource)
when { if context.reads then !context.writes else context.subject_label.level < -3 || resource == document::"a\\nb" };
"""
PIECES = sorted(
    {one.text for text in (RIGHT, DOCUMENTS) for one in tokens(text)}
    | {"é", "\n", "\r", "\x1f", '"', "//", "?principal"}
)


def spoilt(text: str) -> st.SearchStrategy[str]:
    """The text with some pieces of it left out, put in, or put in the place of others."""
    found = [one.text for one in tokens(text)]

    def change(edits: list[tuple[int, int, str]]) -> str:
        pieces = list(found)
        for at, removed, added in edits:
            pieces[at : at + removed] = [added]
        return " ".join(pieces)

    edit = st.tuples(st.integers(0, len(found)), st.integers(0, 2), st.sampled_from(["", *PIECES]))
    return st.lists(edit, min_size=1, max_size=3).map(change)


def stand_within(found: list[Problem], **texts: str) -> bool:
    """Whether each place is one of the text, or just after it."""
    lines = {part: text.split("\n") for part, text in texts.items()}
    return all(
        0 < one.line <= len(lines[one.part]) and 0 < one.column <= len(lines[one.part][one.line - 1]) + 1
        for one in found
    )


def takes(policies: str, schema: str) -> bool:
    """Whether Cedar takes them, by itself."""
    try:
        return cedarpy.validate_policies(policies, whole(schema)).validation_passed
    except ValueError:
        return False


@settings(max_examples=200)
@given(st.one_of(spoilt(RIGHT), st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join)))
def test_policies_are_refused_with_a_place_or_can_be_decided_by(policies: str) -> None:
    found = problems(policies, DOCUMENTS)
    assert stand_within(found, policies=policies)
    if found:
        return
    assert takes(policies, DOCUMENTS)
    rules = Rules.of(policies, DOCUMENTS)
    rules.evaluate(ask())


@settings(max_examples=200)
@given(spoilt(DOCUMENTS))
def test_schemas_are_refused_with_a_place_or_policies_can_be_written_for_them(schema: str) -> None:
    found = problems(RIGHT, schema)
    assert stand_within(found, policies=RIGHT, schema=schema)
    assert found or takes(RIGHT, schema)


@pytest.mark.parametrize("policies", [RIGHT, ""])
def test_what_was_spoilt_was_right_before(policies: str) -> None:
    assert problems(policies, DOCUMENTS) == []


@pytest.mark.parametrize("mark", ["\x1c", "\x1f"])
def test_what_cedar_takes_for_no_space_is_refused_where_it_stands_among_spaces(mark: str) -> None:
    """Python 3.11.2 took it for one, where it came right after another."""
    (found,) = problems(f"@ {mark} " + RIGHT.removeprefix("@"), DOCUMENTS)
    assert (found.line, found.column) == (1, 3)
