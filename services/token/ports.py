"""What token needs from outside."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from eventlog.log import Log
from eventlog.projection.parked import Parked


class KeyVault(Protocol):
    """Private and refresh keys, encrypted at rest, apart from the log."""

    async def keep(self, key_id: str, purpose: str, secret: bytes) -> None: ...

    async def secret(self, key_id: str, purpose: str) -> bytes | None:
        """The key; None where none is kept for this purpose. Raises ValueError where it does not open."""
        ...

    async def destroy(self, key_id: str, purpose: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Token:
    """What the commands of this service work on.

    `ready_since` is when this process last became able to answer (RULES 8). `parked` are streams of identity's log:
    what ended there may go on here.
    """

    log: Log
    vault: KeyVault
    issuer: str
    ready_since: Callable[[], int]
    parked: Parked
