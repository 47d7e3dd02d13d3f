"""Requests that nobody answers are kept for a while: so many of an address and for a client, and the honest get in."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.harness.browsing import Browser, Page
from tests.unit.identity.house import LIMITS, House
from tests.unit.identity.reception import Reception, answer, reception_of, sign_in
from tests.unit.identity.small_authorizations import App

ADDRESS, CLIENT, SESSION = (
    int(LIMITS[name].split()[0]) for name in ("authorize", "authorize_client", "authorize_session")
)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest_asyncio.fixture
async def reception(house: House) -> Reception:
    await house.register()
    made = reception_of(house)
    made.token.apps["two"] = App()
    return made


@pytest_asyncio.fixture
async def browser(reception: Reception) -> AsyncIterator[Browser]:
    async with reception.browser() as one:
        yield one


async def comes(reception: Reception, times: int, address: str = "198.51.100.7", **more: str) -> list[int]:
    """What a stranger's requests are answered with."""
    async with reception.browser(address=address) as stranger:
        asking = [await stranger.http.get(reception.asking(**more), follow_redirects=False) for _ in range(times)]
    return [one.status_code for one in asking]


async def flooded(reception: Reception, client_id: str = "one") -> None:
    """As many requests for a client as there may be, each from an address of its own."""
    for number in range(CLIENT):
        assert await comes(reception, 1, f"198.51.100.{number}", client_id=client_id) == [303]


def busy(page: Page) -> bool:
    """Whether the page says to come again, in the words of RFC 6749 4.1.2.1, too."""
    assert (page.response.status_code == 429) is ("temporarily_unavailable" in page.text)
    return page.response.status_code == 429


async def test_an_address_has_so_many_and_nothing_is_kept_of_more(reception: Reception, browser: Browser) -> None:
    assert await comes(reception, ADDRESS + 3) == [303] * ADDRESS + [429] * 3
    assert len(reception.token.kept) == ADDRESS
    assert not busy(await browser.open(reception.asking())), "another address is not concerned"


async def test_who_is_refused_is_told_when_to_come_again(reception: Reception, browser: Browser) -> None:
    await comes(reception, ADDRESS, "192.0.2.7")
    page = await browser.open(reception.asking())
    assert busy(page)
    assert int(page.response.headers["retry-after"]) >= 1
    assert page.url.endswith(page.links["Try again"])
    assert page.has("code")


async def test_a_client_has_so_many_from_wherever(reception: Reception, browser: Browser) -> None:
    await flooded(reception)
    assert busy(await browser.open(reception.asking()))
    assert not busy(await browser.open(reception.asking(client_id="two"))), "another client is not concerned"


@pytest.mark.parametrize("where", ["client", "address"])
async def test_who_is_signed_in_goes_on_under_a_limit_of_their_own(
    reception: Reception, browser: Browser, where: str
) -> None:
    await sign_in(browser, await browser.open(reception.asking(client_id="two")))
    if where == "client":
        await flooded(reception)
    else:
        await comes(reception, ADDRESS, "192.0.2.7")
    for _ in range(SESSION):
        assert (await browser.open(reception.asking())).title.startswith("Allow An App?")
    assert busy(await browser.open(reception.asking()))


async def test_what_is_answered_at_once_does_not_count(reception: Reception, browser: Browser) -> None:
    assert set(await comes(reception, 2 * ADDRESS, prompt="none")) == {303}
    page = await sign_in(browser, await browser.open(reception.asking()))
    await browser.submit(page, ("decision", "allow"))
    for _ in range(2 * ADDRESS):
        assert "code" in answer(await browser.open(reception.asking()))


async def test_what_goes_nowhere_counts(reception: Reception) -> None:
    assert await comes(reception, ADDRESS + 1, client_id="nobody") == [400] * ADDRESS + [429]
    assert await comes(reception, 1, "198.51.100.8", client_id="one" * 100) == [400]


async def test_a_posted_request_counts_and_no_session_helps_it(reception: Reception, browser: Browser) -> None:
    await sign_in(browser, await browser.open(reception.asking()))
    await comes(reception, ADDRESS, "192.0.2.7")
    form = reception.asking().partition("?")[2]
    posted = await browser.http.post("/oauth2/authorize", content=form, headers=FORM)
    assert posted.status_code == 429


async def test_two_processes_count_together(reception: Reception, house: House) -> None:
    house.identity = house.another()
    other = reception_of(house)
    assert await comes(reception, ADDRESS // 2) == [303] * (ADDRESS // 2)
    assert await comes(other, ADDRESS) == [303] * (ADDRESS // 2) + [429] * (ADDRESS // 2)
