"""The Basic profile's modules about what a request says besides: claims, addresses, request objects, a form."""

import json

import jwt
import pytest

from tests.harness.browsing import Browser
from tests.harness.people import Person, claims
from tests.harness.running import Running
from tests.oidc.conftest import Parties
from tests.oidc.party import Party, sign_in


@pytest.mark.parametrize(
    "more",
    [
        {"ui_locales": "se"},
        {"ui_locales": "de fr"},
        {"claims_locales": "se"},
        {"acr_values": "1 2"},
        {"display": "page"},
        {"display": "popup"},
        {"extra": "foobar"},
        {"response_mode": "query"},
    ],
    ids=lambda more: "-".join((*more, *more.values())),
)
async def test_what_it_may_ask_for_besides(app: Party, browser: Browser, person: Person, more: dict[str, str]) -> None:
    """oidcc-ui-locales, -claims-locales, -ensure-request-with-acr-values-succeeds, -display-page, -display-popup,
    -ensure-request-with-unknown-parameter-succeeds.
    """
    said = claims((await app.tokens(browser, person, **more))["id_token"])
    assert said["sub"] == person.account_id
    assert said["acr"]


async def test_claims_essential(app: Party, browser: Browser, person: Person) -> None:
    """oidcc-claims-essential: what is asked for by name, in userinfo, besides the scopes."""
    asked = {"userinfo": {"name": {"essential": True}, "preferred_username": {"essential": True}}}
    tokens = await app.tokens(browser, person, claims=json.dumps(asked))
    told = (await app.userinfo(tokens["access_token"])).json()
    assert told["preferred_username"] == person.username


async def test_claims_in_the_id_token(parties: Parties, browser: Browser, person: Person) -> None:
    """OpenID Connect Core 5.5: by name, and where the person let the application know."""
    app = await parties(scopes=["openid", "profile"])
    asked = {"id_token": {"preferred_username": {"essential": True}, "email": None, "auth_time": {"essential": True}}}
    said = claims((await app.tokens(browser, person, scope="openid", claims=json.dumps(asked)))["id_token"])
    assert said["preferred_username"] == person.username
    assert said["auth_time"]
    assert "email" not in said


async def test_ensure_registered_redirect_uri(app: Party, browser: Browser) -> None:
    """oidcc-ensure-registered-redirect-uri: a person is told, and goes nowhere."""
    page = await browser.open(app.asking(redirect_uri="https://app.example/other"))
    assert (page.left, page.response.status_code) == ("", 400)
    assert "redirect_uri" in page.text


async def test_redirect_uri_query(parties: Parties, browser: Browser, person: Person) -> None:
    """oidcc-redirect-uri-query-OK, -added, -mismatch: with its query, and with no other."""
    app = await parties(redirect_uris=["https://app.example/back?foo=bar"])
    page = await sign_in(browser, await browser.open(app.asking()), person)
    assert app.said(page)["foo"] == "bar"
    assert (await app.redeem(app.said(page)["code"])).status_code == 200
    for other in ("https://app.example/back?foo=baz", "https://app.example/back", f"{app.back}&more=1"):
        assert (await browser.open(app.asking(redirect_uri=other))).left == ""


async def test_redirect_uri_missing(app: Party, browser: Browser) -> None:
    """OpenID Connect Core 3.1.2.1: it is required, however many there are."""
    assert (await browser.open(app.asking(redirect_uri=None))).response.status_code == 400


async def test_unsigned_request_object(app: Party, browser: Browser) -> None:
    """oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported: in just these words."""
    request = jwt.encode(app.parameters(state="inside", nonce="inside"), "", algorithm="none")
    said = app.said(await browser.open(app.asking(request=request, state=None)))
    assert (said["error"], said["state"]) == ("request_not_supported", "inside")


async def test_unregistered_request_uri(app: Party, browser: Browser) -> None:
    """OpenID Connect Core 3.1.2.6: what is behind an address is never taken from just anywhere."""
    page = await browser.open(app.asking(request_uri="https://app.example/request.jwt"))
    assert app.said(page)["error"] in ("request_uri_not_supported", "invalid_request_uri", "invalid_request")


async def test_ensure_post_request_succeeds(app: Party, browser: Browser, person: Person, suite: Running) -> None:
    """oidcc-ensure-post-request-succeeds: judged, kept, and gone on with by GET."""
    url = f"{suite.url('identity')}/oauth2/authorize"
    first = await browser.http.post(url, data=app.parameters(), headers={"Origin": "https://app.example"})
    assert first.status_code == 303
    page = await browser.open(f"{suite.url('identity')}{first.headers['location']}")
    assert "code" in app.said(await sign_in(browser, page, person))
