"""What must hold, as pure checks: rows of a log and answers in, sentences that say what was violated out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from eventlog.events import Recorded
from eventlog.projection import Change, Drop, DropGroup, Patch, Projection, Put
from watchword.chain import GENESIS, link

SECOND = 1_000_000
ONCE = {
    "account.registered": "account_id",
    "account.disabled": "account_id",
    "credential.changed": "account_id",
    "username.claimed": "account_id",
    "member.added": "group",
    "member.removed": "group",
    "session.started": "session_id",
    "session.ended": "session_id",
    "token.issued": "token_id",
    "refresh.rotated": "token_id",
    "refresh.retried": "token_id",
    "family.started": "family_id",
    "family.revoked": "family_id",
    "client.registered": "client_id",
    "client.revoked": "client_id",
    "client.deleted": "client_id",
    "token.revoked": "token_id",
    "session.revoked": "session_id",
    "key.published": "key_id",
    "key.activated": "key_id",
    "key.retired": "key_id",
    "key.compromised": "key_id",
    "key.removed": "key_id",
}
"""Events that happen once, by the field of their bodies that says to whom; some only in a campaign, where nobody's
account is disabled twice or has its password changed twice, no client is revoked twice, and a group has one member."""

REFRESHED = "refresh.rotated|refresh.retried"


def name_of(row: Recorded) -> str:
    """`refresh.rotated` of `watchword.token.refresh.rotated.v1`."""
    return row.type.split(".", 2)[2].rpartition(".v")[0]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A success that a client was answered: the event stands at that position. Without `position` it stands.

    `event` may name several, `a|b`: a client cannot tell a rotation from the same answer given again.
    """

    event: str
    id: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class SubjectEnded:
    """A subject was revoked, at that position and time (µs) of token's log: all, or only what began `before` a position
    of identity's log, but for the session that was spared."""

    subject: str
    position: int
    time: int
    before: int | None = None
    spared: str | None = None


@dataclass(slots=True)
class LogWatch:
    """Reads one log as it grows, and says what no log may hold."""

    log: str
    position: int = 0
    chain_hash: bytes = GENESIS
    time: int = 0
    facts: dict[tuple[str, str], Recorded] = field(default_factory=dict)
    generations: dict[str, list[int]] = field(default_factory=dict)
    """Of each family, when each generation was given (µs)."""
    reused: dict[str, int] = field(default_factory=dict)
    """Of each family in which reuse was detected, where."""
    subjects: list[SubjectEnded] = field(default_factory=list)
    recalled: list[tuple[int, str]] = field(default_factory=list)
    """Whose access was recalled, and where."""
    _versions: Counter[str] = field(default_factory=Counter)
    _commands: set[str] = field(default_factory=set)
    _command: str = ""

    def take(self, rows: Sequence[Recorded]) -> list[str]:
        """What is wrong with these rows, which follow those taken before."""
        return [f"{self.log} {row.position}: {wrong}" for row in rows for wrong in self._one(row)]

    def _one(self, row: Recorded) -> list[str]:
        wrong = [*self._misfits(row), *self._twice(row), *self._after_its_end(row), *self._lineage(row)]
        self.position, self.chain_hash, self.time = row.position, row.chain_hash, row.time
        self._versions[row.stream] = row.version
        return wrong

    def _misfits(self, row: Recorded) -> Iterable[str]:
        if row.position != self.position + 1:
            yield f"it follows {self.position}"
        if row.version != self._versions[row.stream] + 1:
            yield f"version {row.version} of {row.stream} follows {self._versions[row.stream]}"
        if row.time < self.time:
            yield "its time is before that of the row before"
        if row.chain_hash != link(self.chain_hash, row):
            yield "its hash does not follow"

    def _twice(self, row: Recorded) -> Iterable[str]:
        if row.command_id != self._command and row.command_id in self._commands:
            yield f"the command {row.command_id} was applied before"
        self._command = row.command_id
        self._commands.add(row.command_id)
        name = name_of(row)
        if name in ONCE:
            fact = (name, str(said(row)[ONCE[name]]))
            if fact in self.facts:
                yield f"{name} of {fact[1]} stands at {self.facts[fact].position} already"
            self.facts[fact] = row

    def _after_its_end(self, row: Recorded) -> Iterable[str]:
        """RULES 7: a revocation wins over whatever is in flight. A family that outlives its session names none."""
        name = name_of(row)
        if name not in ("token.issued", "refresh.rotated", "refresh.retried"):
            return
        body = said(row)
        family_id, session_id, client_id = body.get("family_id"), body.get("session_id"), body.get("client_id")
        for what, id_ in (
            ("family.revoked", family_id),
            ("session.revoked", session_id),
            ("client.deleted", client_id),
            ("key.compromised", body.get("refresh_key")),
        ):
            if (what, id_) in self.facts:
                yield f"{name} follows {what} of {id_}"
        if family_id in self.reused:
            yield f"{name} follows the reuse in {family_id}"

    def _lineage(self, row: Recorded) -> Iterable[str]:
        match name_of(row):
            case "family.started":
                self.generations[said(row)["family_id"]] = [row.time]
            case "refresh.rotated":
                body = said(row)
                given = self.generations.get(body["family_id"], [])
                if body["generation"] != len(given) + 1:
                    yield f"generation {body['generation']} of {body['family_id']} follows {len(given)}"
                given.append(row.time)
            case "refresh.retried":
                body = said(row)
                if body["generation"] != len(self.generations.get(body["family_id"], [])):
                    yield f"generation {body['generation']} of {body['family_id']} was given again, but is not its last"
            case "refresh.reuse_detected":
                self.reused[said(row)["family_id"]] = row.position
            case "subject.revoked":
                body = said(row)
                before, spared = body.get("before_session_position"), body.get("spared_session_id")
                self.subjects.append(SubjectEnded(body["subject"], row.position, row.time, before, spared))
            case "access.recalled":
                self.recalled += [(row.position, subject) for subject in said(row)["subjects"]]

    def lost(self, told: Iterable[Acknowledged]) -> list[str]:
        """What was acknowledged and does not stand, or not there."""
        wrong = []
        for one in told:
            found = (self.facts.get((event, one.id)) for event in one.event.split("|"))
            row = next((row for row in found if row is not None), None)
            if row is None:
                wrong.append(f"{self.log}: {one.event} of {one.id} was acknowledged and is lost")
            elif one.position not in (None, row.position):
                wrong.append(f"{self.log}: {one.event} of {one.id} was said to be at {one.position}, is {row.position}")
        return wrong


def said(row: Recorded) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(row.body)
    return body


@dataclass(slots=True)
class TableWatch:
    """A fresh replay of one projection, to compare a table with. `ignored` are fields that were sealed."""

    projection: Projection
    ignored: frozenset[str] = frozenset()
    position: int = 0
    rows: dict[tuple[str, str], tuple[str, dict[str, Any]]] = field(default_factory=dict)

    async def take(self, rows: Iterable[Recorded]) -> None:
        for row in rows:
            for change in await self.projection.changes(row):
                self._apply(change)
            self.position = row.position

    def _apply(self, change: Change) -> None:
        match change:
            case Put(kind, key, value, belongs):
                self.rows[kind, key] = (belongs, value)
            case Patch(kind, key, fields) if (kind, key) in self.rows:
                belongs, value = self.rows[kind, key]
                self.rows[kind, key] = (belongs, value | fields)
            case Drop(kind, key):
                self.rows.pop((kind, key), None)
            case DropGroup(kind, belongs, spare):
                gone = [at for at, (one, _) in self.rows.items() if at[0] == kind and one == belongs and at[1] != spare]
                for at in gone:
                    del self.rows[at]

    def differs(self, table: Iterable[Put], now: int) -> list[str]:
        """Where a table at the same position, at the log's time `now`, is not what the replay made."""
        found = {(put.kind, put.key): (put.belongs, put.value) for put in table}
        wrong = []
        for at in sorted(found.keys() | self.rows.keys()):
            kept, wanted = self._shown(found, at, now), self._shown(self.rows, at, now)
            if kept != wanted:
                wrong.append(f"{self.projection.name} at {self.position}: {'/'.join(at)} is {kept}, replayed {wanted}")
        return wrong

    def _shown(self, rows: Mapping[tuple[str, str], tuple[str, dict[str, Any]]], at: tuple[str, str], now: int) -> Any:
        """A row as it is compared; None where there is none, or where it may have been forgotten."""
        if at not in rows:
            return None
        belongs, value = rows[at]
        if value.get("forget_at_us", now) < now:
            return None
        shown = {name: one for name, one in value.items() if name not in self.ignored}
        return belongs, msgspec.json.decode(msgspec.json.encode(shown))


@dataclass(frozen=True, slots=True)
class Published:
    """A record of a topic."""

    offset: int
    position: int
    chain_hash: bytes


@dataclass(slots=True)
class TopicWatch:
    """Reads a topic as readers do: what it has is dropped, and what comes must be the next row of the log."""

    log: str
    position: int | None = 0
    """None: the topic may begin anywhere, since what it held is gone."""
    strangers: bool = False
    """Whether others have written to it; then what is not in the log is theirs."""

    def begins_anywhere(self) -> None:
        self.position = None

    def take(self, records: Iterable[Published], hash_at: Mapping[int, bytes]) -> list[str]:
        return [wrong for one in records for wrong in self._one(one, hash_at)]

    def _one(self, one: Published, hash_at: Mapping[int, bytes]) -> Iterable[str]:
        where = f"topic of {self.log}: {one.position} at offset {one.offset}"
        if hash_at.get(one.position) != one.chain_hash:
            if not self.strangers:
                yield f"{where} is not in the log"
            return
        if self.position is not None and one.position > self.position + 1:
            yield f"{where} follows {self.position}"
        self.position = max(self.position or 0, one.position)
