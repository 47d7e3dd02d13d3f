"""What the Basic profile of the OpenID certification asks of a provider, one test for each of its modules.

In a plain browser, over HTTP, of a suite that runs. The tests' names are those of the modules.
"""

from typing import Any

import jwt
import pytest

from tests.harness.browsing import Browser
from tests.harness.people import Person, claims
from tests.harness.reuse import judged
from tests.oidc.conftest import Parties
from tests.oidc.party import Party, entered, sign_in


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


async def test_codereuse(app: Party, browser: Browser, person: Person) -> None:
    """oidcc-codereuse"""
    code = await app.code(browser, person)
    tokens = (await app.redeem(code)).json()
    again = await judged(lambda: app.redeem(code))
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


async def test_a_person_says_no(parties: Parties, browser: Browser, person: Person) -> None:
    """RFC 6749 4.1.2.1, access_denied."""
    app = await parties(ask_consent=True)
    page = await sign_in(browser, await browser.open(app.asking()), person)
    said = app.said(await browser.submit(page, ("decision", "deny")))
    assert (said["error"], said["state"]) == ("access_denied", "s")
