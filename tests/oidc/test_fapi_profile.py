"""What the FAPI 2.0 Security Profile (final) asks of an authorization server: its requests, one test for each module.

With private_key_jwt and DPoP. The modules about tokens are in test_fapi_profile_tokens.py; those of `fapi2-security-
profile-final-…` are named here by what follows that.
"""

import secrets

import jwt
import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from tests.harness.browsing import Browser
from tests.harness.people import Person, claims
from tests.harness.running import Running
from tests.oidc.fapi import Fapi, fapi
from tests.oidc.party import BACK, entered, sign_in
from tests.oidc.proofs import Prover

DENY, CANCEL = ("decision", "deny"), ("leave", "cancel")
BARE = {"code_challenge": None, "code_challenge_method": None}


@pytest_asyncio.fixture
async def bank(suite: Running, http: AsyncClient) -> Fapi:
    return await fapi(suite, http)


async def refused_at_par(bank: Fapi, error: str, **more: str | None) -> None:
    answer = await bank.push(**more)
    assert (answer.status_code, answer.json()["error"]) == (400, error), answer.text
    assert answer.headers["content-type"].startswith("application/json")


async def test_discovery_end_point_verification(suite: Running, http: AsyncClient) -> None:
    """discovery-end-point-verification"""
    said = (await http.get(f"{suite.url('token')}/.well-known/openid-configuration")).json()
    good = {"PS256", "ES256", "EdDSA"}
    for what in ("id_token_signing", "dpop_signing", "token_endpoint_auth_signing", "userinfo_signing"):
        assert good & set(said[f"{what}_alg_values_supported"]), what
    assert "code" in said["response_types_supported"]
    assert said["authorization_response_iss_parameter_supported"] is True
    assert said["pushed_authorization_request_endpoint"] == f"{suite.url('token')}/oauth2/par"
    assert said["require_pushed_authorization_requests"] is False, "others need not"
    assert said["tls_client_certificate_bound_access_tokens"] is True
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert "private_key_jwt" in said["token_endpoint_auth_methods_supported"]


async def test_happy_flow(bank: Fapi, browser: Browser, person: Person, suite: Running, http: AsyncClient) -> None:
    """happy-flow: two clients, the second with a query of its own in its redirect URI and a dpop_jkt, no proof."""
    first = await bank.tokens(browser, person)
    assert first["token_type"] == "DPoP"
    header = jwt.get_unverified_header(first["id_token"])
    assert header["alg"] == "ES256"
    assert header["kid"]
    answer = await bank.userinfo(first["access_token"])
    assert answer.status_code == 200, answer.text
    assert answer.json()["sub"] == person.account_id
    assert "date" in answer.headers
    for accept in ("application/json;charset=utf-8", "application/json;charset=utf-8, */*", "*/*"):
        headers = bank.shown(first["access_token"]) | {"Accept": accept}
        assert (await http.get(bank.resource, headers=headers)).status_code == 200
    url = f"{bank.resource}?access_token={first['access_token']}"
    assert (await http.get(url, headers=bank.shown("x") | {"Authorization": "x"})).status_code in (400, 401)
    other = await fapi(suite, http, redirect_uris=[f"{BACK}?dummy1=lorem&dummy2=ipsum"])
    said = {"state": secrets.token_hex(64), "nonce": secrets.token_hex(22)[:43], "dpop_jkt": other.prover.thumbprint}
    page = await entered(browser, other.visiting(await other.pushed(**said)), person)
    told = other.said(page)
    assert (told["state"], told["dummy1"], told["dummy2"]) == (said["state"], "lorem", "ipsum")
    second = (await other.redeem(told["code"])).json()
    assert claims(second["id_token"])["nonce"] == said["nonce"]
    assert (await bank.userinfo(second["access_token"])).status_code == 401, "another client's key"


@pytest.mark.parametrize("where", ["consent", "login"])
async def test_user_rejects_authentication(bank: Fapi, browser: Browser, person: Person, where: str) -> None:
    """user-rejects-authentication"""
    page = await browser.open(bank.visiting(await bank.pushed(state="long" * 32)))
    if where == "consent":
        page = await sign_in(browser, page, person)
    said = bank.said(await browser.submit(page, DENY if where == "consent" else CANCEL))
    assert (said["error"], said["state"]) == ("access_denied", "long" * 32)


@pytest.mark.parametrize("left_out", ["state", "nonce"])
async def test_without_state_or_nonce(bank: Fapi, browser: Browser, person: Person, left_out: str) -> None:
    """ensure-authorization-request-without-state-success, -without-nonce-success"""
    page = await entered(browser, bank.visiting(await bank.pushed(**{left_out: None})), person)
    said = bank.said(page)
    tokens = (await bank.redeem(said["code"])).json()
    assert ("state" in said) == (left_out != "state")
    assert ("nonce" in claims(tokens["id_token"])) == (left_out != "nonce")


@pytest.mark.parametrize("length", [64, 384])
async def test_long_nonce(bank: Fapi, browser: Browser, person: Person, length: int) -> None:
    """ensure-authorization-request-with-64-char-nonce-success, -with-long-nonce"""
    nonce = secrets.token_hex(length // 2)
    tokens = await bank.tokens(browser, person, nonce=nonce)
    assert claims(tokens["id_token"])["nonce"] == nonce


async def test_long_state(bank: Fapi, browser: Browser, person: Person) -> None:
    """ensure-authorization-request-with-long-state"""
    state = secrets.token_hex(500)
    page = await entered(browser, bank.visiting(await bank.pushed(state=state)), person)
    assert bank.said(page)["state"] == state


async def test_other_scope_order(bank: Fapi, browser: Browser, person: Person) -> None:
    """ensure-other-scope-order-succeeds"""
    assert "id_token" in await bank.tokens(browser, person, scope="email openid")


async def test_claims_parameter_identity_claims(bank: Fapi, browser: Browser, person: Person) -> None:
    """test-claims-parameter-identity-claims: what is not known is passed over."""
    asked = '{"userinfo": {"preferred_username": {"essential": true}, "dfhgjkds": null}, "id_token": {"x": {}}}'
    tokens = await bank.tokens(browser, person, claims=asked)
    assert (await bank.userinfo(tokens["access_token"])).json()["preferred_username"] == person.username


async def test_beside_a_pushed_request(bank: Fapi, browser: Browser, person: Person) -> None:
    """state-only-outside-request-object-not-used, ensure-different-state-inside-and-outside-request-object, and -nonce:
    what stands in the address beside a pushed request says nothing.
    """
    beside = {"state": "outside", "nonce": "outside", "scope": "openid email", "response_type": "code"}
    beside |= {"redirect_uri": bank.back}
    page = await entered(browser, bank.visiting(await bank.pushed(state=None), **beside), person)
    assert "state" not in bank.said(page)
    page = await entered(browser, bank.visiting(await bank.pushed(state="in", nonce="in"), **beside), person)
    assert bank.said(page)["state"] == "in"
    tokens = (await bank.redeem(bank.said(page)["code"])).json()
    assert claims(tokens["id_token"])["nonce"] == "in"


async def test_par_without_duplicate_parameters(bank: Fapi, browser: Browser, person: Person) -> None:
    """par-without-duplicate-parameters: client_id and request_uri are all that it takes."""
    assert (await bank.redeem(await bank.code(browser, person))).status_code == 200


async def test_ensure_request_object_without_redirect_uri_fails(bank: Fapi) -> None:
    """ensure-request-object-without-redirect-uri-fails, ensure-redirect-uri-in-authorization-request"""
    await refused_at_par(bank, "invalid_request", redirect_uri=None)


async def test_unregistered_redirect_uri(bank: Fapi) -> None:
    """ensure-registered-redirect-uri, plain-fapi-tolerate-unregistered-redirect-uri"""
    await refused_at_par(bank, "invalid_request", redirect_uri=f"{BACK}/{secrets.token_hex(8)}")


async def test_without_par(bank: Fapi, browser: Browser) -> None:
    """ensure-unsigned-authorization-request-without-using-par-fails"""
    said = bank.said(await browser.open(bank.asking()))
    assert (said["error"], said["state"]) == ("invalid_request", "s")


@pytest.mark.parametrize("response_type", ["code id_token", "token"])
async def test_response_type(bank: Fapi, response_type: str) -> None:
    """ensure-response-type-code-idtoken-fails, -token-fails"""
    await refused_at_par(bank, "unsupported_response_type", response_type=response_type)


async def test_par_ensure_pkce_required(bank: Fapi) -> None:
    """par-ensure-pkce-required"""
    await refused_at_par(bank, "invalid_request", **BARE)


async def test_par_ensure_plain_pkce_rejected(bank: Fapi) -> None:
    """par-ensure-plain-pkce-rejected"""
    plain = {"code_challenge": bank.pkce.verifier, "code_challenge_method": "plain"}
    await refused_at_par(bank, "invalid_request", **plain)


async def test_par_containing_request_uri(bank: Fapi) -> None:
    """par-authorization-request-containing-request_uri-form-param"""
    await refused_at_par(bank, "invalid_request", request_uri="urn:ietf:params:oauth:request_uri:unheard-of")


async def test_par_invalid_http_method(bank: Fapi) -> None:
    """par-attempt-invalid-http-method"""
    url = f"{bank.issuer}/oauth2/par"
    assert (await bank.http.put(url, data=bank.parameters() | bank.proven())).status_code == 405
    assert (await bank.http.get(url)).status_code == 405


async def test_par_for_a_different_client(bank: Fapi, browser: Browser, suite: Running, http: AsyncClient) -> None:
    """par-attempt-to-use-request_uri-for-different-client"""
    other = await fapi(suite, http)
    said = bank.said(await browser.open(other.visiting(await bank.pushed(), redirect_uri=BACK)))
    assert said["error"] == "invalid_request_uri"


async def test_par_reuse(bank: Fapi, browser: Browser, person: Person) -> None:
    """par-ensure-reused-request-uri-prior-to-auth-completion-succeeds, par-attempt-reuse-request_uri"""
    answer = await bank.push()
    assert 5 <= answer.json()["expires_in"] < 600
    uri = answer.json()["request_uri"]
    assert len(uri.rpartition(":")[2]) >= 43
    beside = {"redirect_uri": BACK, "scope": "openid", "response_type": "code"}
    assert (await browser.open(bank.visiting(uri, **beside))).has("input", name="password")
    page = await entered(browser, bank.visiting(uri, **beside), person)
    assert (await bank.redeem(bank.said(page)["code"])).status_code == 200
    assert bank.said(await browser.open(bank.visiting(uri, **beside)))["error"] == "invalid_request_uri"


async def test_dpop_code_binding(bank: Fapi, browser: Browser, person: Person) -> None:
    """ensure-mismatched-dpop-jkt-fails, ensure-dpop-proof-at-par-endpoint-binding-success, ensure-dpop-auth-code-
    binding-success, and the server's nonce at this endpoint, too: with the same assertion.
    """
    url = f"{bank.issuer}/oauth2/par"
    wrong = bank.parameters(dpop_jkt=Prover().thumbprint) | bank.proven()
    answer = await bank.prover.post(bank.http, url, wrong)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    for more in ({}, {"dpop_jkt": bank.prover.thumbprint}):
        answer = await Prover(key=bank.prover.key).post(bank.http, url, bank.parameters(**more) | bank.proven())
        assert answer.status_code == 201, answer.text
        page = await entered(browser, bank.visiting(answer.json()["request_uri"]), person)
        assert (await bank.redeem(bank.said(page)["code"])).status_code == 200
