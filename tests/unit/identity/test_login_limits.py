"""Limits stand before the hash, count over all processes, and let nobody lock another out (RULES 10)."""

import asyncio
from dataclasses import replace

from chassis.limits import source_of
from services.identity.commands import Browser
from tests.unit.identity.house import BROWSER, LIMITS, PASSWORD, House, refusal_of

PER_NAME = int(LIMITS["name"].split()[0])
PER_ADDRESS = int(LIMITS["address"].split()[0])
PER_NAME_ADDRESS = int(LIMITS["name_address"].split()[0])


def at(number: int) -> str:
    return f"198.51.100.{number}"


def elsewhere(number: int) -> Browser:
    return replace(BROWSER, address=at(number), source=at(number))


async def fail(house: House, times: int, username: str = "alice", first_address: int = 1) -> list[str]:
    codes = []
    for number in range(times):
        browser = elsewhere(first_address + number)
        codes.append((await refusal_of(house.log_in(username, "wrong", browser=browser))).code)
    return codes


async def test_a_name_has_so_many_tries_from_wherever_known_or_not(house: House) -> None:
    await house.register()
    expected = ["invalid_credentials"] * PER_NAME + ["too_many_attempts"] * 2
    assert await fail(house, PER_NAME + 2) == expected
    assert await fail(house, PER_NAME + 2, "nobody", 100) == expected


async def test_a_place_has_so_many_tries_whatever_the_names(house: House) -> None:
    asked = [house.log_in(f"name-{number}", "wrong", browser=BROWSER) for number in range(PER_ADDRESS + 2)]
    codes = [(await refusal_of(one)).code for one in asked]
    assert codes == ["invalid_credentials"] * PER_ADDRESS + ["too_many_attempts"] * 2


async def test_the_right_password_is_refused_too_beyond_the_limit_and_told_when(house: House) -> None:
    await house.register()
    await fail(house, PER_NAME)
    refused = await refusal_of(house.log_in())
    assert refused.code == "too_many_attempts"
    assert refused.retry_after is not None
    assert refused.retry_after >= 1


async def test_an_attempt_refused_by_a_limit_is_no_event(house: House) -> None:
    await house.register()
    await fail(house, PER_NAME)
    before = len(house.store.rows)
    await fail(house, 3, first_address=100)
    house.time.advance(60)
    await house.identity.failures.flush()
    assert (await house.names_of_events(before)).count("login.failed") == 1


async def test_two_processes_count_together(house: House) -> None:
    await house.register()
    codes = await fail(house, PER_NAME // 2)
    house.identity = house.another()
    codes += await fail(house, PER_NAME, first_address=50)
    assert codes.count("invalid_credentials") == PER_NAME


async def test_many_at_once_do_not_pass_the_limit(house: House) -> None:
    await house.register()
    attempts = [asyncio.ensure_future(house.log_in(password="wrong", browser=BROWSER)) for _ in range(30)]
    codes = [(await refusal_of(attempt)).code for attempt in attempts]
    assert codes.count("invalid_credentials") == PER_NAME_ADDRESS


async def test_success_does_not_count(house: House) -> None:
    await house.register()
    for _ in range(3 * PER_NAME):
        await house.log_in()


async def test_honest_logins_at_once_are_not_taken_for_failures(house: House) -> None:
    await house.register()
    assert len(await asyncio.gather(*(house.log_in() for _ in range(40)))) == 40


async def test_no_more_wait_from_one_place_than_its_share_whatever_the_names(house: House) -> None:
    await house.register()
    await house.register("bob")
    logins = [asyncio.ensure_future(house.log_in(("alice", "bob")[number % 2])) for number in range(45)]
    others = [asyncio.ensure_future(house.log_in("nobody", browser=elsewhere(number))) for number in range(30)]
    answers = await asyncio.gather(*logins, return_exceptions=True)
    assert [getattr(one, "code", "in") for one in answers].count("too_many_attempts") == 5
    codes = {getattr(one, "code", "in") for one in await asyncio.gather(*others, return_exceptions=True)}
    assert {"invalid_credentials", "overloaded"} <= codes


async def test_a_browser_that_logged_in_before_goes_on_while_its_name_is_under_attack(house: House) -> None:
    await house.register()
    known = replace(BROWSER, device=(await house.log_in()).device)
    await fail(house, PER_NAME + 1)
    await fail(house, 1, first_address=7)
    assert (await refusal_of(house.log_in(browser=BROWSER))).code == "too_many_attempts"
    assert (await house.log_in(browser=known)).account_id


async def test_a_known_browser_has_a_limit_of_its_own(house: House) -> None:
    await house.register()
    known = replace(BROWSER, device=(await house.log_in()).device)
    codes = [(await refusal_of(house.log_in(password="wrong", browser=known))).code for _ in range(8)]
    assert codes[-1] == "too_many_attempts"
    assert (await house.log_in()).account_id


async def test_a_device_cookie_is_good_for_its_own_name_only(house: House) -> None:
    await house.register()
    await house.register("mallory")
    theirs = replace(BROWSER, device=(await house.log_in("mallory")).device)
    await fail(house, PER_NAME)
    assert (await refusal_of(house.log_in(browser=theirs))).code == "too_many_attempts"
    forged = replace(BROWSER, device="device.0000")
    assert (await refusal_of(house.log_in(browser=forged))).code == "too_many_attempts"


async def test_one_address_cannot_fill_the_queue_and_a_full_queue_says_so(house: House) -> None:
    await house.register()
    loud = replace(BROWSER, source="203.0.113.1")
    shout = [asyncio.ensure_future(house.identity.hasher.verify("x", PASSWORD, loud.source)) for _ in range(60)]
    quiet = asyncio.ensure_future(house.identity.hasher.verify(house.hasher.nobodys, PASSWORD, "203.0.113.2"))
    rest = [asyncio.ensure_future(house.identity.hasher.verify("x", PASSWORD, f"a{n}")) for n in range(40)]
    refused = [one for one in await asyncio.gather(*shout, return_exceptions=True) if isinstance(one, Exception)]
    assert {getattr(one, "code", "") for one in refused} == {"too_many_attempts"}
    assert await quiet is False
    full = [one for one in await asyncio.gather(*rest, return_exceptions=True) if isinstance(one, Exception)]
    assert {getattr(one, "code", "") for one in full} == {"overloaded"}


async def test_neighbours_in_an_ipv6_network_count_as_one() -> None:
    assert source_of("2001:db8:1:2::1") == source_of("2001:db8:1:2:ffff::9") != source_of("2001:db8:1:3::1")
    assert source_of("::ffff:192.0.2.1") == source_of("192.0.2.1") == "192.0.2.1"
    assert source_of("testclient") == "testclient"
