"""Tokens over REST: client_credentials, refresh with rotation, introspection."""

from base64 import b64encode
from itertools import count
from pathlib import Path
from urllib.parse import urlencode

from httpx2 import AsyncClient, Limits

from bench.figures import Figure, at_least
from bench.house import House, address, run
from bench.jobs import HttpJob
from bench.machine import SERVICE, pin
from bench.proxy import tls_proxy
from tests.harness.applications import Application, machine, own_token
from tests.harness.people import People
from tests.harness.running import Suite

CONNECTIONS = 16
TOKENS = 64
"""Different ones that are introspected in turn: a resource server sees a token again and again, but not one alone."""

_numbers = count()


def client_credentials(house: House) -> list[Figure]:
    """A token for the client itself; its connections are kept."""
    pids = house.under_load("token")
    suite = house.suite()
    job = token_job(house, suite.url("token"), run(machine(suite)))
    return house.drive(job, pids).figures("client_credentials", at_least(3000), 15)


def client_credentials_tls(house: House) -> list[Figure]:
    """The same through nginx, which ends TLS (deploy/nginx): a connection and a handshake each."""
    pids = house.under_load("token")
    suite = house.suite()
    directory = house.work / f"proxy-{next(_numbers)}"
    with tls_proxy(directory, suite.url("token")) as proxy:
        pin([proxy.pid], SERVICE)
        job = token_job(house, proxy.url, run(machine(suite)), ca=proxy.ca)
        return house.drive(job, pids | {"nginx": proxy.pid}).figures(
            "client_credentials, a new TLS connection each", at_least(1000)
        )


def refresh(house: House) -> list[Figure]:
    """Each connection keeps a family of its own, and uses the refresh token of the answer before."""
    pids = house.under_load("token")
    suite = house.suite()
    tokens = run(_refresh_tokens(suite))
    job = refresh_job(house, suite.url("token"), suite.app, tokens)
    return house.drive(job, pids).figures("refresh with rotation", at_least(2500), 15)


def introspect(house: House) -> list[Figure]:
    """A client that may introspect any token asks about tokens of another."""
    pids = house.under_load("token")
    suite = house.suite()
    tokens = run(access_tokens(suite, TOKENS))
    service = Application(suite.service.client_id, suite.service.client_secret)
    job = introspection_job(house, suite.url("token"), service, tokens)
    return house.drive(job, pids).figures("introspection, REST", at_least(6000))


async def access_tokens(suite: Suite, number: int) -> list[str]:
    """Good tokens of one client."""
    async with AsyncClient(timeout=30, trust_env=False, limits=Limits(max_connections=4)) as http:
        client = await machine(suite)
        return [await own_token(http, suite, client) for _ in range(number)]


async def _refresh_tokens(suite: Suite) -> list[str]:
    async with People.of(suite) as people:
        person = await people.register()
        return [(await people.login(person)).refresh_token for _ in range(CONNECTIONS)]


def token_job(house: House, url: str, client: Application, ca: Path | None = None) -> HttpJob:
    """client_credentials by client_secret_basic; over TLS with a connection each where there is a `ca`."""
    host, port = address(url)
    more = ("Connection: close",) if ca else ()
    body = form(grant_type="client_credentials")
    return HttpJob(
        host=host,
        port=port,
        requests=[post(host, port, "/oauth2/token", body, basic(client), *more)],
        seconds=house.seconds,
        warm_up=house.warm_up,
        ca=str(ca) if ca else None,
        each_anew=ca is not None,
    )


def refresh_job(house: House, url: str, client_id: str, tokens: list[str]) -> HttpJob:
    """Refreshes by a public client."""
    host, port = address(url)
    head, _, _ = post(host, port, "/oauth2/token", b"").partition(b"Content-Length")
    before = form(grant_type="refresh_token", client_id=client_id) + b"&refresh_token="
    return HttpJob(
        host=host,
        port=port,
        requests=[head, before, b""],
        refresh_tokens=tokens,
        seconds=house.seconds,
        warm_up=house.warm_up,
    )


def introspection_job(house: House, url: str, client: Application, tokens: list[str]) -> HttpJob:
    """Introspection of these tokens in turn."""
    host, port = address(url)
    return HttpJob(
        host=host,
        port=port,
        requests=[post(host, port, "/oauth2/introspect", form(token=one), basic(client)) for one in tokens],
        seconds=house.seconds,
        warm_up=house.warm_up,
    )


def basic(client: Application) -> str:
    return "Authorization: Basic " + b64encode(f"{client.client_id}:{client.secret}".encode()).decode()


def form(**fields: str) -> bytes:
    return urlencode(fields).encode()


def post(
    host: str, port: int, path: str, body: bytes, *headers: str, kind: str = "application/x-www-form-urlencoded"
) -> bytes:
    """A whole request."""
    lines = (f"POST {path} HTTP/1.1", f"Host: {host}:{port}", *headers, f"Content-Type: {kind}")
    return "".join(f"{line}\r\n" for line in lines).encode() + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
