"""The reference that judges policy says of accounts and sessions what docs/policy.md and docs/security.md say."""

import pytest

from tests.harness.policy_people import Said, against, known
from tests.harness.policy_reference import Asked, Fact, decided


def said(type_: str, position: int, account: str = "alice", log: str = "identity", **more: object) -> Said:
    return {"log": log, "type": type_, "position": position, "account": account, **more}


def test_an_account_is_there_until_it_is_erased_and_disabled_until_it_is_enabled() -> None:
    told = [said(f"account.{name}", n) for n, name in enumerate(["registered", "disabled", "enabled", "erased"])]
    assert [known(told[:number]) for number in range(5)] == [
        {},
        {"alice": False},
        {"alice": True},
        {"alice": False},
        {},
    ]


BEGAN = said("session.started", 5, session="s", seen=3)


@pytest.mark.parametrize(
    "later",
    [
        said("session.ended", 6, session="s"),
        said("session.revoked", 4, log="token", session="s"),
        said("subject.revoked", 4, log="token"),
        said("account.disabled", 6),
        said("account.signed_out", 6),
        said("credential.changed", 6, spared="another"),
    ],
)
def test_a_session_is_over_by_its_end_or_by_what_came_after_it_began(later: Said) -> None:
    assert against([BEGAN], "s", "alice") is None
    assert against([BEGAN, later], "s", "alice") == "session_revoked"
    if "session" not in later:
        assert against([BEGAN, {**later, "account": "bob"}], "s", "alice") is None
        assert against([{**later, "position": 2}, BEGAN], "s", "alice") is None


def test_a_session_is_spared_by_a_changed_password_and_belongs_to_one_account_and_another_is_not_known() -> None:
    assert against([BEGAN, said("credential.changed", 6, spared="s")], "s", "alice") is None
    assert against([BEGAN], "s", "bob") == "session_revoked"
    assert against([BEGAN], "another", "bob") == "session_unknown"
    revoked = said("session.revoked", 4, log="token", session="another")
    assert against([revoked], "another", "bob") == "session_revoked"


def test_what_is_asked_in_a_session_that_is_over_is_denied_where_nothing_else_speaks_against_the_subject() -> None:
    facts: list[Fact] = [{"kind": "owner", "resource": "document/9", "owner": "account/alice"}]
    asked = Asked("account/alice", "document.read", "document/9")
    for people, code in (({"alice": False}, "session_revoked"), ({"alice": True}, "subject_disabled")):
        assert decided(facts, people, asked, 0, "session_revoked") == (False, code)
