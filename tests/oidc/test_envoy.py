"""Envoy's oauth2 filter before a page that knows nothing of OAuth, in the real program."""

import asyncio
import json
from pathlib import Path
from typing import Any

from google.protobuf.duration_pb2 import Duration
from httpx2 import Response

from tests.harness.browsing import Browser, Page
from tests.harness.people import Person, claims
from tests.oidc.conftest import Parties
from tests.oidc.party import Party, entered
from tests.oidc.programs import ENVOY
from tests.oidc.served import free_site, proxy, serving, who

LIFE = 2
TYPES = "type.googleapis.com/envoy.extensions.filters"


def address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def cluster(name: str, port: int) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": address(port)}}
    return {"name": name, "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}}


def oauth2(app: Party, said: dict[str, str], site: str) -> dict[str, Any]:
    """The filter, with what the metadata say."""
    credentials: dict[str, Any] = {"client_id": app.client.client_id}
    credentials |= {"token_secret": {"name": "token"}, "hmac_secret": {"name": "hmac"}}
    config = {
        "token_endpoint": {"cluster": "token", "uri": said["token_endpoint"], "timeout": "10s"},
        "authorization_endpoint": said["authorization_endpoint"],
        "end_session_endpoint": said["end_session_endpoint"],
        "redirect_uri": f"{site}/callback",
        "redirect_path_matcher": {"path": {"exact": "/callback"}},
        "signout_path": {"path": {"exact": "/signout"}},
        "forward_bearer_token": True,
        "use_refresh_token": True,
        "auth_scopes": ["openid", "profile"],
        "credentials": credentials,
    }
    typed = {"@type": f"{TYPES}.http.oauth2.v3.OAuth2", "config": config}
    return {"name": "envoy.filters.http.oauth2", "typed_config": typed}


def bootstrap(app: Party, filters: list[dict[str, Any]], port: int, behind: int) -> dict[str, Any]:
    everything = {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "page"}}]}
    manager = {
        "@type": f"{TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "page",
        "route_config": {"virtual_hosts": [everything]},
        "http_filters": filters,
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    secrets = {"token": app.client.secret, "hmac": "a-key-that-signs-cookies"}
    return {
        "static_resources": {
            "listeners": [{"address": address(port), "filter_chains": [chain]}],
            "clusters": [cluster("page", behind), cluster("token", int(app.issuer.rpartition(":")[2]))],
            "secrets": [
                {"name": name, "generic_secret": {"secret": {"inline_string": secret}}}
                for name, secret in secrets.items()
            ],
        }
    }


async def test_a_page_behind_envoy(parties: Parties, browser: Browser, person: Person, tmp_path: Path) -> None:
    (site, port), (_, behind) = free_site(), free_site()
    back = {"redirect_uris": [f"{site}/callback"], "post_logout_redirect_uris": [f"{site}/"]}
    app = await parties(**back, ask_consent=True, access_token_life=Duration(seconds=LIFE))
    said = (await app.http.get(f"{app.issuer}/.well-known/openid-configuration")).json()
    browser.at |= {site}

    async def trusted(response: Response) -> None:
        """Browsers send Secure cookies to loopback: it is potentially trustworthy (Secure Contexts 3.1)."""
        for cookie in browser.http.cookies.jar:
            cookie.secure = False

    browser.http.event_hooks["response"].append(trusted)
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{TYPES}.http.router.v3.Router"}}
    configuration = bootstrap(app, [oauth2(app, said, site), router], port, behind)
    (tmp_path / "envoy.json").write_text(json.dumps(configuration))
    command = [str(ENVOY), "-c", str(tmp_path / "envoy.json"), "--concurrency", "1", "--use-dynamic-base-id"]
    async with serving(who, behind):
        with proxy([*command, "--log-level", "warning"], port, tmp_path / "said.log"):
            page = await entered(browser, f"{site}/page", person)
            first = bearer(page)
            assert (await app.userinfo(first)).json()["sub"] == person.account_id
            await asyncio.sleep(LIFE + 1)
            second = bearer(await browser.open(f"{site}/page"))
            assert claims(second)["iat"] > claims(first)["iat"], "refreshed, without a page"
            assert (await app.userinfo(second)).status_code == 200
            out = await browser.open(f"{site}/signout")
            assert out.has("input", name="password"), "signed out everywhere, so the page asks anew"


def bearer(page: Page) -> str:
    """The token that Envoy hands on."""
    said: str = page.response.json()["authorization"]
    return said.removeprefix("Bearer ")
