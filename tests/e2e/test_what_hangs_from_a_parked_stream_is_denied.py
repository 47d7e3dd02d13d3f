"""RULES 6: an event that one process of a service could not apply makes every process deny what hangs from it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import asyncpg
import pytest
from httpx2 import Response

from tests.harness.people import People
from tests.harness.running import Running

DENIED = (503, "parked")


@asynccontextmanager
async def parked(suite: Running, service: str, reaction: str, stream: str) -> AsyncIterator[None]:
    """An event of the stream lies in the service's table as the reaction puts there what it cannot apply."""
    connection = await asyncpg.connect((suite.place.secrets / f"{service}.dsn").read_text())
    try:
        await connection.execute("INSERT INTO projection_parked VALUES ($1, 1, $2, '', 'a test')", reaction, stream)
        yield
    finally:
        await connection.execute(
            "DELETE FROM projection_parked WHERE projection = $1 AND stream = $2", reaction, stream
        )
        await connection.close()


async def until(answers: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await answers():
            await asyncio.sleep(0.05)


def code(response: Response) -> tuple[int, str]:
    body = response.json()
    return response.status_code, body.get("code", body.get("error", ""))


@pytest.mark.parametrize("kind", ["account", "session"])
async def test_no_process_of_token_refreshes_what_identity_may_have_ended(
    suite: Running, people: People, kind: str
) -> None:
    suite.second("token")
    person = await people.register()
    signed, other = await people.login(person), await people.login(await people.register())
    presented = signed.refresh_token

    async def denied(where: int) -> bool:
        nonlocal presented
        answer = await people.refresh(presented, where)
        presented = answer.json().get("refresh_token", presented)
        return answer.status_code != 200

    stream = f"account/{signed.account_id}" if kind == "account" else f"session/{signed.session_id}"
    async with parked(suite, "token", "revoke-what-identity-ended", stream):
        for where in (0, 1):
            await until(partial(denied, where))
            assert (await people.refresh(presented, where)).status_code == 503
        assert (await people.introspect(signed.access_token))["active"] is False
        assert (await people.refresh(other.refresh_token, 1)).status_code == 200
        if kind == "account":
            refused = await people.try_login(person.username, person.password, client=suite.app)
            assert code(refused) == DENIED

    async def goes_on() -> bool:
        return not await denied(0) and not await denied(1)

    await until(goes_on)


@pytest.mark.parametrize("kind", ["subject", "session"])
async def test_no_process_of_identity_takes_a_cookie_that_token_may_have_ended(
    suite: Running, people: People, kind: str
) -> None:
    suite.second("identity")
    signed = await people.login(await people.register())
    cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in signed.cookies.items())}

    async def is_now(where: int, *expected: object) -> bool:
        return code(await people.get("identity", "/v1/account", where, headers=cookie)) == expected

    stream = f"subject/{signed.account_id}" if kind == "subject" else f"session/{signed.session_id}"
    async with parked(suite, "identity", "revocations", stream):
        for where in (0, 1):
            await until(partial(is_now, where, *DENIED))
    for where in (0, 1):
        await until(partial(is_now, where, 200, ""))
