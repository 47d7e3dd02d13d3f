"""What is known now: facts and people in this process's memory, and how reliable that is."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec
import structlog

from chassis.trust import Trust
from eventlog.errors import Refusal
from eventlog.projection import MemoryRows
from eventlog.projection.rows import DATABASE_LOST
from services.policy.domain.entities import ACCOUNT, Entity
from services.policy.domain.facts import Fact, Facts, Holding
from services.policy.domain.standing import TOKEN, Account, Session
from services.policy.model import Model
from services.policy.ports import Known
from watchword.claims import Claims

log = structlog.get_logger()


class PersonRows(Protocol):
    """Rows that there are of each person, of which memory holds only some; `eventlog.projection.Lookup` is one."""

    async def learn(self, wanted: Collection[tuple[str, str]]) -> None:
        """Makes these rows known, for as long as nothing else is awaited."""
        ...

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """Raises Unlearnt."""
        ...


@dataclass(frozen=True, slots=True)
class Memory:
    """All that decisions look at; `domain.decision.World`. `known` says how far each log is, by all that folds it.

    What it needs of the people that a question is about has to be learnt first. `stood` holds the facts as they stood,
    where decisions let others go first in between.
    """

    facts: Model = field(default_factory=Model)
    accounts: PersonRows = field(default_factory=MemoryRows)
    revoked: PersonRows = field(default_factory=MemoryRows)
    trust: Trust = field(default_factory=Trust)
    known: Mapping[str, Sequence[Known]] = field(default_factory=dict)
    stood: Facts | None = None

    @contextmanager
    def unmoved(self) -> Iterator["Memory"]:
        """The same with the facts as they stand now, whatever becomes of them before it is left."""
        with self.facts.unmoved() as stood:
            yield replace(self, stood=stood)

    async def learn(self, subjects: Sequence[Entity], session_ids: Sequence[str] = ()) -> None:
        """What cannot be looked up stays unlearnt, and is denied."""
        ids = [one.id for one in subjects if one.type == ACCOUNT]
        sessions = [("session", session_id) for session_id in session_ids]
        try:
            await self.accounts.learn([*(("account", one) for one in ids), *sessions])
            await self.revoked.learn([*(("subject", one) for one in ids), *sessions])
        except (Refusal, *DATABASE_LOST) as error:
            log.warning("people_unknown", reason=repr(error))

    def of(self, stream: str) -> Sequence[Fact]:
        """See domain.facts.Facts."""
        return (self.stood or self.facts).of(stream)

    def closures(self) -> dict[str, Mapping[str, str]]:
        """See domain.facts.Facts."""
        return (self.stood or self.facts).closures()

    def holdings(self) -> dict[str, Holding]:
        """See domain.facts.Facts."""
        return (self.stood or self.facts).holdings()

    def pointing(self, target: str) -> Collection[str]:
        """See domain.pointers.Pointers."""
        return self.facts.pointing(target)

    def doubt(self, log: str, streams: Collection[str] = ()) -> str | None:
        """See People.doubt. Anything parked makes revocations doubtful, since it may be one (RULES 6)."""
        following, parked = self.known.get(log, ()), False
        for one in following:
            if _stale(one):
                return "stale"
            parked = parked or (bool(one.parked) and (log == TOKEN or not one.parked.isdisjoint(streams)))
        if not following:
            return "stale"
        return "parked" if parked else None

    def account(self, account_id: str) -> Account | None:
        row = self.accounts.get("account", account_id)
        return None if row is None else msgspec.convert(row, Account)

    def session(self, session_id: str) -> Session | None:
        row = self.accounts.get("session", session_id)
        return None if row is None else msgspec.convert(row, Session)

    def session_revoked(self, session_id: str) -> bool:
        return self.revoked.get("session", session_id) is not None

    def sessions_revoked_before(self, subject: str) -> int:
        """See People.sessions_revoked_before."""
        row = self.revoked.get("subject", subject)
        return 0 if row is None else int(row["position"])

    def token_revoked(
        self, subject: str, client: str, session_id: str | None, position: int, session_position: int | None
    ) -> bool:
        """See People.token_revoked: judged exactly as a verifier judges the token."""
        token = Claims(
            iss="",
            sub=subject,
            aud=(),
            exp=0,
            iat=0,
            jti="",
            client_id=client,
            scope=frozenset(),
            pos=position,
            kid="",
            sid=session_id,
            spos=session_position,
        )
        return self.trust.refuses(token) is not None


def _stale(one: Known) -> bool:
    age = one.age()
    return age is None or age > one.max_staleness
