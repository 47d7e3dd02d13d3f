"""Sessions that end, and the clients that are told: token's reaction to its own log, and its courier."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from eventlog.events import Recorded
from eventlog.projection import MemoryRows
from eventlog.projection.rows import Checkpoint
from services.token.courier import Courier
from services.token.domain.authorization import SignedIn
from services.token.parts import Involvement
from services.token.ports import Fetched, NotFetched
from services.token.projections import PARTS
from services.token.reactions import follow_up_what_ended, own_events
from tests.unit.token.authorizing import OWN, Browser
from tests.unit.token.world import World

SHOP_OUT, DIARY_OUT = "https://shop.example/bye", "https://diary.example/bye"
SHOP = msgspec.structs.replace(OWN, id="shop", backchannel_logout_uri=SHOP_OUT, id_token_alg="ES256")
DIARY = msgspec.structs.replace(OWN, id="diary", backchannel_logout_uri=DIARY_OUT, id_token_alg="ES256")
DEAF = msgspec.structs.replace(OWN, id="deaf", id_token_alg="ES256")


@dataclass
class PartsTable:
    """The table `parts`, folded in memory from what the log holds."""

    world: World
    rows: MemoryRows = field(default_factory=MemoryRows)
    at: int = 0

    async def follow(self) -> None:
        for row in self.world.store.rows[self.at :]:
            for change in await PARTS.changes(row):
                self.rows.apply(change)
            self.at = row.position

    async def get(self, kind: str, key: str) -> dict[str, Any] | None:
        return self.rows.get(kind, key)

    async def group(self, kind: str, belongs: str) -> dict[str, dict[str, Any]]:
        return self.rows.group(kind, belongs)

    async def keys(self, kind: str, belongs: str, after: str, limit: int) -> list[str]:
        return [key for key in self.rows.group(kind, belongs) if key > after][:limit]

    async def checkpoint(self) -> Checkpoint:
        await self.follow()
        return Checkpoint(self.at, b"")


@dataclass
class Sites:
    """What clients serve at their addresses: a status; None where nobody answers, and `slow` do so after a while."""

    answers: dict[str, int | None] = field(default_factory=dict)
    slow: dict[str, asyncio.Event] = field(default_factory=dict)
    tokens: dict[str, list[str]] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)

    async def get(self, url: str) -> Fetched:
        raise NotFetched("nothing is asked for here")

    async def post(self, url: str, form: Mapping[str, str]) -> Fetched:
        self.tried.append(url)
        if url in self.slow:
            await self.slow[url].wait()
        status = self.answers.get(url, 200)
        if status is None:
            raise NotFetched("nobody answers")
        self.tokens.setdefault(url, []).append(form["logout_token"])
        return Fetched(status, "", b"")


class House:
    """Token with these clients, whose sites are `sites`."""

    def __init__(self, world: World) -> None:
        self.world, self.sites, self.table = world, Sites(), PartsTable(world)
        self.involved = Involvement(self.table)
        self.courier = self.another_courier()
        self.reacted = world.head

    @classmethod
    async def made(cls) -> "House":
        return cls(await World.made(SHOP, DIARY, DEAF))

    def another_courier(self) -> Courier:
        return Courier(self.world.b.token, self.table, self.sites, tick=0.0)

    async def enters(self, who: SignedIn | None = None, *clients: Any) -> SignedIn:
        """Somebody signs in to these clients, in one session."""
        who = who or Browser(self.world).alice()
        for client in clients or (SHOP, DIARY, DEAF):
            await Browser(self.world, client).code(who)
        return who

    async def reacts(self, times: int = 1) -> None:
        """The reaction takes what the log has gained; the table may be behind, and catches up when it is asked."""
        react = follow_up_what_ended(self.world.a.token, self.involved, self.courier.hurry)
        new, self.reacted = self.world.store.rows[self.reacted :], self.world.head
        for row in [row for row in new for _ in range(times)]:
            await self._take(react, row)

    async def _take(self, react: Any, row: Recorded) -> None:
        event = own_events.decode(row.type, row.body)
        if event is not None:
            await react(event, row)

    async def visits(self, courier: Courier | None = None) -> None:
        courier = courier or self.courier
        await self.table.follow()
        await courier.look()
        await courier.settled()
