"""A refresh family (RULES 8): one lineage of refresh tokens, each generation used once."""

from typing import Any

import msgspec

from eventlog.events import Event, Recorded
from eventlog.log import Fold
from services.token.domain import DAY, SECOND
from services.token.domain.binding import UNBOUND, Binding, binding_of
from services.token.domain.client import Client
from services.token.domain.errors import AheadOfLog, InvalidGrant, InvalidTarget
from services.token.domain.events import (
    FamilyRevoked,
    FamilyStarted,
    RefreshRotated,
    RefreshUsed,
    ReuseDetected,
    SubjectRevoked,
)
from services.token.domain.grant import Grant
from services.token.domain.revocation import Session, Subject

IDLE = 14 * DAY
LIFE = 30 * DAY


class KeyOf(msgspec.Struct, frozen=True):
    """The refresh key that derives and verifies the generations from `generation` on."""

    generation: int
    key_id: str


class Family(msgspec.Struct, frozen=True):
    """`session_position` is of identity's log; `seen`, `started_at`, `revoked_at` of token's. Times in µs.

    `rotated_at` is when its refresh token was last used, or made.
    """

    id: str = ""
    client_id: str = ""
    subject: str = ""
    session_id: str = ""
    session_position: int = 0
    seen: int = 0
    scope: str = ""
    auth_time: int = 0
    acr: str = ""
    amr: tuple[str, ...] = ()
    expires_at: int = 0
    started_at: int = 0
    generation: int = 0
    keys: tuple[KeyOf, ...] = ()
    rotated_at: int = 0
    revoked_at: int = 0
    audience: tuple[str, ...] = ()
    offline: bool = False
    userinfo_claims: tuple[str, ...] = ()
    code_id: str | None = None
    binding: Binding = UNBOUND

    @property
    def known(self) -> bool:
        return bool(self.id)

    def narrowed(self, resources: list[str]) -> list[str]:
        """RFC 8707 2.2: of what was granted, what is asked for now. Raises InvalidTarget."""
        if not set(resources) <= set(self.audience):
            raise InvalidTarget
        return list(dict.fromkeys(resources)) or list(self.audience)

    def key_of(self, generation: int) -> str:
        """The key that was recorded for a generation. Raises LookupError for one that the log does not know."""
        return next(one.key_id for one in reversed(self.keys) if one.generation <= generation)


class Presented(msgspec.Struct, frozen=True):
    """A refresh token whose secret has verified."""

    key_id: str
    family_id: str
    generation: int


class Lineage(msgspec.Struct, frozen=True):
    """A family with all that it hangs from. One that is `offline` hangs from no session: what ends the sessions of an
    account ends it, too, and spares none.
    """

    family: Family
    session: Session
    subject: Subject
    client: Client
    grant: Grant = Grant()

    def ended(self, now: int) -> bool:
        """Revoked itself or through what it hangs from, idle for 14 days, or 30 days old."""
        family = self.family
        return (
            family.revoked_at > 0
            or self.session.revoked_at > 0
            or self.subject.overtaken(family.seen)
            or self.subject.ended_by_identity(family.session_id, family.session_position)
            or family.started_at < self.client.revoked_at
            or family.started_at < self.grant.revoked_at
            or now >= min(family.expires_at, family.rotated_at + IDLE)
        )


class Rotate(msgspec.Struct, frozen=True):
    """The next generation is to be given."""

    generation: int


class Retry(msgspec.Struct, frozen=True):
    """The answer was lost: the same successor again."""

    generation: int


class Use(msgspec.Struct, frozen=True):
    """The same token stays: its holder has proven what it is bound to."""

    generation: int


class Theft(msgspec.Struct, frozen=True):
    """The token was stolen, or its thief was first: these end the family, or all that the account has."""

    family: tuple[Event, ...]
    subject: tuple[SubjectRevoked, ...]


def judge(
    lineage: Lineage, presented: Presented, by: Client, now: int, ready_since: int, shown: Binding = UNBOUND
) -> Rotate | Retry | Use | Theft:
    """What presenting this genuine token, with a proof of `shown`, means (RFC 9700 4.14.2).

    The current generation rotates. Its immediate parent, within the leeway and while its successor is unused, is an
    answer that was lost: the caller gets the same successor again. Anything else was stolen, or its thief was first.
    The leeway counts from the later of the rotation and `ready_since`, when this process last became able to answer.
    A token that is bound does not rotate.
    Raises InvalidGrant where the family is over, AheadOfLog where the log does not know the generation.
    """
    family = lineage.family
    if not family.known or presented.generation > family.generation:
        raise AheadOfLog
    if presented.key_id != family.key_of(presented.generation):
        raise InvalidGrant("this refresh token is not valid")
    if lineage.ended(now):
        raise InvalidGrant("this session is over")
    if family.client_id != by.id:
        return theft(lineage, presented, by)
    _require_proof(family, by, shown)
    match family.generation - presented.generation:
        case 0 if family.binding:
            return Use(family.generation)
        case 0:
            return Rotate(family.generation + 1)
        case 1 if by.leeway > 0 and now - max(family.rotated_at, ready_since) <= by.leeway * SECOND:
            return Retry(family.generation)
        case _:
            return theft(lineage, presented, by)


def _require_proof(family: Family, by: Client, shown: Binding) -> None:
    """RFC 9449 5, RFC 8705 4 and 7.1: the key of a public client stays; one that proves who it is may change its key.

    Raises InvalidGrant. A token of which somebody has only the text is of no use to them, and ends nothing.
    """
    if not (family.binding.renewed_by(shown) if by.confidential else family.binding.held_by(shown)):
        raise InvalidGrant("this refresh token is bound to a key that was not proven")


def theft(lineage: Lineage, presented: Presented, by: Client) -> Theft:
    """Reuse detected: ends the family, or every session of the account, as the family's own client is registered."""
    family = lineage.family
    detected = ReuseDetected(
        family_id=family.id,
        subject=family.subject,
        client_id=family.client_id,
        session_id=family.session_id,
        presented_generation=presented.generation,
        presented_by=by.id,
    )
    if lineage.client.reuse_ends == "account":
        return Theft((detected,), (SubjectRevoked(subject=family.subject, reason="refresh_reuse"),))
    return Theft((detected, revoked(family, "refresh_reuse")), ())


def revoked(family: Family, reason: str) -> FamilyRevoked:
    return FamilyRevoked(family_id=family.id, subject=family.subject, client_id=family.client_id, reason=reason)


def family_of(started: FamilyStarted) -> Family:
    """A family as it begins, before it stands anywhere."""
    first: dict[str, Any] = {"id": started.family_id, "generation": 1, "keys": (KeyOf(1, started.refresh_key),)}
    first["binding"] = binding_of(started.jkt, started.x5t)
    return msgspec.convert(msgspec.structs.asdict(started) | first, Family)


def evolve_family(family: Family, event: Event, row: Recorded) -> Family:
    match event:
        case FamilyStarted():
            return msgspec.structs.replace(family_of(event), started_at=row.position, rotated_at=row.time)
        case RefreshRotated():
            keys = family.keys
            if keys[-1].key_id != event.refresh_key:
                keys = (*keys, KeyOf(event.generation, event.refresh_key))
            return msgspec.structs.replace(family, generation=event.generation, keys=keys, rotated_at=row.time)
        case RefreshUsed():
            return msgspec.structs.replace(family, rotated_at=row.time)
        case FamilyRevoked():
            return msgspec.structs.replace(family, revoked_at=row.position)
    return family


FAMILY = Fold("family", Family(), evolve_family, snapshots=True)
