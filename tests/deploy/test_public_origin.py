"""The one public origin: each of its paths reaches the service that serves it, and nothing else is reached.

Asked of a running suite: behind the Ingress by its rules, and behind a real nginx with deploy/nginx/watchword.conf.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx2
import pytest

from tests.deploy.kustomized import OVERLAYS, SERVICES, overlay
from tests.harness.applications import registered
from tests.harness.nginx import LISTENS, NAMED, Nginx, nginx
from tests.harness.running import Running, free_fleet

INSIDE = {"/livez", "/readyz", "/metrics", "/openapi.json"}
FRAMED = "/oauth2/session"
"""A page for frames: metadata names it, and no contract describes it."""
WHERE_SWITCHED_ON = {"/oauth2/register": "token", "/oauth2/register/some": "token"}


def tables(suite: Running) -> dict[str, set[str]]:
    """The paths that each service documents, with something in the place of each parameter."""
    found: dict[str, set[str]] = {}
    for service in SERVICES:
        paths = httpx2.get(f"{suite.url(service)}/openapi.json").json()["paths"]
        found[service] = {re.sub(r"\{[^}]*\}", "some", path) for path in paths} - INSIDE
    assert all(found.values())
    return found


def behind(name: str, path: str) -> str | None:
    """The service that the Ingress of an overlay sends a path to: the longest match, an exact one first."""
    (ingress,) = overlay(name).kind("Ingress")
    (rule,) = ingress["spec"]["rules"]
    matches = [one for one in rule["http"]["paths"] if _matches(one["pathType"], one["path"], path)]
    if not matches:
        return None
    best = max(matches, key=lambda one: (len(one["path"]), one["pathType"] == "Exact"))
    service: str = best["backend"]["service"]["name"]
    return service


def _matches(kind: str, wanted: str, path: str) -> bool:
    assert kind in ("Exact", "Prefix")
    return path == wanted or (kind == "Prefix" and path.startswith(f"{wanted.rstrip('/')}/"))


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_path_reaches_its_service_through_the_ingress(name: str, suite: Running) -> None:
    for service, paths in tables(suite).items():
        assert {path: behind(name, path) for path in paths} == dict.fromkeys(paths, service)
    assert {path: behind(name, path) for path in WHERE_SWITCHED_ON} == WHERE_SWITCHED_ON


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_ingress_sends_nowhere_what_nobody_serves(name: str, suite: Running) -> None:
    served = [path for paths in tables(suite).values() for path in paths] + [*WHERE_SWITCHED_ON, FRAMED]
    (ingress,) = overlay(name).kind("Ingress")
    for one in ingress["spec"]["rules"][0]["http"]["paths"]:
        assert any(_matches(one["pathType"], one["path"], path) for path in served), one
        assert one["backend"]["service"]["port"] == {"name": "rest"}
    assert [path for path in [*INSIDE, "/docs", "/docs/start.js", "/"] if behind(name, path)] == []


@pytest.fixture(scope="module")
def proxy(suite: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    places = {LISTENS: str(free_fleet().rest["token"])}
    for service, (first, second) in NAMED.items():
        places[first] = places[second] = str(suite.fleet.rest[service])
    with nginx(tmp_path_factory.mktemp("nginx") / "nginx", places) as running:
        yield running


def test_every_path_reaches_its_service_through_nginx(suite: Running, proxy: Nginx) -> None:
    """Another service would say 404 of it; its own says 405 of a method that it does not have there."""
    for service, paths in tables(suite).items():
        for path in paths:
            asked = {one: httpx2.request("PATCH", f"{suite.url(one)}{path}", json={}).status_code for one in SERVICES}
            assert asked[service] == 405, (service, path)
            elsewhere = [one for one in SERVICES if one != service and asked[one] == 405]
            assert httpx2.request("PATCH", f"{proxy.url}{path}", json={}).status_code == 405, (service, path)
            assert elsewhere == [], path


async def test_what_an_application_wants_back_comes_back_through_nginx_however_long(
    suite: Running, proxy: Nginx
) -> None:
    app = await registered(
        suite, confidential=True, grant_types=["authorization_code"], redirect_uris=["https://app.example/callback"]
    )
    asked = {
        "client_id": app.client_id,
        "response_type": "code",
        "redirect_uri": "https://app.example/callback",
        "scope": "openid",
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
        "prompt": "none",
        "state": "s" * 30_000,
    }
    answer = httpx2.get(f"{proxy.url}/oauth2/authorize", params=asked)
    assert answer.status_code == 303, answer.text
    assert f"&state={asked['state']}&" in answer.headers["location"]


@contextmanager
def named(name: str) -> Iterator[str]:
    """A server that answers everything with its name: HOST:PORT."""

    class Named(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(name)))
            self.end_headers()
            self.wfile.write(name.encode())

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Named)
    serving = Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def test_one_process_answers_all_pages_of_a_request(tmp_path: Path) -> None:
    """It alone knows that a button was clicked twice; another goes on where it is gone."""
    places = dict.fromkeys((place for pair in NAMED.values() for place in pair), "127.0.0.1:9")
    places[LISTENS] = str(free_fleet().rest["token"])
    first, second = NAMED["identity"]
    with named("one") as places[first], ExitStack() as other:
        places[second] = other.enter_context(named("two"))
        with nginx(tmp_path / "nginx", places) as running:
            flows = [f"{running.url}/oauth2/authorize/flow{number:08}" for number in range(20)]
            told = [{httpx2.get(f"{flow}{query}").text for query in ("", "?stale=1", "?other=1")} for flow in flows]
            assert all(len(one) == 1 for one in told)
            assert set().union(*told) == {"one", "two"}
            other.close()
            assert {httpx2.get(flow).text for flow in flows} == {"one"}


def test_what_is_meant_for_operators_stays_behind_nginx(proxy: Nginx) -> None:
    for path in [*INSIDE, "/docs", "/docs/start.js", "/v1/../metrics", "/%6detrics", "//metrics"]:
        assert httpx2.get(f"{proxy.url}{path}").status_code == 404, path
