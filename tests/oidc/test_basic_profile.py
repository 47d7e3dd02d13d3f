"""What the Basic profile of the OpenID certification asks of a provider, one test for each of its modules.

In a plain browser, over HTTP, of a suite that runs. The tests' names are those of the modules.
"""

import asyncio
import json
from typing import Any

import jwt
import pytest
from httpx2 import AsyncClient

from tests.harness.browsing import Browser
from tests.harness.people import Person, claims
from tests.harness.running import Running
from tests.oidc.conftest import Browsers, Parties
from tests.oidc.party import ALLOW, CONTINUE, Party, entered, sign_in


def verified(app: Party, id_token: str, keys: Any) -> dict[str, Any]:
    """An ID token as its application reads it (OpenID Connect Core 3.1.3.7)."""
    kid = jwt.get_unverified_header(id_token)["kid"]
    key = next(jwt.PyJWK(one) for one in keys if one["kid"] == kid)
    said: dict[str, Any] = jwt.decode(
        id_token, key, algorithms=["RS256"], issuer=app.issuer, audience=app.client.client_id
    )
    return said


async def keys_of(app: Party) -> Any:
    return (await app.http.get(f"{app.issuer}/.well-known/jwks.json")).json()["keys"]


async def test_server(app: Party, browser: Browser, person: Person) -> None:
    """oidcc-server: a person signs in, and the ID token holds what it must."""
    tokens = await app.tokens(browser, person)
    assert tokens["token_type"] == "Bearer"
    said = verified(app, tokens["id_token"], await keys_of(app))
    assert (said["sub"], said["nonce"]) == (person.account_id, "n")
    assert {"exp", "iat", "auth_time", "at_hash"} <= set(said)


async def test_response_type_missing(app: Party, browser: Browser) -> None:
    """oidcc-response-type-missing: the application, or else the person, is told."""
    page = await browser.open(app.asking(response_type=None))
    assert app.said(page)["error"] == "invalid_request"
    assert app.said(page)["state"] == "s"


async def test_other_response_types(app: Party, browser: Browser) -> None:
    """What is not offered: nothing comes but by the code (RFC 9700 2.1.2)."""
    for other in ("token", "id_token", "code id_token", "code token", "code id_token token", "none", ""):
        page = await browser.open(app.asking(response_type=other))
        assert app.said(page)["error"] in ("unsupported_response_type", "invalid_request"), other


@pytest.mark.parametrize("method", ["GET", "header", "body"])
async def test_userinfo(app: Party, browser: Browser, person: Person, method: str) -> None:
    """oidcc-userinfo-get, -post-header and -post-body."""
    tokens = await app.tokens(browser, person, scope="openid profile")
    url, token = f"{app.suite.url('identity')}/oauth2/userinfo", tokens["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    match method:
        case "GET":
            answer = await app.http.get(url, headers=bearer)
        case "header":
            answer = await app.http.post(url, headers=bearer)
        case _:
            answer = await app.http.post(url, data={"access_token": token})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == "application/json"
    assert answer.json()["sub"] == claims(tokens["id_token"])["sub"]
    assert answer.json()["preferred_username"] == person.username


async def test_ensure_request_without_nonce_succeeds_for_code_flow(
    app: Party, browser: Browser, person: Person
) -> None:
    """oidcc-ensure-request-without-nonce-succeeds-for-code-flow"""
    assert "nonce" not in claims((await app.tokens(browser, person, nonce=None))["id_token"])


@pytest.mark.parametrize("scope", ["profile", "email", "address", "phone", "profile email address phone"])
async def test_scope(app: Party, browser: Browser, person: Person, scope: str) -> None:
    """oidcc-scope-profile, -email, -address, -phone and -all: who asks is not refused, and is told what there is."""
    tokens = await app.tokens(browser, person, scope=f"openid {scope}")
    assert tokens["scope"] == f"openid {scope}"
    told = await app.userinfo(tokens["access_token"])
    assert told.status_code == 200
    assert told.json()["sub"] == person.account_id
    assert ("preferred_username" in told.json()) == ("profile" in scope)


async def test_ensure_other_scope_order_succeeds(app: Party, browser: Browser, person: Person) -> None:
    """oidcc-ensure-other-scope-order-succeeds, and -alternate-happy-flow: whatever the order of words or parameters."""
    where, _, asked = app.asking(scope="email openid").partition("?")
    said = app.said(await entered(browser, f"{where}?{'&'.join(reversed(asked.split('&')))}", person))
    assert "id_token" in (await app.redeem(said["code"])).json()


async def test_what_is_not_understood_of_the_scope_is_passed_over(app: Party, browser: Browser, person: Person) -> None:
    """OpenID Connect Core 3.1.2.1."""
    assert (await app.tokens(browser, person, scope="openid unheard:of"))["scope"] == "openid"


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


async def test_codereuse(app: Party, browser: Browser, person: Person) -> None:
    """oidcc-codereuse"""
    code = await app.code(browser, person)
    tokens = (await app.redeem(code)).json()
    again = await app.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert await app.ends(tokens["access_token"])
    refreshed = await app.ask(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert refreshed.json()["error"] == "invalid_grant"


async def test_refresh_token(parties: Parties, browser: Browser, person: Person) -> None:
    """oidcc-refresh-token: with offline_access, by client_secret_post as well; of another client it is refused."""
    app, other = await parties(), await parties()
    tokens = await app.tokens(browser, person, scope="openid offline_access", prompt="consent")
    form = {"grant_type": "refresh_token", "client_id": app.client.client_id, "client_secret": app.client.secret}
    url = f"{app.issuer}/oauth2/token"
    answer = await app.http.post(url, data=form | {"refresh_token": tokens["refresh_token"]})
    assert answer.status_code == 200, answer.text
    assert (await app.userinfo(answer.json()["access_token"])).json()["sub"] == person.account_id
    first, second = claims(tokens["id_token"]), claims(answer.json()["id_token"])
    same = ("iss", "sub", "aud", "auth_time", "sid")  # OpenID Connect Core 12.2
    assert [second[name] for name in same] == [first[name] for name in same]
    foreign = await other.ask(grant_type="refresh_token", refresh_token=answer.json()["refresh_token"])
    assert foreign.json()["error"] == "invalid_grant"


async def test_server_client_secret_post(app: Party, browser: Browser, person: Person) -> None:
    """oidcc-server-client-secret-post"""
    code = await app.code(browser, person)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": app.back}
    more = {"client_id": app.client.client_id, "client_secret": app.client.secret, "code_verifier": app.pkce.verifier}
    assert (await app.http.post(f"{app.issuer}/oauth2/token", data=form | more)).status_code == 200


async def test_without_pkce(parties: Parties, browser: Browser, person: Person) -> None:
    """The profile's own clients use none: it can be lifted for a confidential client."""
    app = await parties(require_pkce=False)
    bare = {"code_challenge": None, "code_challenge_method": None}
    code = await app.code(browser, person, **bare)
    assert (await app.redeem(code, code_verifier=None)).status_code == 200


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


async def test_a_person_says_no(parties: Parties, browser: Browser, person: Person) -> None:
    """RFC 6749 4.1.2.1, access_denied."""
    app = await parties(ask_consent=True)
    page = await sign_in(browser, await browser.open(app.asking()), person)
    said = app.said(await browser.submit(page, ("decision", "deny")))
    assert (said["error"], said["state"]) == ("access_denied", "s")


async def test_config(suite: Running, http: AsyncClient) -> None:
    """oidcc-discovery-endpoint-verification: the Config profile."""
    issuer = suite.url("token")
    answer = await http.get(f"{issuer}/.well-known/openid-configuration")
    said = answer.json()
    assert (answer.status_code, said["issuer"]) == (200, issuer)
    assert said == (await http.get(f"{issuer}/.well-known/oauth-authorization-server")).json()
    required = {"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "scopes_supported"}
    lists = {"response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported"}
    assert required | lists | {"claims_supported", "end_session_endpoint"} <= set(said)
    assert "RS256" in said["id_token_signing_alg_values_supported"]
    assert "public" in said["subject_types_supported"]
    assert "code" in said["response_types_supported"]
    assert {"query", "fragment", "form_post"} == set(said["response_modes_supported"])
    assert said["authorization_response_iss_parameter_supported"] is True


async def test_jwks(suite: Running, http: AsyncClient) -> None:
    """oidcc-discovery, VerifyJWKs: keys have names of their own and nothing private."""
    keys = (await http.get(f"{suite.url('token')}/.well-known/jwks.json")).json()["keys"]
    assert len({one["kid"] for one in keys}) == len(keys)
    assert not any({"d", "p", "q", "dp", "dq", "qi", "k"} & set(one) for one in keys)
    assert {"RS256", "ES256"} <= {one["alg"] for one in keys}
    assert all(jwt.PyJWK(one).key for one in keys)
