"""What the Session Management, Front-Channel and Back-Channel Logout profiles of the OpenID certification ask.

One test for each of their modules, with clients that have registered themselves. The scripts of pages run in an engine
that knows no JavaScript later than ES5.
"""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import dukpy
import jwt
import pytest
from httpx2 import AsyncClient

from tests.harness.applications import Application
from tests.harness.browsing import Browser, Page, origin
from tests.harness.listening import listening
from tests.harness.people import Person, claims
from tests.harness.running import Running
from tests.oidc.keyed import registration
from tests.oidc.party import OUT, Party, entered

BACK, FRAME = "https://app.example/callback", "https://app.example/frontchannel_logout"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
FRAMED = """
var heard, said, source = {postMessage: function (word, to) { said = [word, to]; }};
var window = {addEventListener: function (name, listener) { heard = listener; }};
new Function("window", "document", dukpy.script)(window, {cookie: dukpy.cookie});
heard({data: dukpy.message, origin: dukpy.origin, source: source});
said
"""


@dataclass(frozen=True)
class Visited:
    """A client, what its answer said, and the ID token that it got."""

    app: Party
    said: dict[str, str]
    id_token: str

    def leaving(self, state: str) -> str:
        """Where the modules send the browser."""
        asked = {"id_token_hint": self.id_token, "post_logout_redirect_uri": OUT, "state": state}
        return f"{self.app.suite.url('identity')}/oauth2/logout?{urlencode(asked)}"


async def visited(suite: Running, http: AsyncClient, browser: Browser, person: Person, **metadata: Any) -> Visited:
    """Somebody signs in to a client that has registered itself with client_secret_basic."""
    answer = await registration(suite, http, post_logout_redirect_uris=[OUT], **metadata)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    app = Party(suite, http, Application(told["client_id"], told["client_secret"]))
    said = app.said(await entered(browser, app.asking(), person))
    return Visited(app, said, (await app.redeem(said["code"])).json()["id_token"])


async def refused_silently(visit: Visited, browser: Browser) -> None:
    """How the modules see that somebody has been signed out."""
    page = await browser.open(visit.app.asking(prompt="none"))
    assert visit.app.said(page)["error"] == "login_required"
    assert "code" not in visit.app.said(page)


def long_state() -> str:
    """128 characters, as the modules send."""
    return secrets.token_hex(64)


@pytest.mark.parametrize("way", ["backchannel", "frontchannel"])
async def test_logout_discovery_endpoint_verification(suite: Running, http: AsyncClient, way: str) -> None:
    """oidcc-backchannel-logout-discovery-endpoint-verification, and the same of frontchannel."""
    said = (await http.get(f"{suite.url('token')}/.well-known/openid-configuration")).json()
    assert said[f"{way}_logout_supported"] is True
    assert said[f"{way}_logout_session_supported"] is True
    assert said["end_session_endpoint"] == f"{suite.url('identity')}/oauth2/logout"


async def test_backchannel_rp_initiated_logout(
    suite: Running, http: AsyncClient, browser: Browser, person: Person
) -> None:
    """oidcc-backchannel-rp-initiated-logout"""
    async with listening() as told:
        required = {"backchannel_logout_uri": told.url, "backchannel_logout_session_required": True}
        visit = await visited(suite, http, browser, person, **required)
        state = long_state()
        assert (await browser.open(visit.leaving(state))).left == f"{OUT}?state={state}"
        async with asyncio.timeout(20):
            while not told.forms:
                await asyncio.sleep(0.02)
    (form,) = told.forms
    assert set(form) == {"logout_token"}
    keys = (await http.get(f"{visit.app.issuer}/.well-known/jwks.json")).json()["keys"]
    kid = jwt.get_unverified_header(form["logout_token"])["kid"]
    key = next(jwt.PyJWK(one) for one in keys if one["kid"] == kid)
    mine, issuer = visit.app.client.client_id, visit.app.issuer
    said = jwt.decode(form["logout_token"], key, algorithms=["RS256"], audience=mine, issuer=issuer)
    identified = claims(visit.id_token)
    assert (said["sub"], said["sid"]) == (identified["sub"], identified["sid"])
    assert said["events"] == {EVENT: {}}
    assert {"iat", "jti"} <= set(said)
    assert "nonce" not in said
    await refused_silently(visit, browser)


async def test_frontchannel_rp_initiated_logout(
    suite: Running, http: AsyncClient, browser: Browser, person: Person
) -> None:
    """oidcc-frontchannel-rp-initiated-logout: the page frames the client's, and goes on by itself."""
    required = {"frontchannel_logout_uri": FRAME, "frontchannel_logout_session_required": True}
    visit = await visited(suite, http, browser, person, **required)
    state = long_state()
    page = await browser.open(visit.leaving(state))
    (frame,) = [found["src"] for tag, found in page.attributes if tag == "iframe"]
    assert frame.startswith(f"{FRAME}?")
    said = dict(parse_qsl(urlsplit(frame).query))
    assert said == {"iss": visit.app.issuer, "sid": claims(visit.id_token)["sid"]}
    assert went_on(page) == f"{OUT}?state={state}"
    await refused_silently(visit, browser)


def went_on(page: Page) -> str:
    """Where the page's script leads once its frames have loaded."""
    script = page.response.text.partition("<script>")[2].partition("</script>")[0]
    (link,) = [found["href"] for tag, found in page.attributes if tag == "a" and found.get("id") == "on"]
    run = """
    var gone = "", window = {}, location = {replace: function (url) { gone = url; }};
    var document = {getElementById: function (id) { return id === "on" ? {href: dukpy.link} : null; }};
    new Function("window", "document", "location", "setTimeout", dukpy.script)(
      window, document, location, function () {});
    window.onload();
    gone
    """
    there: str = dukpy.evaljs(run, script=script, link=link)
    return there


async def test_session_management_discovery_endpoint_verification(suite: Running, http: AsyncClient) -> None:
    """oidcc-session-management-discovery-endpoint-verification: and the page may be framed."""
    said = (await http.get(f"{suite.url('token')}/.well-known/openid-configuration")).json()
    assert said["end_session_endpoint"] == f"{suite.url('identity')}/oauth2/logout"
    answer = await http.get(said["check_session_iframe"])
    assert answer.status_code == 200
    assert "x-frame-options" not in answer.headers
    assert "frame-ancestors" not in answer.headers["content-security-policy"]


async def answered(visit: Visited, browser: Browser) -> list[str]:
    """What the framed page says to the client's own, in this browser (Session Management 1.0, 3)."""
    offered = (await visit.app.http.get(f"{visit.app.issuer}/.well-known/openid-configuration")).json()
    page = await browser.open(offered["check_session_iframe"])
    script = page.response.text.partition("<script>")[2].partition("</script>")[0]
    cookie = "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())
    message = f"{visit.app.client.client_id} {visit.said['session_state']}"
    said: list[str] = dukpy.evaljs(FRAMED, script=script, cookie=cookie, message=message, origin=origin(BACK))
    return said


async def test_session_management_rp_initiated_logout(
    suite: Running, http: AsyncClient, browser: Browser, person: Person
) -> None:
    """oidcc-session-management-rp-initiated-logout: unchanged before, changed after."""
    visit = await visited(suite, http, browser, person)
    assert await answered(visit, browser) == ["unchanged", origin(BACK)]
    state = long_state()
    assert (await browser.open(visit.leaving(state))).left == f"{OUT}?state={state}"
    assert await answered(visit, browser) == ["changed", origin(BACK)]
    await refused_silently(visit, browser)
