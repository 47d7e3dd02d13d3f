"""Apache with mod_auth_openidc, as Debian has it, before a page that knows nothing of OpenID Connect."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest_asyncio

from tests.harness.browsing import Browser, Page
from tests.harness.people import Person
from tests.harness.running import PATIENCE
from tests.oidc.conftest import Parties
from tests.oidc.party import OUT, Party, entered
from tests.oidc.programs import APACHE_MODULES, program
from tests.oidc.served import free_site, proxy, serving, who

MODULES = ("mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_http", "auth_openidc")
CONFIGURATION = """
{modules}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {directory}/pid
ErrorLog {directory}/error.log
Mutex pthread
User www-data
Group www-data

OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID {client_id}
OIDCClientSecret {secret}
OIDCRedirectURI {site}/callback
OIDCCryptoPassphrase {secret}
OIDCScope "openid profile offline_access"
OIDCPKCEMethod S256
OIDCRemoteUserClaim preferred_username
OIDCInfoHook access_token id_token userinfo
OIDCDefaultLoggedOutURL {site}/out

<Location />
    AuthType openid-connect
    Require valid-user
    ProxyPass http://127.0.0.1:{behind}/
</Location>
<Location /callback>
    ProxyPass !
</Location>
<Location /out>
    Require all granted
</Location>
"""


def configured(directory: Path, app: Party, site: str, port: int, behind: int) -> list[str]:
    """What starts Apache with its files in a directory of its own."""
    modules = [f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in MODULES]
    said = {"issuer": app.issuer, "client_id": app.client.client_id, "secret": app.client.secret, "site": site}
    places = {"modules": "\n".join(modules), "directory": directory, "port": port, "behind": behind}
    (directory / "apache.conf").write_text(CONFIGURATION.format(**said, **places))
    return [program("apache2") or "", "-d", str(directory), "-f", "apache.conf", "-DFOREGROUND"]


@dataclass(frozen=True)
class Guarded:
    """A page behind Apache, and the application that Apache is."""

    site: str
    app: Party

    async def opened(self, browser: Browser) -> Page:
        return await browser.open(f"{self.site}/page")


@pytest_asyncio.fixture
async def guarded(parties: Parties, browser: Browser, tmp_path: Path) -> AsyncIterator[Guarded]:
    (site, port), (_, behind) = free_site(), free_site()
    app = await parties(
        redirect_uris=[f"{site}/callback"],
        post_logout_redirect_uris=[f"{site}/out"],
        backchannel_logout_uri=f"{site}/callback?logout=backchannel",
        ask_consent=True,
    )
    browser.at |= {site}
    command = configured(tmp_path, app, site, port, behind)
    async with serving(who, behind):
        with proxy(command, port, tmp_path / "said.log"):
            yield Guarded(site, app)


async def test_a_page_behind_apache(guarded: Guarded, browser: Browser, person: Person) -> None:
    site, app = guarded.site, guarded.app
    said = (await entered(browser, f"{site}/page", person)).response.json()
    assert (said["oidc_claim_sub"], said["oidc_claim_iss"]) == (person.account_id, app.issuer)
    assert said["oidc_claim_preferred_username"] == person.username

    info = f"{site}/callback?info=json"
    first = (await browser.open(info)).response.json()
    assert first["userinfo"]["sub"] == first["id_token"]["sub"] == person.account_id
    second = (await browser.open(f"{info}&access_token_refresh_interval=0")).response.json()
    assert second["access_token"] != first["access_token"], "refreshed"

    out = await browser.open(f"{site}/callback?logout={site}/out")
    assert out.url.startswith(f"{site}/out")
    assert (await guarded.opened(browser)).has("input", name="password")


async def test_signing_out_elsewhere_ends_apaches_session(
    guarded: Guarded, app: Party, browser: Browser, person: Person
) -> None:
    """OpenID Connect Back-Channel Logout 1.0: Apache is told, and lets nobody in by its own cookie any more."""
    await entered(browser, f"{guarded.site}/page", person)
    tokens = await app.tokens(browser, person)
    assert (await guarded.opened(browser)).response.json()["oidc_claim_sub"] == person.account_id
    asked = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": OUT}
    assert (await browser.open(f"{app.suite.url('identity')}/oauth2/logout?{urlencode(asked)}")).left == OUT
    deadline = time.monotonic() + PATIENCE
    while not (page := await guarded.opened(browser)).has("input", name="password"):
        assert time.monotonic() < deadline, page.text
        await asyncio.sleep(0.1)
