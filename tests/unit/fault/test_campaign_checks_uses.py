"""Every check of what a campaign's callers were given fails where it was given too late or to nobody's right."""

from dataclasses import replace
from typing import Any

import pytest

from tests.fault.campaign.check import SECOND
from tests.fault.campaign.endings import AccessToken, Denied, Use, late_uses, still_good, unfounded_denials
from tests.fault.campaign.judge import left_at_token
from tests.unit.fault.story import START, Story, taken

TOKEN = AccessToken("t1", "k1", "app", "acc_a", 2, "ses_s", "f", 7)
OTHER = AccessToken("o", "o", "o", "o", 2, "o", "o", 7)


def use(after: float, token: AccessToken = TOKEN) -> Use:
    """Of the token at 2, so long after the session was revoked at 4."""
    return Use("verifier", START / SECOND + 3 + after, token, 5.0)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("session.revoked", {"session_id": "ses_s"}),
        ("family.revoked", {"family_id": "f"}),
        ("subject.revoked", {"subject": "acc_a"}),
        ("token.revoked", {"token_id": "t1"}),
        ("client.revoked", {"client_id": "app"}),
        ("key.compromised", {"key_id": "k1"}),
    ],
)
def test_an_accepted_use_after_the_bound_is_seen(name: str, body: dict[str, str]) -> None:
    watch, _ = taken(Story().family().add("x/1", name, **body).rows)
    assert late_uses([use(-2.0), use(0.1), use(4.9)], watch) == []
    assert len(late_uses([use(5.1)], watch)) == 1
    assert late_uses([use(9.0, replace(TOKEN, position=9))], watch) == [], "it ends nothing that was given later"
    assert late_uses([use(9.0, OTHER)], watch) == []
    assert unfounded_denials([Denied("verifier", "revoked", TOKEN)], watch) == []
    assert len(unfounded_denials([Denied("verifier", "revoked", OTHER)], watch)) == 1
    assert still_good([TOKEN], watch) == []
    assert len(still_good([TOKEN, OTHER], watch)) == 1


def test_an_accepted_use_of_what_a_password_change_or_a_disabled_account_ended_is_seen() -> None:
    def late(**body: Any) -> list[str]:
        watch, _ = taken(Story().family().add("x/1", "subject.revoked", subject="acc_a", **body).rows)
        return late_uses([use(5.1)], watch)

    assert len(late(before_session_position=8)) == 1
    assert len(late(before_session_position=8, spared_session_id="ses_o")) == 1
    assert late(before_session_position=7) == [], "the session began after it"
    assert late(before_session_position=8, spared_session_id="ses_s") == []


@pytest.mark.parametrize(
    ("event", "body", "ended", "by"),
    [
        ("session.ended", {"session_id": "ses_s"}, "session.revoked", {"session_id": "ses_s"}),
        (
            "account.disabled",
            {"account_id": "acc_a"},
            "subject.revoked",
            {"subject": "acc_a", "before_session_position": 1},
        ),
        (
            "credential.changed",
            {"account_id": "acc_a"},
            "subject.revoked",
            {"subject": "acc_a", "before_session_position": 1},
        ),
    ],
)
def test_what_identity_ended_and_token_did_not_is_seen(
    event: str, body: dict[str, Any], ended: str, by: dict[str, Any]
) -> None:
    identity, _ = taken(Story().add("x/1", event, **body).rows)
    token, _ = taken(Story().add("x/1", ended, **by).rows)
    another, _ = taken(Story().add("x/1", ended, **by | {"subject": "acc_o", "session_id": "ses_o"}).rows)
    policy, _ = taken([])
    assert left_at_token(identity, policy, token) == []
    assert len(left_at_token(identity, policy, another)) == 1


def test_access_that_was_recalled_and_goes_on_is_seen() -> None:
    identity, _ = taken([])
    policy, _ = taken(Story().add("group/g", "access.recalled", subjects=["acc_a", "acc_b"]).rows)
    token, _ = taken(Story().add("x/1", "subject.revoked", subject="acc_a").rows)
    assert len(left_at_token(identity, policy, token)) == 1
