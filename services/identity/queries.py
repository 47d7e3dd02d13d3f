"""What people see of themselves: read tables → answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from eventlog.events import rfc3339
from eventlog.log import Log
from services.identity.commands.sessions import Person
from services.identity.domain.account import ACCOUNT
from services.identity.domain.session import Session, alive
from services.identity.ports import LastSeen

NOTICES_SHOWN = 20


class Table(Protocol):
    """The rows of a projection; `eventlog.projection.Rows` is one."""

    async def get(self, kind: str, key: str) -> dict[str, Any] | None: ...

    async def group(self, kind: str, belongs: str) -> dict[str, dict[str, Any]]:
        """The rows of a kind that belong to something, by key, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A session as its owner sees it. Times RFC 3339."""

    session_id: str
    started: str
    last_seen: str
    address: str
    agent: str
    current: bool


@dataclass(frozen=True, slots=True)
class Application:
    """What an application may have of a person's, and since when they have allowed that. RFC 3339."""

    client_id: str
    name: str
    scopes: tuple[str, ...]
    since: str


@dataclass(frozen=True, slots=True)
class Queries:
    """`level` returns once `sessions` shows all that identity's log holds; `told` is folded from token's log."""

    log: Log
    sessions: Table
    told: Table
    last_seen: LastSeen
    level: Callable[[], Awaitable[None]]

    async def list_sessions(self, person: Person) -> list[Listed]:
        """The person's sessions, newest first. What was written before the question shows in the answer."""
        await self.level()
        account, now = await self.log.fresh(ACCOUNT, person.account.id), self.log.now()
        rows = await self.sessions.group("session", account.id)
        going_on = {key: row for key, row in rows.items() if alive(_session(key, account.id, row), account, now)}
        seen = await self.last_seen.of(going_on)
        newest_first = sorted(going_on.items(), key=lambda item: -item[1]["position"])
        return [
            Listed(
                session_id=key,
                started=rfc3339(row["started"]),
                last_seen=rfc3339(max(row["started"], seen.get(key, 0))),
                address=row["address"],
                agent=row["agent"],
                current=key == person.session_id,
            )
            for key, row in newest_first
        ]

    async def notices(self, person: Person) -> list[dict[str, Any]]:
        """What the account's owner ought to know, newest first."""
        rows = await self.told.group("notice", person.account.id)
        return [rows[key] for key in sorted(rows, reverse=True)[:NOTICES_SHOWN]]

    async def applications(self, person: Person) -> list[Application]:
        """Which applications the person has allowed what, the latest first."""
        rows = await self.told.group("grant", person.account.id)
        found = [await self._application(row) for row in rows.values()]
        return sorted((one for one in found if one), key=lambda one: one.since, reverse=True)

    async def _application(self, row: dict[str, Any]) -> Application | None:
        """None where there is no such client any more."""
        client = await self.told.get("client", row["client_id"])
        if client is None:
            return None
        # Rows of before its name was kept have none.
        name = client.get("name") or row["client_id"]
        return Application(row["client_id"], name, tuple(row["scopes"]), row["since"])

    async def signed_userinfo(self, client_id: str) -> bool:
        """Whether a client is registered for signed answers of userinfo."""
        row = await self.told.get("client", client_id)
        return bool(row and row.get("signed_userinfo"))

    async def direct_login(self, client_id: str) -> bool | None:
        """See ports.Clients."""
        row = await self.told.get("client", client_id)
        return None if row is None else row["direct_login"]


def _session(session_id: str, account_id: str, row: dict[str, Any]) -> Session:
    return Session(
        id=session_id, account_id=account_id, position=row["position"], seen=row["seen"], started=row["started"]
    )
