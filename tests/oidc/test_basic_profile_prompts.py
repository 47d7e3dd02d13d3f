"""The Basic profile's modules about whether a person signs in anew, and as whom: prompt, max_age and hints."""

import asyncio

from tests.harness.browsing import Browser
from tests.harness.people import Person, claims
from tests.harness.running import Running
from tests.oidc.conftest import Browsers, Parties
from tests.oidc.party import ALLOW, CONTINUE, Party, sign_in


async def test_prompt_login(app: Party, browser: Browser, person: Person) -> None:
    """oidcc-prompt-login: the person signs in anew, and the ID token says so, however soon it is."""
    told = [claims((await app.tokens(browser, person))["id_token"])]
    for _ in range(4):
        page = await sign_in(browser, await browser.open(app.asking(prompt="login")), person)
        told.append(claims((await app.redeem(app.said(page)["code"])).json()["id_token"]))
    assert {said["sub"] for said in told} == {person.account_id}
    times = [said["auth_time"] for said in told]
    assert times == sorted(set(times))


async def test_prompt_none_not_logged_in(app: Party, browser: Browser) -> None:
    """oidcc-prompt-none-not-logged-in"""
    said = app.said(await browser.open(app.asking(prompt="none")))
    assert (said["error"], said["state"]) == ("login_required", "s")
    assert "code" not in said


async def test_prompt_none_logged_in(app: Party, browser: Browser, person: Person) -> None:
    """oidcc-prompt-none-logged-in: at once, as the same person, who signed in when they did."""
    first = claims((await app.tokens(browser, person))["id_token"])
    page = await browser.open(app.asking(prompt="none", nonce="other"))
    second = claims((await app.redeem(app.said(page)["code"])).json()["id_token"])
    assert (second["sub"], second["auth_time"], second["nonce"]) == (first["sub"], first["auth_time"], "other")


async def test_prompt_none_without_consent(parties: Parties, browser: Browser, person: Person) -> None:
    """OpenID Connect Core 3.1.2.6, consent_required."""
    app, other = await parties(), await parties(ask_consent=True)
    await app.tokens(browser, person)
    assert other.said(await browser.open(other.asking(prompt="none")))["error"] == "consent_required"


async def test_prompt_none_beside_another(app: Party, browser: Browser) -> None:
    """OpenID Connect Core 3.1.2.1."""
    assert app.said(await browser.open(app.asking(prompt="none login")))["error"] == "invalid_request"


async def test_prompt_consent_and_select_account(app: Party, browser: Browser, person: Person) -> None:
    """OpenID Connect Core 3.1.2.1: whoever has consented is asked again, and which account it is to be."""
    await app.tokens(browser, person)
    page = await browser.open(app.asking(prompt="select_account consent"))
    page = await browser.submit(page, CONTINUE)
    assert "code" in app.said(await browser.submit(page, ALLOW))


async def test_max_age_1(app: Party, browser: Browser, person: Person) -> None:
    """oidcc-max-age-1: after a second the person signs in anew."""
    first = claims((await app.tokens(browser, person))["id_token"])
    await asyncio.sleep(2)
    page = await sign_in(browser, await browser.open(app.asking(max_age="1")), person)
    second = claims((await app.redeem(app.said(page)["code"])).json()["id_token"])
    assert second["auth_time"] > first["auth_time"]


async def test_max_age_10000(app: Party, browser: Browser, person: Person) -> None:
    """oidcc-max-age-10000: nobody is asked anything."""
    first = claims((await app.tokens(browser, person))["id_token"])
    page = await browser.open(app.asking(max_age="10000"))
    second = claims((await app.redeem(app.said(page)["code"])).json()["id_token"])
    assert second["auth_time"] == first["auth_time"]


async def test_id_token_hint(app: Party, browser: Browser, person: Person) -> None:
    """oidcc-id-token-hint: as the person that it names, silently."""
    tokens = await app.tokens(browser, person)
    page = await browser.open(app.asking(prompt="none", id_token_hint=tokens["id_token"]))
    second = claims((await app.redeem(app.said(page)["code"])).json()["id_token"])
    assert second["sub"] == claims(tokens["id_token"])["sub"]


async def test_id_token_hint_of_somebody_else(
    app: Party, browsers: Browsers, suite: Running, person: Person, parties: Parties
) -> None:
    """OpenID Connect Core 3.1.2.2: never answered as another than the one who was asked for."""
    theirs, mine = await browsers(), await browsers()
    tokens = await app.tokens(theirs, person)
    admin = Person(suite.admin.username, suite.admin.password, "")
    await app.tokens(mine, admin)
    page = await mine.open(app.asking(prompt="none", id_token_hint=tokens["id_token"]))
    assert app.said(page)["error"] == "login_required"


async def test_login_hint(app: Party, browser: Browser) -> None:
    """oidcc-login-hint"""
    page = await browser.open(app.asking(login_hint="buffy@example.com"))
    assert page.has("input", name="username", value="buffy@example.com")
