"""Versions of an organization's rules: written, activated, rolled back. Texts are in the events, not in the state."""

from hashlib import sha256

import msgspec

from eventlog.decision import Fold
from eventlog.errors import Kind, Refusal
from eventlog.events import Event, Recorded
from services.policy.domain.events import PolicyChanged, PolicyWritten
from services.policy.domain.rules.check import RulesInvalid, problems

ORGANIZATION = "organization"
MAX_NOTE = 500
MAX_STEPS = 100
"""How many activations can be rolled back."""


class Draft(msgspec.Struct, frozen=True):
    """Policies and schema in which nothing is wrong, and what they are for."""

    policies: str
    schema: str = ""
    note: str = ""

    @classmethod
    def of(cls, policies: str, schema: str = "", note: str = "") -> "Draft":
        """Raises Refusal `policy_invalid`, `schema_invalid`, `note_invalid`. Large texts take a second."""
        if len(note) > MAX_NOTE or not note.isprintable():
            raise Refusal(Kind.INVALID, "note_invalid", f"at most {MAX_NOTE} printable characters")
        found = problems(policies, schema)
        if found:
            raise RulesInvalid(found)
        return cls(policies, schema, note)

    @property
    def digest(self) -> str:
        """SHA-256 of both texts."""
        return digest(self.policies, self.schema)


class Written(msgspec.Struct, frozen=True):
    """A version that was written: the digest of its texts, and where."""

    digest: str
    position: int


class Versions(msgspec.Struct, frozen=True):
    """Version n is `written[n - 1]`. `steps` are those that were activated in turn, without what was rolled back."""

    written: tuple[Written, ...] = ()
    steps: tuple[int, ...] = ()
    changed: int = 0
    """The position of the last change; 0: there was none."""

    @property
    def active(self) -> int:
        """The version that decides; 0: the shipped policies alone."""
        return self.steps[-1] if self.steps else 0

    def like(self, draft: Draft) -> int | None:
        """The newest version with these texts."""
        wanted = draft.digest
        numbered = list(enumerate(self.written, 1))
        return next((number for number, one in reversed(numbered) if one.digest == wanted), None)


def _versions(state: Versions, event: Event, row: Recorded) -> Versions:
    match event:
        case PolicyWritten():
            written = Written(digest(event.policies, event.schema), row.position)
            return msgspec.structs.replace(state, written=(*state.written, written))
        case PolicyChanged():
            steps = state.steps[:-1] if event.rolled_back else (*state.steps, event.version)
            return msgspec.structs.replace(state, steps=steps[-MAX_STEPS:], changed=row.position)
    return state


RULES = Fold("rules", Versions(), _versions, snapshots=True)
STREAM = RULES.stream(ORGANIZATION)


def digest(policies: str, schema: str) -> str:
    """Tells texts apart, wherever one of them ends."""
    return sha256(msgspec.msgpack.encode([policies, schema])).hexdigest()


def write(before: Versions, draft: Draft) -> tuple[int, list[Event]]:
    """The version, and what happens: nothing where it is written already."""
    known = before.like(draft)
    if known is not None:
        return known, []
    number = len(before.written) + 1
    written = PolicyWritten(version=number, policies=draft.policies, schema=draft.schema, note=draft.note)
    return number, [written]


def activate(before: Versions, version: int) -> list[Event]:
    """It decides from then on; 0 stands for the shipped policies alone. Nothing happens where it does already."""
    if not 0 <= version <= len(before.written):
        raise Refusal(Kind.NOT_FOUND, "version_unknown", f"there is no version {version}")
    return [] if version == before.active else [PolicyChanged(version=version)]


def roll_back(before: Versions) -> tuple[int, list[Event]]:
    """Activates what was active before, and says which version that is. Twice goes back twice."""
    if not before.steps:
        raise Refusal(Kind.PRECONDITION, "nothing_to_roll_back", "no version was active before this one")
    version = before.steps[-2] if len(before.steps) > 1 else 0
    return version, [PolicyChanged(version=version, rolled_back=True)]
