"""What the RP-Initiated Logout profile of the OpenID certification asks of a provider, module by module."""

from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from tests.harness.browsing import Browser, Page
from tests.harness.people import Person
from tests.oidc.conftest import Parties
from tests.oidc.party import OUT, Party

SIGN_OUT, STAY = ("decision", "signout"), ("decision", "stay")


def leaving(app: Party, **asked: str) -> str:
    return f"{app.suite.url('identity')}/oauth2/logout?{urlencode(asked)}"


async def signed_in(app: Party, browser: Browser) -> bool:
    """Whether the browser's person is, as their application sees it."""
    return "code" in app.said(await browser.open(app.asking(prompt="none")))


@pytest_asyncio.fixture
async def hint(app: Party, browser: Browser, person: Person) -> str:
    """The ID token of somebody who has signed in."""
    token: str = (await app.tokens(browser, person))["id_token"]
    return token


async def test_rp_initiated_logout(app: Party, browser: Browser, hint: str) -> None:
    """oidcc-rp-initiated-logout: at once, to the registered address, with the state."""
    page = await browser.open(leaving(app, id_token_hint=hint, post_logout_redirect_uri=OUT, state="bye"))
    assert page.left == f"{OUT}?state=bye"
    assert not await signed_in(app, browser)


async def test_rp_initiated_logout_no_state(app: Party, browser: Browser, hint: str) -> None:
    """oidcc-rp-initiated-logout-no-state"""
    page = await browser.open(leaving(app, id_token_hint=hint, post_logout_redirect_uri=OUT))
    assert page.left == OUT
    assert not await signed_in(app, browser)


async def test_rp_initiated_logout_no_post_logout_redirect_uri(app: Party, browser: Browser, hint: str) -> None:
    """oidcc-rp-initiated-logout-no-post-logout-redirect-uri"""
    page = await browser.open(leaving(app, id_token_hint=hint, state="bye"))
    assert (page.left, page.response.status_code) == ("", 200)
    assert not await signed_in(app, browser)


@pytest.mark.parametrize("asked", [{}, {"state": "bye"}], ids=["no-params", "only-state"])
async def test_rp_initiated_logout_by_nobody(app: Party, browser: Browser, hint: str, asked: dict[str, str]) -> None:
    """oidcc-rp-initiated-logout-no-params, -only-state: the person is asked, and goes nowhere."""
    page = await browser.open(leaving(app, **asked))
    assert await signed_in(app, browser), "not before they say so"
    page = await browser.submit(page, SIGN_OUT)
    assert (page.left, page.response.status_code) == ("", 200)
    assert not await signed_in(app, browser)


async def test_a_person_who_stays(app: Party, browser: Browser, hint: str) -> None:
    """RP-Initiated Logout 1.0, 2: it is theirs to say."""
    page = await browser.open(leaving(app, client_id=app.client.client_id, post_logout_redirect_uri=OUT))
    await browser.submit(page, STAY)
    assert await signed_in(app, browser)


async def test_rp_initiated_logout_no_id_token_hint(app: Party, browser: Browser, hint: str) -> None:
    """oidcc-rp-initiated-logout-no-id-token-hint: nobody says whose address that is."""
    page = await browser.open(leaving(app, post_logout_redirect_uri=OUT, state="bye"))
    await refused(app, browser, page)


async def test_rp_initiated_logout_with_client_id_in_place_of_a_hint(app: Party, browser: Browser, hint: str) -> None:
    """RP-Initiated Logout 1.0, 2: after the person has said so."""
    page = await browser.open(leaving(app, client_id=app.client.client_id, post_logout_redirect_uri=OUT, state="bye"))
    page = await browser.submit(page, SIGN_OUT)
    assert page.left == f"{OUT}?state=bye"
    assert not await signed_in(app, browser)


async def refused(app: Party, browser: Browser, page: Page) -> None:
    """The person is told, goes nowhere, and is still who they were."""
    assert (page.left, page.response.status_code) == ("", 400)
    assert page.response.headers["x-correlation-id"] in page.text
    assert await signed_in(app, browser)


@pytest.mark.parametrize("uri", ["https://app.example/elsewhere", f"{OUT}?foo=bar", f"{OUT}/", "https://evil.example/"])
async def test_rp_initiated_logout_bad_post_logout_redirect_uri(
    app: Party, browser: Browser, hint: str, uri: str
) -> None:
    """oidcc-rp-initiated-logout-bad-post-logout-redirect-uri, -query-added-to-post-logout-redirect-uri"""
    page = await browser.open(leaving(app, id_token_hint=hint, post_logout_redirect_uri=uri))
    await refused(app, browser, page)


async def test_rp_initiated_logout_bad_and_modified_id_token_hint(app: Party, browser: Browser, hint: str) -> None:
    """oidcc-rp-initiated-logout-bad-id-token-hint, -modified-id-token-hint"""
    head, payload, signature = hint.split(".")
    modified = f"{head}.{payload}.{signature[:-8]}{'A' * 8}"
    for bad in ("bad", modified, f"{head}.{payload}."):
        page = await browser.open(leaving(app, id_token_hint=bad, post_logout_redirect_uri=OUT))
        await refused(app, browser, page)


async def test_a_hint_of_another_client(app: Party, browser: Browser, hint: str, parties: Parties) -> None:
    """RP-Initiated Logout 1.0, 2: client_id and the hint's audience are one."""
    other = await parties()
    asked = {"id_token_hint": hint, "client_id": other.client.client_id, "post_logout_redirect_uri": OUT}
    await refused(app, browser, await browser.open(leaving(app, **asked)))


async def test_a_hint_of_another_session(
    app: Party, browser: Browser, hint: str, browsers: Any, person: Person
) -> None:
    """The issue: sign-out asks unless the hint fits this session."""
    other = await browsers()
    await app.tokens(other, person)
    page = await other.open(leaving(app, id_token_hint=hint, post_logout_redirect_uri=OUT))
    assert SIGN_OUT in page.form.buttons
    assert await signed_in(app, other)


async def test_logout_by_post(app: Party, browser: Browser, hint: str) -> None:
    """RP-Initiated Logout 1.0, 2: GET and POST; what another site sends is gone on with by GET."""
    form = {"id_token_hint": hint, "post_logout_redirect_uri": OUT}
    headers = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    answer = await browser.http.post(leaving(app).rstrip("?"), data=form, headers=headers)
    assert answer.status_code == 303
    page = await browser.open(f"{app.suite.url('identity')}{answer.headers['location']}")
    assert page.left == OUT
    assert not await signed_in(app, browser)


async def test_whoever_is_gone_already_goes_on(app: Party, browser: Browser, hint: str) -> None:
    """RP-Initiated Logout 1.0, 2: an expired session is no reason to keep anybody."""
    url = leaving(app, id_token_hint=hint, post_logout_redirect_uri=OUT)
    for _ in range(2):
        assert (await browser.open(url)).left == OUT
