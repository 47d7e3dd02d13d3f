"""A backend that is connected to token, from a snapshot to a verdict (RULES 4, 7)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx2

from tests.unit.sdk.fakes import AUDIENCE, ISSUER, claims, jwk, sign, until
from tests.unit.sdk.owner import Owner, Response, revocation, served
from watchword import TokenRefused, WhenStale, connect_over
from watchword.wire import to_message

Verifies = Callable[[str], Awaitable[str]]


@asynccontextmanager
async def backend(
    when_stale: WhenStale = "deny", snapshot: bool = True, max_staleness: float = 5
) -> AsyncIterator[tuple[Owner, Verifies]]:
    owner = Owner()
    jwks = httpx2.MockTransport(lambda request: httpx2.Response(200, json={"keys": [jwk("ES256")]}))
    async with served(owner) as channel, httpx2.AsyncClient(transport=jwks) as http:
        connecting = connect_over(
            channel,
            http,
            issuer=ISSUER,
            audience=AUDIENCE,
            max_staleness=timedelta(seconds=max_staleness),
            when_stale=when_stale,
        )
        answering = asyncio.create_task(answer(owner, snapshot))
        async with connecting as verifier:
            await answering

            async def verifies(token: str) -> str:
                try:
                    return (await verifier.verify(token)).sub
                except TokenRefused as refused:
                    return refused.code

            yield owner, verifies


async def answer(owner: Owner, snapshot: bool) -> None:
    await until(lambda: len(owner.streams) == 1)
    if snapshot:
        owner.snapshot()


async def test_a_backend_that_is_connected_verifies_and_refuses_what_has_been_revoked() -> None:
    async with backend() as (owner, verifies):
        assert await verifies(sign(claims())) == "acc_1"
        owner.head = 101
        owner.say(Response(revocations=[to_message(revocation(101))], position=101))
        await until(lambda: owner.progress[-1].applied == 101)
        assert await verifies(sign(claims())) == "revoked"


async def test_a_backend_denies_until_the_snapshot_has_come() -> None:
    async with backend(snapshot=False, max_staleness=0.3) as (owner, verifies):
        assert await verifies(sign(claims())) == "stale"
        owner.snapshot()
        async with asyncio.timeout(10):
            while await verifies(sign(claims())) != "acc_1":
                await asyncio.sleep(0.01)


async def test_a_backend_that_is_set_to_introspect_asks_the_issuer_instead() -> None:
    async with backend("introspect", snapshot=False, max_staleness=0.3) as (owner, verifies):
        assert await verifies(sign(claims())) == "acc_1"
        owner.active = False
        assert await verifies(sign(claims())) == "revoked"
