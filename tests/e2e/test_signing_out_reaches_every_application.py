"""Leaving once leaves everywhere: each application is told, by its own server and through the browser."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from tests.harness.applications import ask_token, registered
from tests.harness.browsing import Browser
from tests.harness.listening import Endpoint, listening
from tests.harness.people import People, Person
from tests.harness.running import Running
from tests.harness.visits import BACK, Visit

pytestmark = pytest.mark.over("feed")

OUT, FRAME = "https://app.example/out", "https://app.example/frame"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest_asyncio.fixture
async def http() -> AsyncIterator[AsyncClient]:
    async with AsyncClient(timeout=30, trust_env=False) as http:
        yield http


@pytest_asyncio.fixture
async def browser(suite: Running) -> AsyncIterator[Browser]:
    async with AsyncClient(timeout=30, trust_env=False) as http:
        yield Browser.before(http, suite.url("identity"))


@pytest_asyncio.fixture
async def person(people: People) -> Person:
    return await people.register()


async def application(suite: Running, http: AsyncClient, **more: Any) -> Visit:
    client = await registered(
        suite,
        name="An app",
        confidential=True,
        grant_types=["authorization_code", "refresh_token"],
        scopes=["openid", "offline_access"],
        redirect_uris=[BACK],
        post_logout_redirect_uris=[OUT],
        **more,
    )
    return Visit(suite, http, client)


async def took(endpoint: Endpoint) -> str:
    """The logout token that comes there."""
    async with asyncio.timeout(20):
        while not endpoint.forms:
            await asyncio.sleep(0.02)
    (form,) = endpoint.forms
    assert set(form) == {"logout_token"}
    return form["logout_token"]


def leaving(visit: Visit, **more: str) -> str:
    asked = {"id_token_hint": visit.tokens["id_token"]} | more
    return f"{visit.suite.url('identity')}/oauth2/logout?{urlencode(asked)}"


async def test_a_dead_application_holds_up_no_other_and_is_told_when_it_is_back(
    suite: Running, http: AsyncClient, browser: Browser, person: Person
) -> None:
    async with listening() as well, listening(dead=True) as dead:
        first = await application(suite, http, backchannel_logout_uri=well.url)
        second = await application(suite, http, backchannel_logout_uri=dead.url)
        for visit in (first, second):
            await visit.enter(browser, person)
        assert (await browser.open(leaving(first, post_logout_redirect_uri=OUT))).left == OUT
        to_first = await took(well)
        await dead.open()
        for visit, token in ((first, to_first), (second, await took(dead))):
            said = await visit.read(token)
            assert (said["sub"], said["sid"]) == (person.account_id, visit.identified["sid"])
            assert said["events"] == {EVENT: {}}
            assert "nonce" not in said
        assert well.tried == 1


async def test_a_session_that_ends_anywhere_is_told_everywhere(
    suite: Running, http: AsyncClient, browser: Browser, person: Person, people: People
) -> None:
    async with listening() as endpoint:
        visit = await application(suite, http, backchannel_logout_uri=endpoint.url)
        await visit.enter(browser, person)
        admin = await people.administrator()
        url = f"/v1/accounts/{person.account_id}/disable"
        assert (await people.post("identity", url, 0, admin.bearer, reason="a test")).status_code == 200
        assert (await visit.read(await took(endpoint)))["sid"] == visit.identified["sid"]


async def test_the_browser_is_shown_to_each_application_on_its_way_out(
    suite: Running, http: AsyncClient, browser: Browser, person: Person
) -> None:
    visit = await application(suite, http, frontchannel_logout_uri=FRAME, frontchannel_logout_session_required=True)
    await visit.enter(browser, person)
    await (await application(suite, http)).enter(browser, person)
    page = await browser.open(leaving(visit, post_logout_redirect_uri=OUT))
    (frame,) = [attributes["src"] for tag, attributes in page.attributes if tag == "iframe"]
    said = dict(parse_qsl(urlsplit(frame).query))
    assert said == {"iss": suite.contract.issuer, "sid": visit.identified["sid"]}
    assert "frame-src https://app.example;" in page.response.headers["content-security-policy"] + ";"
    assert page.links == {"Go on to An app": OUT}


async def test_an_application_can_see_that_the_browsers_state_has_changed(
    suite: Running, http: AsyncClient, browser: Browser, person: Person
) -> None:
    offered = (await http.get(f"{suite.url('token')}/.well-known/openid-configuration")).json()
    for way in ("backchannel", "frontchannel"):
        assert offered[f"{way}_logout_supported"] is offered[f"{way}_logout_session_supported"] is True
    frame = await http.get(f"{suite.url('identity')}{urlsplit(offered['check_session_iframe']).path}")
    assert "x-frame-options" not in frame.headers
    visit = await application(suite, http)
    await visit.enter(browser, person)

    def unchanged() -> bool:
        hashed, _, salt = visit.said["session_state"].partition(".")
        state = browser.http.cookies["watchword_browser"]
        text = f"{visit.client.client_id} https://app.example {state} {salt}"
        return hashlib.sha256(text.encode()).hexdigest() == hashed

    assert unchanged()
    await browser.open(leaving(visit))
    assert not unchanged()


async def test_what_was_allowed_is_taken_back_with_all_that_it_gave(
    suite: Running, http: AsyncClient, browser: Browser, person: Person
) -> None:
    visit = await application(suite, http, grants=["introspect:any"])
    await visit.enter(browser, person, "openid offline_access")
    page = await browser.open(f"{suite.url('identity')}/account")
    page = await browser.submit(page, ("take", visit.client.client_id))
    assert ("take", visit.client.client_id) not in page.form.buttons
    url = f"{suite.url('token')}/oauth2/introspect"
    for kind in ("access_token", "refresh_token"):
        answer = await http.post(url, data={"token": visit.tokens[kind]}, auth=visit.client.auth)
        assert answer.json() == {"active": False}
    refreshed = {"grant_type": "refresh_token", "refresh_token": visit.tokens["refresh_token"]}
    assert (await ask_token(http, suite, visit.client, **refreshed)).json()["error"] == "invalid_grant"
