"""A client's certificate through a real nginx as deploy/nginx says: from the connection to the token that it binds."""

import asyncio
import hashlib
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx2
import jwt
import msgspec
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.readiness import Readiness
from chassis.web import application
from services.token.ports import Proving
from tests.deploy.tools import ROOT
from tests.harness.nginx import HTTP, NAMED, launch
from tests.harness.running import free_fleet
from tests.unit.chassis.test_bounded_http import serving
from tests.unit.token.certified import NOW, Signer, escaped
from tests.unit.token.proving import Key, b64
from tests.unit.token.test_certificates import BANK, SELF
from tests.unit.token.test_oauth import door
from tests.unit.token.world import World

YEARS = timedelta(days=36_500)
HEADER = "X-Client-Certificate"


class Shown:
    """A client's certificate with its key, as files; valid by the world's clock and by nginx's."""

    def __init__(self, directory: Path, name: str, signer: Signer | None = None) -> None:
        own = Signer("CN=bank,O=Example", ca=False)
        above = signer or own
        self.certificate = above.sign(own.name, own.key, [], since=NOW - YEARS / 100, until=NOW + YEARS)
        self.path = directory / f"{name}.pem"
        key = own.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.path.write_bytes(self.certificate.public_bytes(Encoding.PEM) + key)

    @property
    def x5t(self) -> str:
        return b64(hashlib.sha256(self.certificate.public_bytes(Encoding.DER)).digest())


class Site:
    """The two origins before one process of token."""

    def __init__(self, world: World, plain: str, mtls: str, ca: Signer, directory: Path) -> None:
        self.world, self.plain, self.mtls, self.ca, self.directory = world, plain, mtls, ca, directory

    async def token(self, url: str, client_id: str, shown: Shown | None = None, **headers: str) -> tuple[int, Any]:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if shown is not None:
            context.load_cert_chain(shown.path)
        body = {"grant_type": "client_credentials", "client_id": client_id}
        async with httpx2.AsyncClient(verify=context, trust_env=False) as http:
            answer = await http.post(f"{url}/oauth2/token", data=body, headers=headers)
        return answer.status_code, answer.json()


@asynccontextmanager
async def before(world: World, ca: Signer, directory: Path, token: str, plain: str, mtls: str) -> AsyncIterator[Site]:
    """nginx with both of its files, at a test's own addresses."""
    directory.mkdir()
    Shown(directory, "mtls")
    for name in ("watchword.conf", "watchword-mtls.conf"):
        text = (ROOT / "deploy" / "nginx" / name).read_text()
        places = {"127.0.0.1:8400": plain, "127.0.0.1:8443": mtls} | dict.fromkeys(sum(NAMED.values(), ()), token)
        places |= {"/etc/watchword/mtls.pem": "mtls.pem", "/etc/watchword/mtls.key": "mtls.pem"}
        for named, place in places.items():
            text = text.replace(named, place)
        (directory / name).write_text(text)
    inside = HTTP.replace("include watchword.conf;", "include watchword.conf; include watchword-mtls.conf;")
    process = await asyncio.to_thread(launch, directory, inside, mtls)
    try:
        yield Site(world, f"http://{plain}", f"https://{mtls}", ca, directory)
    finally:
        process.terminate()
        process.wait(10)


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    ca = Signer()
    world = await World.made(BANK, SELF, proving=Proving(authorities=ca.pem))
    app = application(
        title="token",
        readiness=Readiness(),
        origins=frozenset(),
        hot=door(world.a)[0].endpoints(),
        trusted_proxies=[ip_network("127.0.0.1")],
        certificate_header=HEADER,
    )
    free = free_fleet()
    plain, mtls = str(free.rest["token"]), str(free.rest["identity"])
    async with (
        serving(app) as port,
        before(world, ca, tmp_path / "nginx", f"127.0.0.1:{port}", plain, mtls) as running,
    ):
        yield running


async def test_a_clients_certificate_opens_and_binds(site: Site) -> None:
    shown = Shown(site.directory, "bank", site.ca)
    status, answer = await site.token(site.mtls, "bank", shown)
    assert status == 200, answer
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert claims["cnf"] == {"x5t#S256": shown.x5t}


async def test_what_nginx_lets_pass_is_judged_by_token(site: Site) -> None:
    for shown in (Shown(site.directory, "own"), Shown(site.directory, "other", Signer()), None):
        status, answer = await site.token(site.mtls, "bank", shown)
        assert (status, answer["error"]) == (401, "invalid_client")


async def test_a_header_that_a_client_sends_is_never_read(site: Site) -> None:
    forged = {HEADER: escaped(Shown(site.directory, "bank", site.ca).certificate).decode()}
    for url in (site.plain, site.mtls):
        status, answer = await site.token(url, "bank", None, **forged)
        assert (status, answer["error"]) == (401, "invalid_client")
    stranger = Shown(site.directory, "own")
    assert (await site.token(site.mtls, "bank", stranger, **forged))[0] == 401


async def test_a_certificate_that_a_client_made_for_itself_passes(site: Site) -> None:
    shown = Shown(site.directory, "self")
    chain = [b64encode(shown.certificate.public_bytes(Encoding.DER)).decode()]
    jwks = {"keys": [Key().jwk | {"x5c": chain}]}
    await site.world.register(msgspec.structs.replace(SELF, id="own", jwks=jwks))
    assert (await site.token(site.mtls, "own", shown))[0] == 200
    assert (await site.token(site.mtls, "own", Shown(site.directory, "other")))[0] == 401


@pytest.mark.parametrize("path", ["/oauth2/authorize", "/v1/login", "/", "/oauth2/userinfo/x"])
async def test_nothing_else_is_at_that_origin(site: Site, path: str) -> None:
    async with httpx2.AsyncClient(verify=False, trust_env=False) as http:
        assert (await http.get(site.mtls + path)).status_code == 404
