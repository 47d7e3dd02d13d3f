"""Sessions end where they are ended, in every process, and take with them what hangs from them."""

import asyncio

import pytest

from eventlog.events import Recorded
from eventlog.log import By
from services.identity.commands.accounts import disable_account, enable_account
from services.identity.commands.password import change_password
from services.identity.commands.sessions import end_session, of_claims, of_cookie, sign_out
from services.identity.domain.session import Session, until_told_apart
from services.identity.projections import SessionRevoked, SubjectRevoked
from services.identity.reactions import TakeOver
from tests.unit.identity.house import OTHER_PASSWORD, PASSWORD, House, refusal_of

BY = By("operator/admin", "test")


async def test_an_ended_session_is_over_in_every_process(house: House) -> None:
    account_id = await house.register()
    one, two = await house.log_in(), await house.log_in()
    other = house.another()
    assert (await of_cookie(other, one.cookie)).session_id == one.session_id
    done = await end_session(house.identity, BY, account_id, one.session_id, "logout")
    assert done.applied
    for process in (house.identity, other):
        assert (await refusal_of(of_cookie(process, one.cookie))).code == "unauthenticated"
        assert (await of_cookie(process, two.cookie)).session_id == two.session_id
    assert list(house.token.ended) == [one.session_id]


async def test_ending_a_session_twice_changes_nothing_and_names_the_same_position(house: House) -> None:
    account_id = await house.register()
    one = await house.log_in()
    first = await end_session(house.identity, BY, account_id, one.session_id, "logout")
    again = await end_session(house.another(), BY, account_id, one.session_id, "logout")
    assert first.position == again.position == len(house.store.rows)


async def test_nobody_ends_anothers_session(house: House) -> None:
    await house.register()
    mallory = await house.register("mallory")
    one = await house.log_in()
    refused = await refusal_of(end_session(house.identity, BY, mallory, one.session_id, "logout"))
    assert refused.code == "session_unknown"
    assert (await refusal_of(end_session(house.identity, BY, mallory, "ses_none", "x"))).code == "session_unknown"
    assert (await of_cookie(house.identity, one.cookie)).session_id == one.session_id


async def test_where_token_is_down_a_session_ends_all_the_same(house: House) -> None:
    account_id = await house.register()
    one = await house.log_in()
    house.token.answers = False
    assert not (await end_session(house.identity, BY, account_id, one.session_id, "logout")).applied
    assert (await refusal_of(of_cookie(house.identity, one.cookie))).code == "unauthenticated"


async def test_signing_out_everywhere_ends_all_and_a_login_after_it_works(house: House) -> None:
    account_id = await house.register()
    cookies = [(await house.log_in()).cookie for _ in range(3)]
    done = await sign_out(house.identity, BY, account_id)
    for cookie in cookies:
        assert (await refusal_of(of_cookie(house.another(), cookie))).code == "unauthenticated"
    assert house.token.cutoffs == [(account_id, done.position, None)]
    again = await house.log_in()
    assert (await of_cookie(house.identity, again.cookie)).session_id == again.session_id


async def test_a_password_change_ends_the_others_and_gives_this_one_a_new_secret(house: House) -> None:
    account_id = await house.register()
    mine, other = await house.log_in(), await house.log_in()
    person = await of_cookie(house.identity, mine.cookie)
    changed = await change_password(house.identity, "test", person, PASSWORD, OTHER_PASSWORD, "192.0.2.1")
    assert changed.cookie is not None
    for cookie in (mine.cookie, other.cookie):
        assert (await refusal_of(of_cookie(house.another(), cookie))).code == "unauthenticated"
    assert (await of_cookie(house.another(), changed.cookie)).session_id == mine.session_id
    assert house.token.cutoffs == [(account_id, changed.done.position, mine.session_id)]
    assert (await house.names_of_events())[changed.done.position - 1] == "credential.changed"
    assert (await refusal_of(house.log_in())).code == "invalid_credentials"
    assert (await house.log_in(password=OTHER_PASSWORD)).account_id == account_id


async def test_a_password_change_wants_the_current_one_and_only_so_often(house: House) -> None:
    await house.register()
    person = await of_cookie(house.identity, (await house.log_in()).cookie)
    codes = [
        (await refusal_of(change_password(house.identity, "t", person, "wrong", OTHER_PASSWORD, "a"))).code
        for _ in range(4)
    ]
    assert codes == ["invalid_credentials"] * 3 + ["too_many_attempts"]


async def test_a_weak_new_password_changes_nothing(house: House) -> None:
    await house.register()
    person = await of_cookie(house.identity, (await house.log_in()).cookie)
    before = len(house.store.rows)
    refused = await refusal_of(change_password(house.identity, "t", person, PASSWORD, "alice123", "a"))
    assert refused.code == "password_too_weak"
    assert len(house.store.rows) == before


async def test_of_two_password_changes_at_once_one_wins(house: House) -> None:
    await house.register()
    person = await of_cookie(house.identity, (await house.log_in()).cookie)
    changes = [
        change_password(process, "t", person, PASSWORD, f"{OTHER_PASSWORD}-{number}", "a")
        for number, process in enumerate((house.identity, house.another()))
    ]
    answers = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(isinstance(answer, Exception) for answer in answers) == 1
    assert (await house.names_of_events()).count("credential.changed") == 1


async def test_a_password_change_in_a_session_that_has_just_ended_is_refused(house: House) -> None:
    account_id = await house.register()
    logged_in = await house.log_in()
    person = await of_cookie(house.identity, logged_in.cookie)
    await end_session(house.another(), BY, account_id, logged_in.session_id, "logout")
    refused = await refusal_of(change_password(house.identity, "t", person, PASSWORD, OTHER_PASSWORD, "a"))
    assert refused.code == "unauthenticated"


async def test_disabling_twice_names_the_same_position_and_asks_token_again(house: House) -> None:
    account_id = await house.register()
    house.token.answers = False
    first = await disable_account(house.identity, BY, account_id, "test")
    house.token.answers = True
    again = await disable_account(house.another(), BY, account_id, "test")
    assert (first.position, first.applied) == (again.position, False)
    assert again.applied
    assert house.token.cutoffs == [(account_id, first.position, None)]
    enabled = await enable_account(house.identity, BY, account_id, "test")
    assert enabled.position == len(house.store.rows)


async def test_nobody_can_be_disabled_who_does_not_exist(house: House) -> None:
    assert (await refusal_of(disable_account(house.identity, BY, "acc_none", "x"))).code == "account_unknown"
    assert (await refusal_of(enable_account(house.identity, BY, "acc_none", "x"))).code == "account_unknown"


async def test_a_bearer_is_as_alive_as_its_session(house: House) -> None:
    account_id = await house.register()
    other = await house.register("bob")
    one = await house.log_in()
    assert (await of_claims(house.identity, account_id, one.session_id)).session_id == one.session_id
    assert (await of_claims(house.identity, account_id, None)).session_id is None
    assert (await refusal_of(of_claims(house.identity, other, one.session_id))).code == "unauthenticated"
    assert (await refusal_of(of_claims(house.identity, "service", None))).code == "unauthenticated"
    await disable_account(house.another(), BY, account_id, "test")
    assert (await refusal_of(of_claims(house.identity, account_id, one.session_id))).code == "unauthenticated"
    assert (await refusal_of(of_claims(house.identity, account_id, None))).code == "unauthenticated"


def revocation(position: int) -> Recorded:
    return Recorded(
        position=position,
        stream="",
        version=1,
        type="",
        time=0,
        command_id="",
        actor="operator/admin",
        correlation_id="made-at-token",
        body=b"",
    )


async def test_a_session_revoked_at_token_is_over_here_once(house: House) -> None:
    await house.register()
    one = await house.log_in()
    for process in (house.identity, house.another()):
        await TakeOver(process.log)(SessionRevoked(session_id=one.session_id), revocation(30))
    assert (await refusal_of(of_cookie(house.identity, one.cookie))).code == "unauthenticated"
    assert (await house.names_of_events()).count("session.ended") == 1
    await TakeOver(house.log)(SessionRevoked(session_id="ses_of_nobody"), revocation(31))


async def test_an_account_revoked_at_token_ends_what_had_not_seen_it_and_nothing_after(house: House) -> None:
    account_id = await house.register()
    one = await house.log_in()
    for process in (house.identity, house.another()):
        await TakeOver(process.log)(SubjectRevoked(subject=account_id), revocation(30))
    assert (await refusal_of(of_cookie(house.identity, one.cookie))).code == "unauthenticated"
    assert (await house.names_of_events()).count("account.revoked") == 1
    again = await house.log_in()
    assert (await of_cookie(house.identity, again.cookie)).session_id == again.session_id


async def test_what_identity_asked_of_token_is_not_taken_over_again(house: House) -> None:
    account_id = await house.register()
    before = len(house.store.rows)
    await TakeOver(house.log)(SubjectRevoked(subject=account_id, before_session_position=7), revocation(30))
    await TakeOver(house.log)(SubjectRevoked(subject="some-client"), revocation(31))
    assert len(house.store.rows) == before


async def test_the_list_shows_the_sessions_that_go_on_newest_first(house: House) -> None:
    account_id = await house.register()
    await house.register("bob")
    await house.log_in("bob")
    one, two, three = [await house.log_in() for _ in range(3)]
    await end_session(house.identity, BY, account_id, two.session_id, "logout")
    person = await of_cookie(house.identity, three.cookie)
    house.time.advance(90)
    person = await of_cookie(house.identity, three.cookie)
    listed = await (await house.queries()).list_sessions(person)
    assert [entry.session_id for entry in listed] == [three.session_id, one.session_id]
    assert [entry.current for entry in listed] == [True, False]
    assert (listed[0].address, listed[0].agent) == ("192.0.2.7", "tests/1")
    assert listed[0].last_seen > listed[0].started
    assert listed[1].last_seen == listed[1].started


async def test_the_list_is_as_empty_as_a_password_change_leaves_it(house: House) -> None:
    await house.register()
    mine = await house.log_in()
    await house.log_in()
    person = await of_cookie(house.identity, mine.cookie)
    await change_password(house.identity, "t", person, PASSWORD, OTHER_PASSWORD, "a")
    listed = await (await house.queries()).list_sessions(person)
    assert [entry.session_id for entry in listed] == [mine.session_id]


@pytest.mark.parametrize(
    ("account_id", "now", "left"),
    [
        ("acc_a", 7_300_000, 700_000),
        ("acc_a", 7_999_999, 1),
        ("acc_a", 7_000_000, 1_000_000),
        ("acc_a", 8_000_000, 0),
        ("acc_a", 6_999_999, 0),
        ("acc_b", 7_300_000, 0),
    ],
)
def test_a_persons_next_login_is_in_another_second(account_id: str, now: int, left: int) -> None:
    """Within that of the last one it waits, at most to its end; a clock that is behind tells them apart as it is."""
    before = Session(id="ses_1", account_id="acc_a", auth_time=7_300_000)
    assert until_told_apart(before, account_id, now) == left
