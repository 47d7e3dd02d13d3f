"""Usernames compare by PRECIS (RFC 8265), and passwords are one form however they were typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import Refusal
from services.identity.domain.names import compared, normalise, read_password


@pytest.mark.parametrize(
    ("typed", "compares"),
    [
        ("Alice", "alice"),
        ("\uff21\uff2c\uff29\uff23\uff25", "alice"),
        ("e\u0301mile", "émile"),
        ("Straße", "straße"),
        ("Bob@X.org", "bob@x.org"),
    ],
)
def test_names_that_look_alike_are_one(typed: str, compares: str) -> None:
    assert normalise(typed) == compares


@pytest.mark.parametrize("typed", ["", "a b", "a\0b", "\ud800", "x" * 300, "\u200b"])
def test_what_is_no_username_is_refused(typed: str) -> None:
    with pytest.raises(Refusal) as refused:
        normalise(typed)
    assert refused.value.code == "username_invalid"


@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing(typed: str) -> None:
    once = compared(typed)
    assert compared(once) == once if not once.startswith("\0") else once == f"\0{typed}"


def test_a_password_is_the_same_however_the_keyboard_composed_it() -> None:
    assert read_password("e\u0301") == read_password("é")


def test_a_password_has_at_most_1024_bytes() -> None:
    assert read_password("x" * 1024)
    with pytest.raises(Refusal) as refused:
        read_password("é" * 513)
    assert refused.value.code == "password_too_long"
