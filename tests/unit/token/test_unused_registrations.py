"""What anybody may register ends where nobody uses it: by the clock, as if it had deleted itself (RFC 7592 2.3)."""

import asyncio
from dataclasses import dataclass

import msgspec
import pytest

from eventlog.errors import Refusal
from eventlog.projection import MemoryRows
from services.token.commands.awaited import asked_now
from services.token.commands.client_changes import find_client, update_client
from services.token.commands.redeem import redeem
from services.token.commands.self_registration import PAGE, UNUSED, Mode, end_unused, register_itself
from services.token.domain import SECOND
from services.token.domain.authorization import Decision
from services.token.domain.client import CLIENT, Client
from services.token.domain.code import Shown
from services.token.domain.errors import InvalidClient, InvalidGrant
from services.token.projections import CLIENTS
from services.token.schedule import BY
from tests.unit.token.authorizing import CALLBACK, Browser
from tests.unit.token.world import IDENTITY, Process, World

ALLOW = Decision(True, ("openid", "email"))


@dataclass
class Table:
    """The rows of `CLIENTS`, folded from the whole log."""

    world: World

    async def overdue(self, kind: str, now: int, after: str, limit: int) -> list[str]:
        rows = MemoryRows()
        for row in self.world.store.rows:
            for change in await CLIENTS.changes(row):
                rows.apply(change)
        due = [key for key, value in rows.all(kind).items() if value["forget_at_us"] < now and key > after]
        return due[:limit]


@pytest.fixture
async def world() -> World:
    return await World.made(algs=("ES256", "RS256"))


async def itself(world: World, mode: Mode = "open") -> Client:
    async def sector(url: str) -> list[str]:
        return []

    said = {"redirect_uris": [CALLBACK], "client_name": "Somebody's"}
    return (await register_itself(world.a.token, said, mode, sector, "test")).client


async def goes_by(world: World, microseconds: int = UNUSED + SECOND, *processes: Process) -> None:
    """The time, and then the clockwork of these processes, at once."""
    world.clock.time += microseconds
    at = processes or (world.b,)
    await asyncio.gather(*(end_unused(one.token, Table(world), BY, world.clock.now()) for one in at))


async def stands(world: World, client: Client) -> bool:
    return (await world.a.token.log.fresh(CLIENT, client.id)).known


async def used(world: World, client: Client) -> None:
    browser = Browser(world, client)
    await browser.redeem(await browser.code(decision=ALLOW))


async def test_it_ends_seven_days_after_it_was_registered_and_not_before(world: World) -> None:
    client = await itself(world)
    await goes_by(world, UNUSED - SECOND)
    assert await stands(world, client)
    before = world.head
    await goes_by(world, 2 * SECOND)
    assert not await stands(world, client)
    assert world.said(before) == ["client.revoked", "client.deleted"]
    assert [row.actor for row in world.store.rows[before:]] == ["service/token"] * 2
    with pytest.raises(Refusal, match="not_found"):
        await find_client(world.b.token, client.id)


async def test_two_processes_end_it_once(world: World) -> None:
    clients = [await itself(world) for _ in range(5)]
    before = world.head
    await goes_by(world, UNUSED + SECOND, world.a, world.b)
    assert world.said(before).count("client.deleted") == len(clients)


async def test_one_that_was_given_a_token_stays(world: World) -> None:
    client, other = await itself(world), await itself(world)
    await used(world, client)
    assert world.said().count("client.used") == 1
    await used(world, await world.a.token.log.fresh(CLIENT, client.id))
    assert world.said().count("client.used") == 1, "said once"
    await goes_by(world)
    assert (await stands(world, client), await stands(world, other)) == (True, False)


async def test_changing_it_is_no_use_of_it(world: World) -> None:
    client = await itself(world)
    await update_client(world.a.token, msgspec.structs.replace(client, name="Another name"), IDENTITY)
    await goes_by(world)
    assert not await stands(world, client)


async def test_what_an_operator_registered_or_admitted_is_not_touched(world: World) -> None:
    admitted = await itself(world, "token")
    before = world.head
    await goes_by(world, 100 * UNUSED)
    assert (await stands(world, admitted), world.head) == (True, before)


async def test_a_first_token_and_the_end_are_never_both(world: World) -> None:
    """Whichever stands first in the log: either there is a token, or there is no client any more."""
    for _ in range(20):
        client = await itself(world)
        world.clock.time += UNUSED
        code = await Browser(world, client).code(decision=ALLOW)
        before = world.head
        shown = Shown(CALLBACK, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        redeeming = redeem(world.a.token, client, code, shown, [], IDENTITY, asked_now())
        given, _ = await asyncio.gather(redeeming, goes_by(world, SECOND, world.b), return_exceptions=True)
        said = world.said(before)
        assert ("family.started" in said) is not ("client.deleted" in said), said
        assert isinstance(given, InvalidClient | InvalidGrant) is ("client.deleted" in said)


async def test_however_many_there_are(world: World) -> None:
    for _ in range(PAGE + 3):
        await itself(world)
    before = world.head
    await goes_by(world)
    assert world.said(before).count("client.deleted") == PAGE + 3
