"""What every process believes of token's log: what is revoked, which certificates are, and what callers were granted.

Each service folds it into rows of its own; the verifier and the RPC server of each process ask the memory of it.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Protocol

from chassis.rpc.callers import Caller
from eventlog.events import Event, Recorded, Registry
from eventlog.projection import Change, Drop, MemoryRows, Put
from watchword.claims import Claims
from watchword.folding import revocation
from watchword.revocations import Kind, Revocation, Revocations

MAX_SILENCE = 60.0
"""Seconds that a process goes on letting in backends and operators without hearing from token."""

token_events = Registry("token")


@token_events.event("token.revoked")
class TokenRevoked(Event):
    token_id: str


@token_events.event("family.revoked")
class FamilyRevoked(Event):
    family_id: str


@token_events.event("session.revoked")
class SessionRevoked(Event):
    session_id: str


@token_events.event("client.revoked")
class ClientRevoked(Event):
    client_id: str


@token_events.event("subject.revoked")
class SubjectRevoked(Event):
    subject: str
    before_session_position: int | None = None
    spared_session_id: str | None = None


@token_events.event("key.compromised")
class KeyCompromised(Event):
    key_id: str
    purpose: str


@token_events.event("caller.granted")
class CallerGranted(Event):
    uri: str
    grants: list[str]


@token_events.event("certificate.revoked")
class CertificateRevoked(Event):
    fingerprint: str


def fold_trust(event: Event, row: Recorded) -> Iterable[Change]:
    """Rows of three kinds: `revocation`, `certificate` (revoked) and `caller` (its grants)."""
    match event:
        case TokenRevoked():
            yield _revocation("token", event.token_id, row)
        case FamilyRevoked():
            yield _revocation("family", event.family_id, row)
        case SessionRevoked():
            yield _revocation("session", event.session_id, row)
        case ClientRevoked():
            yield _revocation("client", event.client_id, row)
        case SubjectRevoked():
            yield _revocation("subject", event.subject, row, event.before_session_position, event.spared_session_id)
        case KeyCompromised(purpose="signing"):
            yield _revocation("key", event.key_id, row)
        case CallerGranted():
            yield Put("caller", event.uri, {"grants": event.grants})
        case CertificateRevoked():
            yield Put("certificate", event.fingerprint, {})


def _revocation(kind: Kind, key: str, row: Recorded, before: int | None = None, spared: str | None = None) -> Put:
    value = asdict(revocation(kind, key, row, before, spared))
    return Put("revocation", f"{kind}/{key}/{row.position}", value, belongs=str(row.position))


class Trust:
    """What is revoked and granted, in this process's memory."""

    def __init__(self) -> None:
        self.revocations = Revocations()
        self._rows = MemoryRows()

    def refuses(self, claims: Claims) -> str | None:
        """What a token names that has been revoked."""
        return self.revocations.refuses(claims)

    def forget(self, now: int) -> None:
        """Drops what has nothing left to end at `now`, the log's time in µs; a memory projection's `on_time` calls
        it.
        """
        self.revocations.forget(now)

    def is_revoked(self, fingerprint: str) -> bool:
        """Whether a certificate, by the SHA-256 of its DER in hex, has been revoked."""
        return self._rows.get("certificate", fingerprint) is not None

    def grants(self, uri: str) -> frozenset[str]:
        """What the certificate URI was granted beyond what everyone of its kind may."""
        row = self._rows.get("caller", uri)
        return frozenset() if row is None else frozenset(row["grants"])

    def reset(self, rows: list[Put]) -> None:
        self.revocations.replace(Revocations(Revocation(**row.value) for row in rows if row.kind == "revocation"))
        self._rows.reset([row for row in rows if row.kind != "revocation"])

    def apply(self, change: Change) -> None:
        match change:
            case Put("revocation", _, value):
                self.revocations.apply(Revocation(**value))
            case Drop("revocation"):
                return
            case _:
                self._rows.apply(change)


class Following(Protocol):
    """What follows token's log into a Trust, such as a MemoryProjection."""

    @property
    def parked(self) -> frozenset[str]: ...

    def age(self) -> float | None: ...


def knows_callers(following: Following) -> Callable[[Caller], bool]:
    """Whether what this process believes of a caller can be relied on.

    Not before it has once known token's whole log, not when it has heard nothing for a minute, and not where what was
    said last of that certificate, or of what it was granted, could not be folded.
    """

    def knows(caller: Caller) -> bool:
        age = following.age()
        streams = {f"certificate/{caller.fingerprint}", f"caller/watchword/{caller.label}"}
        return age is not None and age <= MAX_SILENCE and following.parked.isdisjoint(streams)

    return knows
