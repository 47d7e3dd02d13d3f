"""What a session outlives: positions of identity's log against positions of identity's log, token's against token's."""

from hypothesis import given
from hypothesis import strategies as st

from eventlog.events import Event, Recorded
from services.identity.domain.account import Account, evolve_account, revoke
from services.identity.domain.events import (
    AccountDisabled,
    AccountEnabled,
    AccountRegistered,
    AccountRevoked,
    AccountSignedOut,
    CredentialChanged,
    SessionEnded,
    SessionStarted,
)
from services.identity.domain.session import LIFE, Session, alive, evolve_session

DAY = 86_400_000_000


def row(position: int, time: int = 0) -> Recorded:
    return Recorded(
        position=position,
        stream="",
        version=1,
        type="",
        time=time,
        command_id="",
        actor="",
        correlation_id="",
        body=b"",
    )


def started(position: int, seen: int = 0, session_id: str = "ses_1", time: int = 0) -> Session:
    event = SessionStarted(
        session_id=session_id, account_id="acc_1", seen=seen, auth_time=0, acr="", amr=[], secret_hash="x"
    )
    return evolve_session(Session(), event, row(position, time))


def account(*events: tuple[int, Event]) -> Account:
    state = evolve_account(Account(), AccountRegistered(account_id="acc_1"), row(1))
    for position, event in events:
        state = evolve_account(state, event, row(position))
    return state


DISABLED = AccountDisabled(account_id="acc_1", reason="r")
ENABLED = AccountEnabled(account_id="acc_1", reason="r")
SIGNED_OUT = AccountSignedOut(account_id="acc_1")


def test_disabling_ends_the_sessions_before_and_enabling_does_not_bring_them_back() -> None:
    assert not alive(started(5), account((9, DISABLED)), 0)
    assert not alive(started(5), account((9, DISABLED), (10, ENABLED)), 0)
    assert alive(started(11), account((9, DISABLED), (10, ENABLED)), 0)


def test_signing_out_everywhere_ends_sessions_before_it_and_none_after() -> None:
    assert not alive(started(8), account((9, SIGNED_OUT)), 0)
    assert alive(started(10), account((9, SIGNED_OUT)), 0)


def test_a_password_change_spares_the_session_that_made_it_until_another_is_made() -> None:
    changed = CredentialChanged(account_id="acc_1", spared_session_id="ses_1")
    assert alive(started(5), account((9, changed)), 0)
    assert not alive(started(5, session_id="ses_2"), account((9, changed)), 0)
    again = CredentialChanged(account_id="acc_1", spared_session_id="ses_2")
    assert not alive(started(5), account((9, changed), (12, again)), 0)


def test_a_revocation_made_at_token_ends_sessions_that_had_not_seen_it() -> None:
    revoked = AccountRevoked(account_id="acc_1", token_position=40)
    assert not alive(started(500, seen=39), account((9, revoked)), 0)
    assert alive(started(500, seen=40), account((9, revoked)), 0)
    assert [len(revoke(account((9, revoked)), position)) for position in (39, 40, 41)] == [0, 0, 1]


def test_a_session_lives_thirty_days_at_most() -> None:
    assert alive(started(5, time=DAY), account(), DAY + LIFE - 1)
    assert not alive(started(5, time=DAY), account(), DAY + LIFE)


def test_an_ended_session_and_somebody_elses_are_not_alive() -> None:
    ended = evolve_session(started(5), SessionEnded(session_id="ses_1", account_id="acc_1", reason="r"), row(6))
    assert not alive(ended, account(), 0)
    assert not alive(started(5), evolve_account(Account(), AccountRegistered(account_id="acc_2"), row(1)), 0)
    assert not alive(Session(), Account(), 0)


ENDERS = st.sampled_from(["disabled", "enabled", "signed_out", "changed"])


@given(st.lists(ENDERS, max_size=12), st.integers(2, 14))
def test_a_session_is_alive_exactly_where_nothing_after_it_ended_it(happened: list[str], position: int) -> None:
    """Against the plain reading of RULES 7: each event ends every session below it, but for the one that it spares."""
    events: list[tuple[int, Event]] = []
    expected, disabled = True, False
    for at, kind in enumerate(happened, 2):
        at = at if at < position else at + 1
        spares = kind == "changed" and expected and at > position
        made: dict[str, Event] = {
            "disabled": DISABLED,
            "enabled": ENABLED,
            "signed_out": SIGNED_OUT,
            "changed": CredentialChanged(account_id="acc_1", spared_session_id="ses_1" if spares else None),
        }
        events.append((at, made[kind]))
        disabled = kind == "disabled" or (disabled and kind != "enabled")
        if at > position and kind in ("disabled", "signed_out"):
            expected = False
    assert alive(started(position), account(*events), 0) == (expected and not disabled)
