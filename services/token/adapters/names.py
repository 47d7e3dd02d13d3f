"""The secret by which pairwise clients' names are made: every process has the same, and nobody else has it."""

from eventlog.log import Log
from services.token.domain.client import Client
from services.token.domain.names import PLAIN, Names

_KEY = "pairwise-names"


async def names_of(log: Log, client: Client) -> Names:
    """What a client calls people and their sessions."""
    return Names(client.sector, await log.sealer.secret(_KEY)) if client.pairwise else PLAIN
