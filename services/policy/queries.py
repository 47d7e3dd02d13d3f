"""What is known (rows in this process's memory, and how reliable they are), and the answers that it gives."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import structlog
from prometheus_client import Counter

from chassis.trust import Trust
from eventlog.errors import Refusal
from eventlog.projection import MemoryRows, Unlearnt
from eventlog.projection.rows import DATABASE_LOST
from services.policy.domain.decision import Decision, decide
from services.policy.domain.entities import ACCOUNT, Entity, Question
from services.policy.domain.roles import Assignment, Role
from services.policy.domain.standing import POLICY, TOKEN, Account, Session
from services.policy.ports import Clock, Known
from watchword.claims import Claims

DECISIONS = Counter("watchword_policy_decisions", "Decisions made", ["code"])

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
    """All that decisions look at; `domain.decision.Facts`. `known` says how far each log is, by all that folds it.

    What it needs of the people that a question is about has to be learnt first.
    """

    roles: MemoryRows = field(default_factory=MemoryRows)
    accounts: PersonRows = field(default_factory=MemoryRows)
    revoked: PersonRows = field(default_factory=MemoryRows)
    trust: Trust = field(default_factory=Trust)
    known: Mapping[str, Sequence[Known]] = field(default_factory=dict)

    async def learn(self, subjects: Sequence[Entity], session_ids: Sequence[str] = ()) -> None:
        """What cannot be looked up stays unlearnt, and is denied."""
        ids = [one.id for one in subjects if one.type == ACCOUNT]
        sessions = [("session", session_id) for session_id in session_ids]
        try:
            await self.accounts.learn([*(("account", one) for one in ids), *sessions])
            await self.revoked.learn([*(("subject", one) for one in ids), *sessions])
        except (Refusal, *DATABASE_LOST) as error:
            log.warning("people_unknown", reason=repr(error))

    def doubt(self, log: str, streams: Collection[str] = ()) -> str | None:
        """See People.doubt. Anything parked makes revocations doubtful, since it may be one (RULES 6)."""
        following = self.known.get(log, ())
        if not following or any(_stale(one) for one in following):
            return "stale"
        parked = frozenset[str]().union(*(one.parked for one in following))
        return "parked" if parked and (log == TOKEN or not parked.isdisjoint(streams)) else None

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

    def role(self, name: str) -> Role | None:
        row = self.roles.get("role", name)
        return None if row is None else msgspec.convert(row, Role)

    def assignments(self, subject: Entity) -> list[Assignment]:
        rows = self.roles.group("assignment", str(subject))
        return [msgspec.convert(row, Assignment) for row in rows.values()]

    def all_roles(self) -> dict[str, Role]:
        """Every role by name."""
        return {name: msgspec.convert(row, Role) for name, row in self.roles.all("role").items()}


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decides from this process's memory: it asks no other service, and the database only for whom it has not met."""

    memory: Memory
    clock: Clock

    @property
    def position(self) -> int:
        """The position of policy's log that an answer given now is true for."""
        return min((one.applied for one in self.memory.known[POLICY]), default=0)

    async def learn(self, *questions: Question) -> None:
        """Before they are answered, with nothing awaited in between."""
        asked = [one for one in questions if one.well_formed]
        sessions = [one.session_id for one in asked if one.session_id is not None]
        await self.memory.learn([one.subject for one in asked], sessions)

    def answer(self, question: Question) -> Decision:
        """Denies where it cannot decide: no exception ever allows."""
        try:
            decision = decide(question, self.memory, self.clock.now()) if self.clock.known else Decision(False, "stale")
        except Unlearnt:
            decision = Decision(False, "stale")
        except Exception:
            log.exception("decision_failed")
            decision = Decision(False, "failed")
        DECISIONS.labels(decision.code).inc()
        return decision


def _stale(one: Known) -> bool:
    age = one.age()
    return age is None or age > one.max_staleness
