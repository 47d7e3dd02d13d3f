"""Logging in: one answer to whoever is not let in, and a session that is the last event of its command."""

import asyncio
from dataclasses import replace

import pytest

from eventlog.log import By
from services.identity.adapters.hasher import ThreadHasher
from services.identity.commands.accounts import disable_account, enable_account
from services.identity.commands.sessions import end_session, of_cookie
from services.identity.domain.account import ACCOUNT
from services.identity.domain.events import LoginFailed, SessionStarted
from tests.unit.identity.house import BROWSER, OTHER_PASSWORD, PASSWORD, House, refusal_of
from tests.unit.identity.stores import CountedStore, FailingStore

# Of the house's clock, and the three after it.
MONTHS = ("2026-09", "2026-10", "2026-11", "2026-12")
BY = By("operator/admin", "test")


async def test_a_session_starts_with_the_last_event_of_its_login(house: House) -> None:
    account_id = await house.register()
    logged_in = await house.log_in()
    assert await house.names_of_events(2) == ["login.succeeded", "session.started"]
    assert logged_in.position == len(house.store.rows)
    person = await of_cookie(house.identity, logged_in.cookie)
    assert (person.account.id, person.session_id) == (account_id, logged_in.session_id)


async def test_the_session_records_what_identity_had_applied_of_tokens_log(house: House) -> None:
    await house.register()
    house.token.applied = 44
    await house.log_in()
    assert [event.seen for event in await house.events() if isinstance(event, SessionStarted)] == [44]


async def test_unknown_wrong_and_disabled_get_the_same_answer_and_the_same_append(house: House) -> None:
    account_id = await house.register()
    await house.register("mallory")
    wrong = await refusal_of(house.log_in(password="wrong"))
    after = len(house.store.rows)
    unknown = await refusal_of(house.log_in("nobody", "wrong"))
    assert await house.names_of_events(after) == ["login.failed"]
    await disable_account(house.identity, BY, account_id, "test")
    disabled = await refusal_of(house.log_in())
    said = {(one.kind, one.code, one.detail, one.retry_after) for one in (wrong, unknown, disabled)}
    assert len(said) == 1
    assert wrong.code == "invalid_credentials"


async def test_an_enabled_account_logs_in_again(house: House) -> None:
    account_id = await house.register()
    await disable_account(house.identity, BY, account_id, "test")
    await enable_account(house.identity, BY, account_id, "test")
    assert (await house.log_in()).account_id == account_id


async def test_a_failed_login_says_whose_name_it_is_where_somebody_has_it(house: House) -> None:
    account_id = await house.register()
    await refusal_of(house.log_in(password="wrong"))
    await refusal_of(house.log_in("nobody", "wrong"))
    assert [event.account_id for event in await house.events() if isinstance(event, LoginFailed)] == [account_id, None]


async def test_no_event_tells_the_name_of_a_failed_login_or_any_secret(house: House) -> None:
    await house.register()
    logged_in = await house.log_in()
    await refusal_of(house.log_in("whoever-that-is"))
    secret = logged_in.cookie.partition(".")[2]
    for row in house.store.rows:
        for hidden in ("whoever-that-is", "alice", BROWSER.address, BROWSER.agent, secret, PASSWORD):
            assert hidden.encode() not in row.body
            assert hidden not in row.stream


async def test_repeated_failures_are_one_event_with_a_count(house: House) -> None:
    await house.register()
    for _ in range(4):
        await refusal_of(house.log_in(password="wrong"))
    await house.identity.failures.flush()
    house.time.advance(60)
    await house.identity.failures.flush()
    await house.identity.failures.flush()
    assert [event.count for event in await house.events() if isinstance(event, LoginFailed)] == [1, 3]


@pytest.mark.parametrize("stores_first", [False, True])
async def test_failures_that_could_not_be_written_are_written_later_and_once(house: House, stores_first: bool) -> None:
    store = FailingStore(stores_first=stores_first)
    house.on(store)
    for _ in range(4):
        await refusal_of(house.log_in("nobody", "wrong"))
    house.time.advance(60)
    store.fails = lambda type_: ".login.failed." in type_
    assert (await refusal_of(house.identity.failures.flush())).code == "log_unavailable"
    store.fails = lambda type_: False
    for _ in range(2):
        await house.identity.failures.flush()
    assert [event.count for event in await house.events() if isinstance(event, LoginFailed)] == [1, 3]


async def test_an_unknown_name_asks_the_log_as_often_as_a_wrong_password(house: House) -> None:
    store = CountedStore()
    house.on(store)
    await house.register()
    house.identity = house.another()
    asked: dict[str, list[int]] = {"alice": [], "nobody": []}
    for _ in range(3):  # the first finds nothing in memory and begins the minute's stream, the others do neither
        for username, times in asked.items():
            before = store.asked
            await refusal_of(house.log_in(username, "wrong"))
            times.append(store.asked - before)
    assert asked["alice"] == asked["nobody"]


async def test_two_processes_lose_no_failure(house: House) -> None:
    await house.register()
    others = [house.identity, house.another()]
    for number in range(4):
        house.identity = others[number % 2]
        await refusal_of(house.log_in(password="wrong"))
    house.time.advance(60)
    for process in others:
        await process.failures.flush()
    assert sum(event.count for event in await house.events() if isinstance(event, LoginFailed)) == 4


async def test_what_identifies_a_failure_changes_with_the_month(house: House) -> None:
    await refusal_of(house.log_in("nobody"))
    house.time.advance(40 * 86_400)
    await refusal_of(house.log_in("nobody"))
    failed = [event.name_key for event in await house.events() if isinstance(event, LoginFailed)]
    assert len(set(failed)) == 2


async def test_keys_of_months_long_gone_are_erased_and_younger_ones_kept(house: House) -> None:
    for _ in range(4):
        await refusal_of(house.log_in("nobody"))
        await house.identity.failures.forget_old_keys()
        house.time.advance(31 * 86_400)
    await house.identity.failures.forget_old_keys()
    kept = [await house.keys.find(f"service/failures/{month}") is not None for month in MONTHS]
    assert kept == [False, False, False, True]


async def test_a_login_ends_the_session_that_the_browser_had(house: House) -> None:
    await house.register()
    first = await house.log_in()
    second = await house.log_in(browser=replace(BROWSER, session=first.cookie))
    assert (await refusal_of(of_cookie(house.identity, first.cookie))).code == "unauthenticated"
    assert (await of_cookie(house.identity, second.cookie)).session_id == second.session_id
    assert first.session_id in house.token.ended


async def test_a_login_succeeds_where_the_session_before_cannot_be_ended_now(house: House) -> None:
    store = FailingStore()
    house.on(store)
    await house.register()
    first = await house.log_in()
    store.fails = lambda type_: ".session.ended." in type_
    second = await house.log_in(browser=replace(BROWSER, session=first.cookie))
    assert second.position == len(store.rows)
    assert (await of_cookie(house.identity, second.cookie)).session_id == second.session_id


async def test_a_forged_cookie_beside_a_login_ends_nothing(house: House) -> None:
    await house.register()
    first = await house.log_in()
    await house.log_in(browser=replace(BROWSER, session=f"{first.session_id}.guessed"))
    assert (await of_cookie(house.identity, first.cookie)).session_id == first.session_id


async def test_a_hash_of_another_cost_is_made_anew_at_login(house: House) -> None:
    account_id = await house.register()
    before = (await house.log.fresh(ACCOUNT, account_id)).password_hash
    dearer = ThreadHasher(threads=1, queue=8, share=8, minimum_strength=3, memory=16, passes=1)
    house.identity = house.another(dearer)
    await asyncio.gather(*(house.log_in() for _ in range(4)))
    after = await house.log.fresh(ACCOUNT, account_id)
    assert after.password_hash != before
    assert not dearer.outdated(after.password_hash)
    assert (await house.names_of_events()).count("credential.rehashed") == 1
    await house.log_in()
    assert (await house.names_of_events()).count("credential.rehashed") == 1
    dearer.close()


async def test_passwords_beyond_their_bytes_are_refused_before_any_hash(house: House) -> None:
    await house.register()
    assert (await refusal_of(house.log_in(password="x" * 1025))).code == "password_too_long"


MANGLED = [
    *("", ".", "x", "ses_none.x", "ses_none.", "\ud800.x"),
    f"ses_\0{'a' * 21}.{'b' * 43}",
    f"ses_{'a' * 22}.{'b' * 42}",
    f"ses_{'a' * 22}\n.{'b' * 43}",
    f"ses_{'a' * 32_000}.{'b' * 43}",
]


@pytest.mark.parametrize("cookie", MANGLED)
async def test_a_mangled_cookie_is_nobody_and_the_log_is_not_asked(house: House, cookie: str) -> None:
    store = CountedStore()
    house.on(store)
    account_id = await house.register()
    assert (await refusal_of(of_cookie(house.identity, cookie))).code == "unauthenticated"
    assert (await house.log_in(browser=replace(BROWSER, session=cookie))).account_id == account_id
    assert f"session/{cookie.partition('.')[0]}" not in store.streams_asked


async def test_an_id_that_is_none_is_no_session_and_the_log_is_not_asked(house: House) -> None:
    store = CountedStore()
    house.on(store)
    account_id = await house.register()
    before = store.asked
    for session_id in (f"ses_\0{'a' * 21}", "ses_none", "a" * 32_000):
        ended = await refusal_of(end_session(house.identity, BY, account_id, session_id, "logout"))
        assert ended.code == "session_unknown"
    assert store.asked == before


async def test_another_password_is_wrong(house: House) -> None:
    await house.register()
    assert (await refusal_of(house.log_in(password=OTHER_PASSWORD))).code == "invalid_credentials"
