"""What a person lets applications have: theirs to take back."""

import asyncio
import re

from eventlog.errors import Kind, Refusal
from services.identity.commands.sessions import Person
from services.identity.ports import Grants
from services.identity.queries import Queries

PATIENCE = 2.0
CLIENT_ID = re.compile(r"[!-~]{1,128}")


async def take_back(grants: Grants, queries: Queries, person: Person, client_id: str) -> int:
    """Ends all that an application was given of the person's. The position in token's log.

    Raises Refusal `grant_unknown`, and `peer_unavailable`: then nothing has changed, or not all of it yet.
    """
    if not CLIENT_ID.fullmatch(client_id):
        raise _unknown()
    try:
        position = await grants.revoke_grant(person.account.id, client_id)
    except Refusal as refusal:
        if refusal.kind is Kind.NOT_FOUND:
            raise _unknown() from None
        raise
    await _forgotten(queries, person, client_id)
    return position


def _unknown() -> Refusal:
    return Refusal(Kind.NOT_FOUND, "grant_unknown", "you have let no such application have anything")


async def _forgotten(queries: Queries, person: Person, client_id: str) -> None:
    """Until it is listed no more, so that the person sees what they did; not for long: it is done in any case."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while asyncio.get_running_loop().time() < deadline:
        if all(one.client_id != client_id for one in await queries.applications(person)):
            return
        await asyncio.sleep(0.02)
