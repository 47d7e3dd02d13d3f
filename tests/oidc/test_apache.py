"""Apache with mod_auth_openidc, as Debian has it, before a page that knows nothing of OpenID Connect."""

from pathlib import Path

from tests.harness.browsing import Browser
from tests.harness.people import Person
from tests.oidc.conftest import Parties
from tests.oidc.party import Party, entered
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


async def test_a_page_behind_apache(parties: Parties, browser: Browser, person: Person, tmp_path: Path) -> None:
    (site, port), (_, behind) = free_site(), free_site()
    back = {"redirect_uris": [f"{site}/callback"], "post_logout_redirect_uris": [f"{site}/out"]}
    app = await parties(**back, ask_consent=True)
    browser.at |= {site}
    command = configured(tmp_path, app, site, port, behind)
    async with serving(who, behind):
        with proxy(command, port, tmp_path / "said.log"):
            page = await entered(browser, f"{site}/page", person)
            said = page.response.json()
            assert (said["oidc_claim_sub"], said["oidc_claim_iss"]) == (person.account_id, app.issuer)
            assert said["oidc_claim_preferred_username"] == person.username

            info = f"{site}/callback?info=json"
            first = (await browser.open(info)).response.json()
            assert first["userinfo"]["sub"] == first["id_token"]["sub"] == person.account_id
            second = (await browser.open(f"{info}&access_token_refresh_interval=0")).response.json()
            assert second["access_token"] != first["access_token"], "refreshed"

            out = await browser.open(f"{site}/callback?logout={site}/out")
            assert out.url.startswith(f"{site}/out")
            assert (await browser.open(f"{site}/page")).has("input", name="password")
