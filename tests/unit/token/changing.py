"""Clients that change, and what opens in a process that has heard of it or has not."""

import pytest

from eventlog.errors import Refusal
from eventlog.log import By
from services.token.commands.clients import authenticate
from services.token.domain import SECOND
from services.token.domain.errors import InvalidClient
from services.token.known_clients import KnownClients
from services.token.projections import CLIENTS
from tests.unit.token.test_oauth import door
from tests.unit.token.world import Process, World, posted

HOUR = 3600 * SECOND
BY = By("acc_admin", "test")


@pytest.fixture
async def world() -> World:
    return await World.made()


async def hear(process: Process) -> KnownClients:
    """What the process knows of clients once it has followed its log."""
    known = KnownClients(process.token.log)
    for row in await process.token.log.store.read(0, 100_000, 1 << 30):
        for change in await CLIENTS.changes(row):
            known.apply(change)
    return known


async def opens(process: Process, secret: str | None, client_id: str = "service") -> bool:
    """Whether a client proves itself by it, where no append asks again."""
    await hear(process)
    try:
        await authenticate(process.token, client_id, secret)
    except InvalidClient:
        return False
    return True


async def asks_for_a_token(world: World, process: Process, secret: str) -> int:
    """The status with which the token endpoint answers the client `service`."""
    oauth, _ = door(process)
    form = {"grant_type": "client_credentials", "client_id": "service", "client_secret": secret}
    try:
        return (await oauth.token(posted(form))).status_code
    except Refusal as refusal:
        return refusal.kind.http
