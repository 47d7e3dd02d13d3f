"""OpenID Connect Core 8.1: names that a sector alone has, which token alone makes and opens."""

import re
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.token.domain.names import PLAIN, Names

KEY, OTHER = bytes(range(32)), bytes(32)
SHOP, BANK = Names("shop.example", KEY), Names("bank.example", KEY)
ALICE, SESSION = "acc_0123456789abcdefghijkl", "ses_0123456789abcdefghijkl"


def test_a_name_is_the_same_each_time_and_opens_to_whom_it_is() -> None:
    assert SHOP.subject(ALICE) == Names("shop.example", KEY).subject(ALICE)
    assert SHOP.account_of(SHOP.subject(ALICE)) == ALICE
    assert SHOP.session_of(SHOP.session(SESSION)) == SESSION


def test_a_name_is_a_subject_as_the_standards_and_rules_have_it() -> None:
    name = SHOP.subject(ALICE)
    assert re.fullmatch(r"acc_[A-Za-z0-9_-]{56}", name), "as every person's, and no client's"
    assert re.fullmatch(r"[A-Za-z0-9_-]{56}", SHOP.session(SESSION))


def test_nothing_of_an_account_shows_in_its_names_and_no_two_sectors_share_one() -> None:
    names = [Names(sector, KEY).subject(ALICE) for sector in ("a.example", "b.example", "a.example.", "")]
    names += [Names("a.example", OTHER).subject(ALICE), Names("a.example", KEY).session(ALICE)]
    assert len(set(names)) == len(names)
    for one, another in combinations(names[:3], 2):
        alike = sum(left == right for left, right in zip(one[4:], another[4:], strict=True))
        assert alike < 12, "as chance would have it"


def test_two_accounts_of_a_sector_have_two_names() -> None:
    names = sorted(SHOP.subject(f"acc_{number:022}") for number in range(1_000))
    assert all(one != another for one, another in pairwise(names))


@pytest.mark.parametrize(
    "foreign",
    [
        BANK.subject(ALICE),
        Names("shop.example", OTHER).subject(ALICE),
        "acc_" + SHOP.session(ALICE),
        SHOP.subject(ALICE).removeprefix("acc_"),
        SHOP.subject(ALICE)[:-1],
        SHOP.subject(ALICE) + "=",
        SHOP.subject(ALICE)[:-2] + "AA",
        ALICE,
        "acc_",
        "",
        "acc_\ud800",
    ],
)
def test_no_other_name_opens_here(foreign: str) -> None:
    assert SHOP.account_of(foreign) is None


def test_a_subject_is_no_session_and_a_session_no_subject() -> None:
    assert SHOP.session_of(SHOP.subject(SESSION).removeprefix("acc_")) is None
    assert SHOP.session_of(BANK.session(SESSION)) is None
    assert SHOP.session_of("") == SHOP.session("") == ""


def test_a_public_client_calls_people_by_their_ids() -> None:
    assert (PLAIN.subject(ALICE), PLAIN.session(SESSION)) == (ALICE, SESSION)
    assert (PLAIN.account_of(ALICE), PLAIN.session_of(SESSION)) == (ALICE, SESSION)


@given(st.text())
def test_whatever_is_presented_is_a_name_or_none(text: str) -> None:
    assert SHOP.account_of(f"acc_{text}") is None
    assert SHOP.account_of(text) is None


def test_the_key_shows_nowhere() -> None:
    assert repr(KEY) not in repr(SHOP)
    assert KEY.hex() not in repr(SHOP)
