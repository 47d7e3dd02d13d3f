"""The whole story behind TLS at one origin, with a browser that runs no script: from registering to signing out.

What every URL and every `iss` begins with is that origin. Clients show certificates at a second one (RFC 8705).
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
import pytest
import pytest_asyncio
from httpx2 import AsyncClient, Response

from tests.deploy.behind_tls import Fronted, certificate, fronted
from tests.harness.applications import Application, registered
from tests.harness.browsing import Browser
from tests.harness.listening import listening
from tests.harness.people import People, Person, claims
from tests.oidc.fapi import Fapi
from tests.oidc.keyed import registration
from tests.oidc.party import BACK, OUT, Party, entered
from tests.unit.token.certified import Signer
from tests.unit.token.proving import Key

CBC = "AES256-SHA:AES128-SHA:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA256"
NAME = "CN=bank,O=Example"


@dataclass(frozen=True)
class Site:
    suite: Fronted
    clients: Signer
    directory: Path

    def shown(self, name: str, signer: Signer | None = None) -> Path:
        """A client's certificate."""
        path = self.directory / f"{name.replace('=', '-').replace(',', '-')}.pem"
        return certificate(signer or self.clients, name, path)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    with fronted(directory) as (suite, clients):
        yield Site(suite, clients, directory)


@pytest_asyncio.fixture
async def http(site: Site) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(timeout=30, trust_env=False, verify=site.suite.trust()) as http:
        yield http


@pytest_asyncio.fixture
async def browser(site: Site) -> AsyncIterator[Browser]:
    async with AsyncClient(timeout=30, trust_env=False, verify=site.suite.trust()) as http:
        yield Browser.before(http, site.suite.origin)


@pytest_asyncio.fixture
async def person(site: Site, http: AsyncClient) -> Person:
    return await People(site.suite, http).register()


async def offered(site: Site, http: AsyncClient) -> dict[str, Any]:
    said: dict[str, Any] = (await http.get(f"{site.suite.origin}/.well-known/openid-configuration")).json()
    return said


async def test_every_address_is_under_the_one_origin(site: Site, http: AsyncClient) -> None:
    """CheckDiscEndpointAllEndpointsAreHttps, and more: whatever Host header the question came with."""
    said = await offered(site, http)
    assert said["issuer"] == site.suite.origin
    aliases = said.pop("mtls_endpoint_aliases")
    urls = {name: value for name, value in said.items() if isinstance(value, str) and "://" in value}
    assert {"jwks_uri", "registration_endpoint", "check_session_iframe", "end_session_endpoint"} <= urls.keys()
    assert all(value == site.suite.origin or value.startswith(f"{site.suite.origin}/") for value in urls.values())
    assert all(value.startswith(f"{site.suite.mtls}/") for value in aliases.values())
    assert {"token_endpoint", "userinfo_endpoint", "pushed_authorization_request_endpoint"} <= aliases.keys()
    for name, url in urls.items():
        if name.endswith("_endpoint"):
            assert (await http.get(url)).status_code != 404, name


async def test_the_whole_story(site: Site, http: AsyncClient, browser: Browser, person: Person) -> None:
    async with listening() as told:
        uri = {"backchannel_logout_uri": told.url, "post_logout_redirect_uris": [OUT]}
        grants = {"grant_types": ["authorization_code", "refresh_token"]}
        made = (await registration(site.suite, http, **uri, **grants)).json()
        assert made["registration_client_uri"].startswith(f"{site.suite.origin}/oauth2/register/")
        app = Party(site.suite, http, Application(made["client_id"], made["client_secret"]))
        tokens = await app.tokens(browser, person, scope="openid profile offline_access", prompt="consent")
        assert browser.http.cookies.keys() >= {"__Host-watchword_session", "__Host-watchword_browser"}
        said = await verified(app, tokens["id_token"])
        assert (await app.userinfo(tokens["access_token"])).json()["sub"] == said["sub"] == person.account_id
        renewing = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        renewed = (await app.ask(**renewing)).json()
        assert await introspected(app, renewed["access_token"])
        silent = app.said(await browser.open(app.asking(prompt="none")))
        session = (await app.redeem(silent["code"])).json()
        asked = {"id_token_hint": session["id_token"], "post_logout_redirect_uri": OUT, "state": "bye"}
        assert (await browser.open(f"{site.suite.origin}/oauth2/logout?{urlencode(asked)}")).left == f"{OUT}?state=bye"
        async with asyncio.timeout(20):
            while not told.forms:
                await asyncio.sleep(0.02)
    (form,) = told.forms
    assert (await verified(app, form["logout_token"]))["sid"] == claims(session["id_token"])["sid"]
    assert await app.ends(session["access_token"])
    assert app.said(await browser.open(app.asking(prompt="none")))["error"] == "login_required"
    renewing["refresh_token"] = renewed["refresh_token"]
    assert (await app.ask(**renewing)).status_code == 200, "offline_access outlives a sign-out"


async def verified(app: Party, text: str) -> dict[str, Any]:
    """As an application verifies it, by the keys that the issuer publishes."""
    keys = (await app.http.get(f"{app.issuer}/.well-known/jwks.json")).json()["keys"]
    key = next(jwt.PyJWK(one) for one in keys if one["kid"] == jwt.get_unverified_header(text)["kid"])
    mine, issuer = app.client.client_id, app.suite.contract.issuer
    said: dict[str, Any] = jwt.decode(text, key, algorithms=["RS256"], audience=mine, issuer=issuer)
    assert issuer == app.issuer
    return said


async def introspected(app: Party, token: str) -> bool:
    answer = await app.http.post(f"{app.issuer}/oauth2/introspect", data={"token": token}, auth=app.client.auth)
    return bool(answer.json()["active"])


async def test_a_form_that_another_site_posts_goes_on_here(
    site: Site, http: AsyncClient, browser: Browser, person: Person
) -> None:
    """oidcc-ensure-post-request-succeeds, and the form_post answer, behind the proxy."""
    made = (await registration(site.suite, http)).json()
    app = Party(site.suite, http, Application(made["client_id"], made["client_secret"]))
    asked = app.parameters(response_mode="form_post")
    url = f"{site.suite.origin}/oauth2/authorize"
    first = await browser.http.post(url, data=asked, headers={"Origin": "https://app.example"})
    assert first.status_code == 303
    page = await entered(browser, f"{site.suite.origin}{first.headers['location']}", person)
    assert page.form.action == app.back
    assert page.form.fields["iss"] == site.suite.origin
    assert (await app.redeem(page.form.fields["code"])).status_code == 200


@dataclass(frozen=True)
class Shown(Fapi):
    """A client whose tokens are bound to its certificate; `way` is its own connection to `mtls`, where it shows it."""

    mtls: str = ""
    way: AsyncClient = field(default_factory=AsyncClient)

    @property
    def resource(self) -> str:
        """See Fapi."""
        return f"{self.mtls}/oauth2/userinfo"

    def proven(self, **changes: Any) -> dict[str, str]:
        """By its certificate, or by an assertion besides."""
        own = {"client_id": self.client.client_id}
        return super().proven(**changes) if own["client_id"].startswith("jwt") else own

    async def ask(self, **form: str | None) -> Response:
        """See Party."""
        sent = {name: value for name, value in form.items() if value is not None}
        return await self.way.post(f"{self.mtls}/oauth2/token", data=self.proven() | sent)

    async def push(self, proven: dict[str, str] | None = None, /, **more: str | None) -> Response:
        """See Fapi."""
        return await self.way.post(f"{self.mtls}/oauth2/par", data=self.parameters(**more) | (proven or self.proven()))


async def bound(site: Site, http: AsyncClient, way: AsyncClient, method: str, path: Path) -> Shown:
    """A client of FAPI 2.0 whose certificate lies there."""
    key = Key("ES256", kid="one")
    proof: dict[str, Any] = {"jwks": {"keys": [key.jwk | {"x5c": [x5c(path)]}]}}
    if method == "tls_client_auth":
        proof = {"tls_client_auth_subject_dn": NAME}
    made = await registered(
        site.suite,
        client_id=f"{'jwt' if method == 'private_key_jwt' else 'tls'}-{method.replace('_', '-')}",
        confidential=True,
        grant_types=["authorization_code", "refresh_token"],
        scopes=["openid", "offline_access"],
        redirect_uris=[BACK],
        token_endpoint_auth_method=method,
        require_pushed_authorization_requests=True,
        tls_client_certificate_bound_access_tokens=True,
        **proof,
    )
    return Shown(site.suite, http, made, key=key, mtls=site.suite.mtls, way=way)


@pytest.mark.parametrize("method", ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"])
async def test_fapi_with_certificates(
    site: Site, http: AsyncClient, browser: Browser, person: Person, method: str
) -> None:
    """The FAPI 2.0 plan's other ways: tokens bound to a certificate, clients that prove themselves by one."""
    path = site.shown(NAME, Signer(NAME) if method == "self_signed_tls_client_auth" else None)
    async with AsyncClient(timeout=30, trust_env=False, verify=site.suite.trust(path)) as way:
        bank = await bound(site, http, way, method, path)
        tokens = await bank.tokens(browser, person, scope="openid offline_access", prompt="consent")
        assert tokens["token_type"] == "Bearer"
        assert "x5t#S256" in claims(tokens["access_token"])["cnf"]
        assert jwt.get_unverified_header(tokens["id_token"])["alg"] == "ES256"
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert (await way.get(bank.resource, headers=bearer)).json()["sub"] == person.account_id
        for url in (bank.resource, f"{site.suite.origin}/oauth2/userinfo"):
            assert (await http.get(url, headers=bearer)).status_code == 401, "without the certificate"
        renewing = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        answer = await bank.ask(**renewing)
        assert answer.status_code == 200, answer.text
        assert answer.json().get("refresh_token", tokens["refresh_token"]) == tokens["refresh_token"]
        for url in (site.suite.mtls, site.suite.origin):
            bare = await http.post(f"{url}/oauth2/token", data=renewing | bank.proven())
            wanted = "invalid_request" if method == "private_key_jwt" else "invalid_client"
            assert bare.json()["error"] == wanted, "ensure-holder-of-key-required"


def x5c(path: Path) -> str:
    """A certificate as a JWK holds it (RFC 7517 4.7)."""
    pem = path.read_text().partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0]
    return "".join(pem.split())


def shakes_hands(site: Site, origin: str, version: ssl.TLSVersion, ciphers: str | None = None) -> str | None:
    """The cipher that is agreed on; None where nothing is."""
    context = site.suite.trust()
    context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    parts = urlsplit(origin)
    try:
        with (
            socket.create_connection((parts.hostname, parts.port), 5) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname) as secured,
        ):
            agreed = secured.cipher()
            return agreed[0] if agreed else None
    except ssl.SSLError:
        return None


@pytest.mark.parametrize("origin", ["origin", "mtls"])
def test_tls_is_as_fapi_wants_it(site: Site, origin: str) -> None:
    """FAPI2-SP-FINAL 5.2.1, 5.2.2: TLS 1.2 with the ciphers of RFC 9325 alone, or 1.3."""
    url = getattr(site.suite, origin)
    assert shakes_hands(site, url, ssl.TLSVersion.TLSv1_3)
    assert "GCM" in (shakes_hands(site, url, ssl.TLSVersion.TLSv1_2) or "")
    assert shakes_hands(site, url, ssl.TLSVersion.TLSv1_2, CBC) is None
    assert shakes_hands(site, url, ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-CHACHA20-POLY1305") is None
