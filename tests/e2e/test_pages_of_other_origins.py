"""Pages of registered origins read what token, revoke and userinfo answer; pages of others nothing (RULES 10)."""

import asyncio
import secrets
from collections.abc import Iterable

import pytest
from httpx2 import Response

from tests.harness.applications import registered
from tests.harness.people import People
from tests.harness.running import PATIENCE, Running
from watchword.token.v1 import token_pb2, token_pb2_grpc

pytestmark = pytest.mark.over("feed")

ALLOWED = "access-control-allow-origin"


async def asked(people: People, origin: str) -> list[Response]:
    """What each process answers a page: its preflights, and userinfo without a token."""
    asks = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "dpop"}
    urls = [f"{url}/oauth2/userinfo" for url in people.suite.urls("identity")]
    urls += [f"{url}/oauth2/{path}" for url in people.suite.urls("token") for path in ("token", "revoke")]
    answers = [await people.http.options(url, headers=asks) for url in urls]
    return [*answers, *[await people.http.get(url, headers={"Origin": origin}) for url in urls[:2]]]


async def shared(people: People, origin: str, expected: bool) -> Iterable[Response]:
    """The answers, once every process has heard whether the origin is registered."""
    answers: list[Response] = []
    async with asyncio.timeout(PATIENCE):
        while not answers or {answer.headers.get(ALLOWED) for answer in answers} != {origin if expected else None}:
            answers = await asked(people, origin)
    return answers


async def test_every_process_follows_which_origins_are_registered(suite: Running, people: People) -> None:
    suite.second("identity")
    suite.second("token")
    origin = f"https://{secrets.token_hex(6)}.example"
    await shared(people, origin, False)
    client = await registered(suite, name="A page", cors_origins=[origin])
    for answer in await shared(people, origin, True):
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["vary"] == "Origin"
        assert {"dpop-nonce", "www-authenticate"} <= set(
            answer.headers["access-control-expose-headers"].lower().split(", ")
        )
    async with suite.channel("token") as channel:
        stub = token_pb2_grpc.TokenServiceStub(channel)
        other = token_pb2.Client(client_id=client.client_id, name="A page", cors_origins=["https://other.example"])
        await stub.UpdateClient(token_pb2.UpdateClientRequest(client=other))
        await shared(people, origin, False)
        await shared(people, "https://other.example", True)
        await stub.DeleteClient(token_pb2.DeleteClientRequest(client_id=client.client_id))
    await shared(people, "https://other.example", False)
