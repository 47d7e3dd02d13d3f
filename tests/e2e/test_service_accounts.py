"""Service accounts (RFC 7523) on a running suite with two processes of token: what is signed is worth a token, once."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from httpx2 import Response

from tests.harness.applications import Application, registered
from tests.harness.people import People, claims
from tests.harness.running import PATIENCE, Running
from tests.unit.token.proving import Key

pytestmark = pytest.mark.over("feed")

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass
class Robot:
    """A client that has nothing but its key."""

    people: People
    client: Application
    key: Key

    def signs(self, **changes: Any) -> str:
        now, own = int(time.time()), self.client.client_id
        said = {"iss": own, "sub": own, "aud": self.people.url("token"), "iat": now, "exp": now + 60}
        return self.key.sign(said | {"jti": secrets.token_hex(8)} | changes)

    async def asks(self, assertion: str, where: int = 0, **more: str) -> Response:
        form = {"grant_type": GRANT, "assertion": assertion} | more
        return await self.people.http.post(f"{self.people.url('token', where)}/oauth2/token", data=form)


@pytest_asyncio.fixture
async def robot(suite: Running, people: People) -> AsyncIterator[Robot]:
    suite.second("token")
    key = Key(kid="robot-1")
    client = await registered(
        suite,
        confidential=True,
        grant_types=[GRANT],
        scopes=["orders:read", "orders:write"],
        audiences=["orders"],
        token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [key.jwk]},
    )
    yield Robot(people, client, key)


def error(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


async def test_what_it_signs_is_worth_a_token_for_itself(robot: Robot) -> None:
    answer = await robot.asks(robot.signs(), scope="orders:read")
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
    said = claims(answer.json()["access_token"])
    assert (said["sub"], said["client_id"], said["aud"]) == (robot.client.client_id, robot.client.client_id, "orders")
    assert said["scope"] == "orders:read"
    for where in (0, 1):
        assert (await robot.people.introspect(answer.json()["access_token"], where))["active"]


async def test_of_one_assertion_there_is_one_token_however_often_and_wherever_it_comes(robot: Robot) -> None:
    signed = robot.signs()
    answers = await asyncio.gather(*(robot.asks(signed, where=turn % 2) for turn in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 7]
    assert {error(answer) for answer in answers if answer.status_code != 200} == {(400, "invalid_grant")}


async def test_what_is_signed_about_others_for_others_or_by_others_is_worth_nothing(robot: Robot) -> None:
    person = await robot.people.register()
    for wrong in (
        robot.signs(sub=person.account_id),
        robot.signs(aud="https://other.example"),
        robot.signs(exp=int(time.time()) - 60),
        Robot(robot.people, robot.client, Key(kid="robot-1")).signs(),
    ):
        assert error(await robot.asks(wrong, where=1)) == (400, "invalid_grant")


async def test_it_ends_with_its_client(robot: Robot) -> None:
    token = (await robot.asks(robot.signs())).json()["access_token"]
    await robot.people.revoke(await robot.people.administrator(), client_id=robot.client.client_id)
    for where in (0, 1):
        async with asyncio.timeout(PATIENCE):
            while (await robot.people.introspect(token, where))["active"]:
                await asyncio.sleep(0.02)
    assert (await robot.asks(robot.signs(), where=1)).status_code == 200, "what it asks for afterwards is good"
