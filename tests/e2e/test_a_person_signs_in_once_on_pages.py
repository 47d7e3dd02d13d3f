"""The code flow in a plain browser without JavaScript: signed in once, into every application, and out of all."""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from tests.harness.applications import Application, ask_token, registered
from tests.harness.browsing import Browser, Page
from tests.harness.people import People, Person
from tests.harness.running import PATIENCE, Running

pytestmark = pytest.mark.over("feed")

BACK, OUT = "https://app.example/callback", "https://app.example/out"
ALLOW, SIGN_OUT = ("decision", "allow"), ("decision", "signout")


@dataclass
class Site:
    """An application on the web, for which somebody's browser asks for a code."""

    suite: Running
    http: AsyncClient
    client: Application
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    def asking(self, **more: str) -> str:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "client_id": self.client.client_id,
            "redirect_uri": BACK,
            "response_type": "code",
            "scope": "openid profile",
            "state": "s",
            "nonce": "n",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.suite.url('identity')}/oauth2/authorize?{urlencode(asked | more)}"

    async def tokens(self, page: Page) -> dict[str, Any]:
        """What the code is worth with which a browser came back."""
        said = dict(parse_qsl(urlsplit(page.left).query))
        assert page.left.startswith(f"{BACK}?"), page.left or page.text
        assert (said["state"], said["iss"]) == ("s", self.suite.url("token"))
        form = {"grant_type": "authorization_code", "code": said["code"], "redirect_uri": BACK}
        answer = await ask_token(self.http, self.suite, self.client, **form, code_verifier=self.verifier)
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens


@pytest_asyncio.fixture
async def sites(suite: Running) -> AsyncIterator[list[Site]]:
    async with AsyncClient(timeout=30, trust_env=False) as http:
        yield [
            Site(
                suite,
                http,
                await registered(
                    suite,
                    name=name,
                    confidential=True,
                    grant_types=["authorization_code"],
                    scopes=["openid", "profile"],
                    redirect_uris=[BACK],
                    post_logout_redirect_uris=[OUT],
                ),
            )
            for name in ("First app", "Second app")
        ]


@pytest_asyncio.fixture
async def browser(suite: Running) -> AsyncIterator[Browser]:
    async with AsyncClient(timeout=30, trust_env=False) as http:
        yield Browser.before(http, suite.url("identity"))


@pytest_asyncio.fixture
async def person(people: People) -> Person:
    return await people.register()


def claims(token: str) -> dict[str, Any]:
    decoded: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return decoded


async def entered(site: Site, browser: Browser, person: Person) -> dict[str, Any]:
    """Whoever is nobody here yet signs in and consents."""
    page = await browser.open(site.asking())
    page = await browser.submit(page, username=person.username, password=person.password)
    assert page.title.startswith("Allow First app?"), page.text
    return await site.tokens(await browser.submit(page, ALLOW))


async def test_one_password_opens_every_application_until_one_signs_out(
    sites: list[Site], browser: Browser, person: Person
) -> None:
    first, second = sites
    mine = claims((await entered(first, browser, person))["id_token"])
    assert (mine["sub"], mine["aud"], mine["nonce"]) == (person.account_id, first.client.client_id, "n")
    page = await browser.open(second.asking())
    assert page.title.startswith("Allow Second app?"), "nobody asks for the password again"
    tokens = await second.tokens(await browser.submit(page, ALLOW))
    assert claims(tokens["id_token"])["sid"] == mine["sid"]
    assert claims(tokens["id_token"])["auth_time"] == mine["auth_time"]
    again = await browser.open(second.asking(prompt="none"))
    await second.tokens(again)

    out = f"{first.suite.url('identity')}/oauth2/logout?"
    asked = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": OUT, "state": "bye"}
    assert (await browser.open(out + urlencode(asked))).left == f"{OUT}?state=bye"
    for site in sites:
        left = (await browser.open(site.asking(prompt="none"))).left
        assert "error=login_required" in left
    state = await introspected(first, tokens["access_token"], second.client)
    assert state == {"active": False}, "the session's tokens ended with it"


async def introspected(site: Site, token: str, client: Application) -> Any:
    url = f"{site.suite.url('token')}/oauth2/introspect"
    return (await site.http.post(url, data={"token": token}, auth=client.auth)).json()


async def test_without_a_fitting_hint_the_person_is_asked(sites: list[Site], browser: Browser, person: Person) -> None:
    await entered(sites[0], browser, person)
    page = await browser.open(f"{sites[0].suite.url('identity')}/oauth2/logout?client_id={sites[0].client.client_id}")
    assert "First app asks to sign you out." in page.text
    assert (await browser.submit(page, SIGN_OUT)).title.startswith("You are signed out")
    assert "error=login_required" in (await browser.open(sites[0].asking(prompt="none"))).left


async def test_a_request_by_post_and_an_answer_by_post(sites: list[Site], browser: Browser, person: Person) -> None:
    (site, _), form = sites, sites[0].asking(response_mode="form_post").partition("?")[2]
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://app.example"}
    first = await browser.http.post(f"{site.suite.url('identity')}/oauth2/authorize", content=form, headers=headers)
    assert first.status_code == 303
    page = await browser.open(f"{site.suite.url('identity')}{first.headers['location']}")
    page = await browser.submit(page, username=person.username, password=person.password)
    page = await browser.submit(page, ALLOW)
    assert page.form.action == BACK
    page.left = f"{BACK}?{urlencode(page.form.fields)}"
    assert (await site.tokens(page))["token_type"] == "Bearer"


async def test_what_is_not_registered_is_redirected_nowhere(sites: list[Site], browser: Browser) -> None:
    for wrong in ({"redirect_uri": "https://evil.example/"}, {"client_id": "nobody"}):
        page = await browser.open(sites[0].asking(**wrong))
        assert (page.left, page.response.status_code) == ("", 400)
        reference = page.response.headers["x-correlation-id"]
        assert reference in page.text
        lines = (sites[0].suite.place.logs / "identity.log").read_text().splitlines()
        assert any(reference in line and "page_of_error" in line for line in lines)


async def test_a_session_that_ended_elsewhere_opens_nothing(
    sites: list[Site], browser: Browser, person: Person, people: People
) -> None:
    await entered(sites[0], browser, person)
    admin = await people.administrator()
    url = f"/v1/accounts/{person.account_id}/disable"
    assert (await people.post("identity", url, 0, admin.bearer, reason="a test")).status_code == 200
    assert "error=login_required" in (await browser.open(sites[0].asking(prompt="none"))).left
    page = await browser.open(sites[0].asking())
    page = await browser.submit(page, username=person.username, password=person.password)
    assert "Username or password is wrong." in page.text


async def test_any_process_goes_on_with_what_another_began(sites: list[Site], browser: Browser, person: Person) -> None:
    suite = sites[0].suite
    suite.second("identity")
    one, two = suite.urls("identity")
    browser.at = frozenset({one, two})
    begun = await browser.open(sites[0].asking())
    page = await browser.open(begun.url.replace(one, two))
    page = await browser.submit(page, username=person.username, password=person.password)
    assert page.url.startswith(two)
    page = await browser.open(begun.url)
    assert page.title.startswith("Allow First app?")
    await sites[0].tokens(await browser.submit(page, ALLOW))


async def test_a_persons_page_shows_what_they_have_allowed(sites: list[Site], browser: Browser, person: Person) -> None:
    await entered(sites[0], browser, person)
    url = f"{sites[0].suite.url('identity')}/account"

    page = await browser.open(url)
    async with asyncio.timeout(PATIENCE):
        while "First app" not in page.text:
            await asyncio.sleep(0.05)
            page = await browser.open(url)
    assert f"You are signed in as {person.username}." in page.text
    assert "Second app" not in page.text
    (session,) = [value for name, value in page.form.buttons if name == "end"]
    assert (await browser.submit(page, ("end", session))).title.startswith("Sign in")
    assert "error=login_required" in (await browser.open(sites[0].asking(prompt="none"))).left


async def test_no_log_holds_what_opens_something(sites: list[Site], browser: Browser, person: Person) -> None:
    page = await browser.open(sites[0].asking())
    page = await browser.submit(page, username=person.username, password=person.password)
    left = (await browser.submit(page, ALLOW)).left
    code = dict(parse_qsl(urlsplit(left).query))["code"]
    jar = {cookie.name: cookie.value or "" for cookie in browser.http.cookies.jar}
    (handle,) = [value.rpartition(":")[2] for name, value in jar.items() if name.startswith("watchword_flow_")]
    said = "".join(file.read_text(errors="replace") for file in sites[0].suite.place.logs.iterdir())
    for secret in (code, handle, jar["watchword_session"].rpartition(".")[2], person.password):
        assert len(secret) > 20
        assert secret not in said
