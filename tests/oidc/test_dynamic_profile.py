"""What the Dynamic profile of the OpenID certification asks of a provider, one test for each of its modules.

Each client registers itself, as the plan's do: with private_key_jwt, RS256 and no PKCE.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import jwt
import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from tests.harness.browsing import Browser
from tests.harness.people import Person, claims
from tests.harness.running import Running
from tests.oidc.keyed import Keyed, keyed, published, registration, verified
from tests.oidc.party import BACK, entered, sign_in
from tests.oidc.served import Published, publishing
from tests.unit.token.proving import Key
from watchword.token.v1 import token_pb2, token_pb2_grpc


@pytest_asyncio.fixture
async def client(suite: Running, http: AsyncClient) -> Keyed:
    """A client that has registered itself."""
    return await keyed(suite, http)


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Published]:
    async with publishing() as site:
        yield site


async def test_server(client: Keyed, browser: Browser, person: Person) -> None:
    """oidcc-server: registered, used, and deleted again, as each module ends."""
    tokens = await client.tokens(browser, person)
    assert (await verified(client, tokens["id_token"]))["nonce"] == "n"
    assert (await client.userinfo(tokens["access_token"])).json()["sub"] == person.account_id
    assert client.told["registration_client_uri"].startswith(f"{client.issuer}/")
    own = {"Authorization": f"Bearer {client.told['registration_access_token']}"}
    assert (await client.http.delete(client.told["registration_client_uri"], headers=own)).status_code == 204
    assert (await client.userinfo(tokens["access_token"])).status_code in (200, 401)
    assert await client.ends(tokens["access_token"])


async def test_idtoken_rs256(suite: Running, http: AsyncClient, browser: Browser, person: Person) -> None:
    """oidcc-idtoken-rs256"""
    client = await keyed(suite, http, id_token_signed_response_alg="RS256")
    tokens = await client.tokens(browser, person)
    assert jwt.get_unverified_header(tokens["id_token"])["alg"] == "RS256"
    assert (await verified(client, tokens["id_token"]))["sub"] == person.account_id


async def test_idtoken_unsigned(suite: Running, http: AsyncClient) -> None:
    """oidcc-idtoken-unsigned, which skips who does not offer it: nothing is told without a signature."""
    offered = (await http.get(f"{suite.url('token')}/.well-known/openid-configuration")).json()
    assert "none" not in offered["id_token_signing_alg_values_supported"]
    refused = await registration(suite, http, id_token_signed_response_alg="none")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client_metadata")


async def test_userinfo_rs256(suite: Running, http: AsyncClient, browser: Browser, person: Person) -> None:
    """oidcc-userinfo-rs256"""
    client = await keyed(suite, http, userinfo_signed_response_alg="RS256")
    tokens = await client.tokens(browser, person)
    async with asyncio.timeout(5):  # identity learns of a client within the lag
        while (answer := await client.userinfo(tokens["access_token"])).headers["content-type"] != "application/jwt":
            await asyncio.sleep(0.02)
    assert answer.status_code == 200
    assert jwt.get_unverified_header(answer.text)["alg"] == "RS256"
    said = await verified(client, answer.text)
    assert said["sub"] == claims(tokens["id_token"])["sub"]
    assert "nonce" not in said


async def test_ensure_redirect_uri_in_authorization_request(client: Keyed, browser: Browser) -> None:
    """oidcc-ensure-redirect-uri-in-authorization-request: the person is told."""
    page = await browser.open(client.asking(redirect_uri=None))
    assert (page.left, page.response.status_code) == ("", 400)
    assert "redirect_uri" in page.text


async def test_redirect_uri_query(suite: Running, http: AsyncClient, browser: Browser, person: Person) -> None:
    """oidcc-redirect-uri-query-OK, -mismatch, -added"""
    client = await keyed(suite, http, redirect_uris=[f"{BACK}?foo=bar"])
    page = await entered(browser, client.asking(), person)
    assert client.said(page)["foo"] == "bar"
    assert (await client.redeem(client.said(page)["code"])).status_code == 200
    for other in (f"{BACK}?foo=baz", f"{BACK}?foo=bar&more=1", BACK):
        page = await browser.open(client.asking(redirect_uri=other))
        assert (page.left, page.response.status_code) == ("", 400), other
    bare = await keyed(suite, http)
    assert (await browser.open(bare.asking(redirect_uri=f"{BACK}?foo=bar"))).left == ""


async def test_redirect_uri_regfrag(suite: Running, http: AsyncClient) -> None:
    """oidcc-redirect-uri-regfrag"""
    answer = await registration(suite, http, redirect_uris=[f"{BACK}#fragment"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")


async def test_several_redirect_uris(suite: Running, http: AsyncClient, browser: Browser, person: Person) -> None:
    """OpenID Connect Dynamic Client Registration 2: each of them, and none but these."""
    two = [f"{BACK}/a", f"{BACK}/b"]
    client = await keyed(suite, http, redirect_uris=two)
    assert client.told["redirect_uris"] == two
    for uri in two:
        there = replace(client, back=uri)
        said = there.said(await entered(browser, there.asking(), person))
        assert (await there.redeem(said["code"])).status_code == 200


async def test_discovery_endpoint_verification(suite: Running, http: AsyncClient) -> None:
    """oidcc-discovery-endpoint-verification: all that OpenID Connect Core 15.2 wants of those who register clients."""
    issuer = suite.url("token")
    said = (await http.get(f"{issuer}/.well-known/openid-configuration")).json()
    assert said["issuer"] == issuer
    assert said["registration_endpoint"] == f"{issuer}/oauth2/register"
    for flag in ("claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported"):
        assert said[flag] is True
    for algorithms in ("id_token", "userinfo", "request_object"):
        assert "RS256" in said[f"{algorithms}_signing_alg_values_supported"]
    assert "private_key_jwt" in said["token_endpoint_auth_methods_supported"]
    assert "openid" in said["scopes_supported"]
    assert set(said["subject_types_supported"]) == {"public", "pairwise"}
    assert said["response_types_supported"] == ["code", "id_token", "id_token token"]
    assert {"authorization_code", "implicit"} <= set(said["grant_types_supported"])


async def test_registration_policy_uri_and_tos_uri(suite: Running, http: AsyncClient, browser: Browser) -> None:
    """oidcc-registration-policy-uri, -tos-uri: on the page to sign in."""
    policy, tos = "https://app.example/policy", "https://app.example/tos"
    client = await keyed(suite, http, policy_uri=policy, tos_uri=tos, logo_uri="https://app.example/logo.png")
    page = await browser.open(client.asking())
    assert page.has("input", name="password")
    assert {policy, tos} <= set(page.links.values())
    assert client.told["logo_uri"] == "https://app.example/logo.png"


async def test_registration_jwks_uri(
    suite: Running, http: AsyncClient, browser: Browser, person: Person, site: Published
) -> None:
    """oidcc-registration-jwks-uri"""
    key = Key("RS256", kid="one")
    client = await keyed(suite, http, key, jwks_uri=site.put_keys(key.jwk))
    assert (await client.tokens(browser, person))["id_token"]


async def test_registration_sector_uri(
    suite: Running, http: AsyncClient, browser: Browser, person: Person, site: Published
) -> None:
    """oidcc-registration-sector-uri: the redirect URI stands there; and whoever signs in is called by another name."""
    sector = site.put("/redirect_uris.json", "application/json", json.dumps([BACK]))
    client = await keyed(suite, http, subject_type="pairwise", sector_identifier_uri=sector)
    tokens = await client.tokens(browser, person)
    named = (await verified(client, tokens["id_token"]))["sub"]
    assert named != person.account_id
    assert (await client.userinfo(tokens["access_token"])).json()["sub"] == named


async def test_registration_sector_bad(suite: Running, http: AsyncClient, site: Published) -> None:
    """oidcc-registration-sector-bad: another redirect URI than the client's stands there."""
    sector = site.put("/redirect_uris.json", "application/json", json.dumps(["https://example.com/op"]))
    answer = await registration(suite, http, subject_type="pairwise", sector_identifier_uri=sector)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert answer.headers["content-type"] == "application/json"


async def test_server_rotate_keys(client: Keyed, browser: Browser, person: Person, suite: Running) -> None:
    """oidcc-server-rotate-keys: there is a new key, and the old one is there still."""
    before = {one["kid"] for one in await published(client)}
    tokens = await client.tokens(browser, person)
    async with suite.channel("token") as channel:
        stub: Any = token_pb2_grpc.TokenServiceStub(channel)
        await stub.RotateKey(token_pb2.RotateKeyRequest(alg="RS256"))
    after = {one["kid"] for one in await published(client)}
    assert before < after
    assert await verified(client, tokens["id_token"])


async def test_refresh_token_rp_key_rotation(
    suite: Running, http: AsyncClient, browser: Browser, person: Person, site: Published
) -> None:
    """oidcc-refresh-token-rp-key-rotation: a client's new key is looked for where it publishes them."""
    former, newer = Key("ES256", kid="one"), Key("ES256", kid="two")
    grants = ["authorization_code", "refresh_token"]
    client = await keyed(suite, http, former, jwks_uri=site.put_keys(former.jwk), grant_types=grants)
    tokens = await client.tokens(browser, person, scope="openid offline_access", prompt="consent")
    site.put_keys(newer.jwk)
    turned = Keyed(suite, http, client.client, client.back, key=newer)
    renewing = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    async with asyncio.timeout(60):  # the module waits as long: nobody is asked for keys again and again
        while (answer := await turned.ask(**renewing)).status_code != 200:
            assert answer.json()["error"] == "invalid_client"
            await asyncio.sleep(0.5)
    first, second = claims(tokens["id_token"]), claims(answer.json()["id_token"])
    same = ("iss", "sub", "aud", "auth_time")
    assert [second[name] for name in same] == [first[name] for name in same]


async def test_request_uri_unsigned(
    suite: Running, http: AsyncClient, browser: Browser, person: Person, site: Published
) -> None:
    """oidcc-request-uri-unsigned: from the registered address, and what stands in it goes before what stands beside."""
    address = f"{site.site}/request"
    client = await keyed(suite, http, request_uris=[address])
    said = client.parameters(state="inside", nonce="inside")
    site.put("/request", "application/jose", jwt.encode(said, "", algorithm="none"))
    page = await entered(browser, client.asking(request_uri=address, state="beside", nonce="beside"), person)
    assert client.said(page)["state"] == "inside"
    tokens = (await client.redeem(client.said(page)["code"])).json()
    assert claims(tokens["id_token"])["nonce"] == "inside"


async def test_request_uri_signed_rs256(
    suite: Running, http: AsyncClient, browser: Browser, person: Person, site: Published
) -> None:
    """oidcc-request-uri-signed-rs256: and nothing unsigned is taken from there."""
    address = f"{site.site}/request"
    client = await keyed(suite, http, request_uris=[address], request_object_signing_alg="RS256")
    said = client.parameters(state="inside") | {"iss": client.client.client_id, "aud": client.issuer}
    site.put("/request", "application/jose", client.signed(said))
    page = await entered(browser, client.asking(request_uri=address), person)
    assert client.said(page)["state"] == "inside"
    assert (await client.redeem(client.said(page)["code"])).status_code == 200
    site.put("/request", "application/jose", jwt.encode(said, "", algorithm="none"))
    assert (await browser.open(client.asking(request_uri=address))).response.status_code == 400


@pytest.mark.parametrize("mode", ["query", "form_post"])
async def test_unsigned_request_object(client: Keyed, browser: Browser, person: Person, mode: str) -> None:
    """oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported, of whoever registered itself: the
    only one of these errors that an application has to be told. The mode and the state stand in the object alone.
    """
    request = jwt.encode(client.parameters(response_mode=mode, state="inside"), "", algorithm="none")
    page = await browser.open(client.asking(request=request, state=None))
    assert page.has("input", name="password"), "nobody is sent anywhere before they have signed in (RFC 9700 4.11.2)"
    page = await sign_in(browser, page, person)
    if mode == "query":
        said = client.said(page)
    else:
        assert page.form.action == BACK
        said = page.form.fields
    assert (said["error"], said["state"]) == ("request_not_supported", "inside")
    assert "code" not in said


async def test_ensure_request_object_with_redirect_uri(client: Keyed, browser: Browser) -> None:
    """oidcc-ensure-request-object-with-redirect-uri: the one beside the object is not registered, so the person is
    told; what nobody signed names no address.
    """
    request = jwt.encode(client.parameters(), "", algorithm="none")
    page = await browser.open(client.asking(request=request, redirect_uri=f"{BACK}/invalid"))
    assert (page.left, page.response.status_code) == ("", 400)
    assert "redirect_uri" in page.text


async def test_ensure_signed_request_object_with_redirect_uri(client: Keyed, browser: Browser, person: Person) -> None:
    """The same where the client has signed it: then only the object counts (RFC 9101 6.3)."""
    request = client.signed(client.parameters())
    page = await entered(browser, client.asking(request=request, redirect_uri=f"{BACK}/invalid"), person)
    assert "code" in client.said(page)


async def test_refresh_token(suite: Running, http: AsyncClient, browser: Browser, person: Person) -> None:
    """oidcc-refresh-token: it is its client's own."""
    grants = ["authorization_code", "refresh_token"]
    client, other = await keyed(suite, http, grant_types=grants), await keyed(suite, http, grant_types=grants)
    tokens = await client.tokens(browser, person, scope="openid offline_access", prompt="consent")
    answer = await client.ask(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert answer.status_code == 200, answer.text
    assert (await client.userinfo(answer.json()["access_token"])).json()["sub"] == person.account_id
    foreign = await other.ask(grant_type="refresh_token", refresh_token=answer.json()["refresh_token"])
    assert (foreign.status_code, foreign.json()["error"]) == (400, "invalid_grant")


async def test_ensure_client_assertion_with_iss_aud_succeeds(client: Keyed, browser: Browser, person: Person) -> None:
    """oidcc-ensure-client-assertion-with-iss-aud-succeeds"""
    form = {"grant_type": "authorization_code", "redirect_uri": client.back}
    form |= {"code": await client.code(browser, person)} | client.proven(aud=client.issuer)
    assert (await client.http.post(f"{client.issuer}/oauth2/token", data=form)).status_code == 200


async def test_what_registration_does_not_know_is_passed_over(suite: Running, http: AsyncClient) -> None:
    """RFC 7591 2: an unknown member is no reason to refuse anybody."""
    more = {"unheard_of": {"a": [1]}, "client_name#de": "Ein Laden", "software_id": "x", "default_acr_values": ["1"]}
    answer = await registration(suite, http, **more)
    assert answer.status_code == 201, answer.text
    assert "unheard_of" not in answer.json()
    assert json.loads(answer.text)["client_secret_expires_at"] == 0
