"""load → decide → append: everything that identity does to its log."""

from dataclasses import dataclass

from eventlog.log import Log
from eventlog.projection.parked import Parked
from services.identity.commands.failures import Failures
from services.identity.commands.turns import Turns
from services.identity.ports import Clients, Followed, Hasher, LastSeen, Limits, Tokens


@dataclass(frozen=True, slots=True)
class Identity:
    """What the commands work on.

    `token_log` is what this process has applied of token's log; `parked` are its streams: what was revoked there may go
    on here.
    """

    log: Log
    hasher: Hasher
    limits: Limits
    last_seen: LastSeen
    tokens: Tokens
    token_log: Followed
    parked: Parked
    clients: Clients
    failures: Failures
    turns: Turns


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a request comes from. `source` is what limits count it under: the address, of IPv6 its /64.

    `session` and `device` are the values of its cookies.
    """

    address: str
    source: str
    agent: str = ""
    session: str | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """Where a change stands, and whether token has answered that what hangs from it is revoked."""

    position: int
    applied: bool = True
