"""Somebody who rotates keys during a campaign, and now and then says that one has leaked."""

import asyncio
import time
from itertools import cycle

import grpc.aio
import jwt

from tests.fault.campaign.clients import Client, key_of
from tests.fault.campaign.history import History
from tests.fault.campaign.world import World
from tests.harness.people import Person, Signed
from watchword.token.v1 import token_pb2, token_pb2_grpc

PAUSE, ROTATION = 0.5, 45.0
"""Seconds between two looks at the clock, and between two rotations."""


class Locksmith(Client):
    """Twice rotates all keys, the third time drops one, a signing key and a refresh key in turn."""

    async def live(self, closing: asyncio.Event) -> None:
        person, turns = await self.registers(), cycle(("", "", "signing", "", "", "refresh"))
        due = time.monotonic() + ROTATION
        while not closing.is_set():
            if time.monotonic() > due:
                due = time.monotonic() + ROTATION
                await self._turns(next(turns), person)
            await asyncio.sleep(PAUSE)

    async def _turns(self, drops: str, person: Person) -> None:
        if not drops:
            await rotates(self.world, self.history)
        elif (login := await self.logs_in(person)) is not None:
            await self._drops(drops, login)

    async def _drops(self, purpose: str, login: Signed) -> None:
        """The key that made this login's tokens is no good any more: no token that it signed, no family it derives."""
        self.ends(login.access_token)
        signing = str(jwt.get_unverified_header(login.access_token)["kid"])
        key_id = signing if purpose == "signing" else key_of(login.refresh_token)
        request = token_pb2.RotateKeyRequest(key_id=key_id, compromised=True)
        if await asked(self.world, self.history, f"drop a {purpose} key", request):
            self.history.acknowledge("token", "key.compromised", key_id)
            if purpose == "refresh":
                await self.cannot_refresh(login.refresh_token)


async def rotates(world: World, history: History, where: str = "token.0") -> None:
    """Rotates the signing key and the refresh key; nothing that was given before is refused for it."""
    for request in (token_pb2.RotateKeyRequest(refresh=True), token_pb2.RotateKeyRequest()):
        await asked(world, history, "rotate", request, where)


async def asked(
    world: World, history: History, what: str, request: token_pb2.RotateKeyRequest, where: str = "token.0"
) -> bool:
    """Whether it was answered that it is done."""
    async with world.channel("token", target=world.fleets[where].target("token")) as channel:
        try:
            await token_pb2_grpc.TokenServiceStub(channel).RotateKey(request, timeout=5)
        except grpc.aio.AioRpcError as error:
            history.counts[f"{what}: {error.code().name}"] += 1
            return False
    history.counts[f"{what}: done"] += 1
    return True
