"""Keys: published → active → verifying only → gone, on a schedule, and nothing breaks on rotation (RULES 8, 9).

A ring is one purpose and algorithm. A signing ring keeps its next key published ahead, so that a verifier has it
before it signs; a refresh ring needs none, since only token verifies refresh tokens.
"""

from typing import Any

import msgspec

from eventlog.events import Event, Recorded
from eventlog.log import Fold
from services.token.domain import DAY, MINUTE
from services.token.domain.errors import TooManyKeys
from services.token.domain.events import KeyActivated, KeyCompromised, KeyPublished, KeyRemoved, KeyRetired

SIGNING, REFRESH = "signing", "refresh"
ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA")
REFRESH_RING = "refresh"
JWKS_LIFE = 5 * MINUTE
VERIFYING = 60 * MINUTE + JWKS_LIFE + 5 * MINUTE
REFRESH_VERIFYING = 31 * DAY
ROTATE_AFTER = 90 * DAY
MAX_KEYS = 128
"""Of a signing ring, that verify at the same time. All of them are published, and no verifier reads a key set without
end: the SDK's stops at 256 KiB, and denies."""


def signing_ring(alg: str) -> str:
    """The ring that signs `alg`: a key is pinned to one algorithm, so RS256 and PS256 share none."""
    return f"{SIGNING}-{alg}"


class Key(msgspec.Struct, frozen=True):
    """`state` is published, active, verifying, gone or compromised; `since` when it became so."""

    id: str
    purpose: str
    alg: str
    state: str
    since: int
    public_key: dict[str, Any] | None = None

    @property
    def verifies(self) -> bool:
        return self.state in ("published", "active", "verifying")


class Keyring(msgspec.Struct, frozen=True):
    """The keys of one ring, oldest first."""

    keys: tuple[Key, ...] = ()

    @property
    def active(self) -> Key | None:
        return next((key for key in self.keys if key.state == "active"), None)

    def compromised(self, since: int = 0) -> list[Key]:
        """Those that were dropped at `since`, by the log's time, or later."""
        return [key for key in self.keys if key.state == "compromised" and key.since >= since]

    def find(self, key_id: str) -> Key | None:
        return next((key for key in self.keys if key.id == key_id), None)


class NewKey(msgspec.Struct, frozen=True):
    """A key that has been made and kept, and is not in any ring yet."""

    id: str
    purpose: str
    alg: str
    public_key: dict[str, Any] | None = None

    def published(self) -> KeyPublished:
        return KeyPublished(key_id=self.id, purpose=self.purpose, alg=self.alg, public_key=self.public_key)


def rotate(ring: Keyring, made: list[NewKey], compromised: bool) -> list[Event]:
    """The next key becomes active; the active one verifies only, or nothing at all where it is compromised.

    `made` holds one key where the ring has a next key or needs none, two for a new signing ring. Raises
    TooManyKeys; a compromised one makes room for its own.
    """
    if not compromised and sum(key.verifies and key.public_key is not None for key in ring.keys) >= MAX_KEYS:
        raise TooManyKeys(MAX_KEYS)
    events: list[Event] = [key.published() for key in made]
    ahead = next((key.id for key in ring.keys if key.state == "published"), None)
    events.append(KeyActivated(key_id=ahead or made[0].id))
    if ring.active is not None and compromised:
        events.append(KeyCompromised(key_id=ring.active.id, purpose=ring.active.purpose))
    elif ring.active is not None:
        events.append(KeyRetired(key_id=ring.active.id))
    return events


def drop(ring: Keyring, key_id: str, made: NewKey) -> list[Event]:
    """A key of the ring verifies nothing any more. No event where the ring has no such key.

    The active key is followed by the next one; `made` is published where the ring would be without one.
    """
    key = ring.find(key_id)
    if key is None or not key.verifies:
        return []
    if key.state == "active":
        return rotate(ring, [made], compromised=True)
    published = [made.published()] if key.state == "published" else []
    return [*published, KeyCompromised(key_id=key.id, purpose=key.purpose)]


def expired(ring: Keyring, now: int) -> list[KeyRemoved]:
    """Verifying keys of which nothing can be valid any more."""
    life = {SIGNING: VERIFYING, REFRESH: REFRESH_VERIFYING}
    return [
        KeyRemoved(key_id=key.id)
        for key in ring.keys
        if key.state == "verifying" and now >= key.since + life[key.purpose]
    ]


def evolve_keyring(ring: Keyring, event: Event, row: Recorded) -> Keyring:
    match event:
        case KeyPublished():
            made = Key(event.key_id, event.purpose, event.alg, "published", row.time, event.public_key)
            return Keyring((*ring.keys, made))
        case KeyActivated():
            return _become(ring, event.key_id, "active", row.time)
        case KeyRetired():
            return _become(ring, event.key_id, "verifying", row.time)
        case KeyRemoved():
            return _become(ring, event.key_id, "gone", row.time)
        case KeyCompromised():
            return _become(ring, event.key_id, "compromised", row.time)
    return ring


def _become(ring: Keyring, key_id: str, state: str, now: int) -> Keyring:
    return Keyring(
        tuple(msgspec.structs.replace(key, state=state, since=now) if key.id == key_id else key for key in ring.keys)
    )


KEYRING = Fold("keyring", Keyring(), evolve_keyring)
