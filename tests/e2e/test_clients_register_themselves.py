"""Who registers itself at one process is a client of every process, until it deletes itself (RFC 7591, RFC 7592)."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from tests.harness.people import People
from tests.harness.running import Running, Served
from watchword.token.v1 import token_pb2, token_pb2_grpc

pytestmark = pytest.mark.over("feed")

SHOP = {"client_name": "The shop", "redirect_uris": ["https://shop.example/callback"]}
OPEN = {"WATCHWORD_TOKEN_REGISTRATION": "open", "WATCHWORD_TOKEN_REGISTRATION_LIMIT": "2"}


@pytest.fixture(scope="module")
def opened(suite: Running) -> Iterator[Served]:
    """A second process of token, which lets an address register two an hour."""
    served = suite.start_second("token", OPEN)
    yield served
    served.stop()


async def proves(http: AsyncClient, url: str, client_id: str, secret: str) -> bool:
    answer = await http.post(f"{url}/oauth2/introspect", data={"token": "x"}, auth=(client_id, secret))
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


async def test_the_life_of_a_client_that_registers_itself(suite: Running, people: People, opened: Served) -> None:
    http, first = people.http, suite.url("token")
    offered = (await http.get(f"{opened.rest}/.well-known/openid-configuration")).json()
    assert offered["registration_endpoint"] == f"{suite.contract.issuer}/oauth2/register"
    made = await http.post(f"{opened.rest}/oauth2/register", json=SHOP)
    assert made.status_code == 201, made.text
    told: dict[str, Any] = made.json()
    client_id, secret = told["client_id"], told["client_secret"]
    own = f"{opened.rest}/oauth2/register/{client_id}"
    bearer = {"Authorization": f"Bearer {told['registration_access_token']}"}
    for url in (first, opened.rest):
        assert await proves(http, url, client_id, secret)
    async with suite.channel("token") as channel:
        stub: Any = token_pb2_grpc.TokenServiceStub(channel)
        shown = (await stub.GetClient(token_pb2.GetClientRequest(client_id=client_id))).client
        assert (shown.name, shown.self_registered, shown.first_party) == ("The shop", True, False)
        changed = await http.put(own, json=SHOP | {"client_id": client_id, "client_name": "Another"}, headers=bearer)
        assert changed.status_code == 200, changed.text
        assert (await stub.GetClient(token_pb2.GetClientRequest(client_id=client_id))).client.name == "Another"
        rotated = await stub.RotateClientSecret(token_pb2.RotateClientSecretRequest(client_id=client_id))
    for url in (first, opened.rest):
        assert await proves(http, url, client_id, rotated.client_secret)
        await until_refused(http, url, client_id, secret)
    assert (await http.delete(own, headers=bearer)).status_code == 204
    assert (await http.get(own, headers=bearer)).status_code == 401
    for url in (first, opened.rest):
        await until_refused(http, url, client_id, rotated.client_secret)


async def until_refused(http: AsyncClient, url: str, client_id: str, secret: str) -> None:
    """What writes nothing follows within the lag."""
    async with asyncio.timeout(5):
        while await proves(http, url, client_id, secret):
            await asyncio.sleep(0.02)


async def test_an_address_registers_so_many_and_elsewhere_nobody_does(
    suite: Running, people: People, opened: Served
) -> None:
    answers: list[Response] = [await people.http.post(f"{opened.rest}/oauth2/register", json=SHOP) for _ in range(3)]
    assert answers[-1].status_code == 429, answers[-1].text
    assert answers[-1].json()["code"] == "too_many_attempts"
    assert int(answers[-1].headers["retry-after"]) > 0
    closed = await people.http.post(f"{suite.url('token')}/oauth2/register", json=SHOP)
    assert closed.status_code == 404
    offered = (await people.http.get(f"{suite.url('token')}/.well-known/openid-configuration")).json()
    assert "registration_endpoint" not in offered
