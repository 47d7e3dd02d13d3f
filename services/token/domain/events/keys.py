"""Signing and refresh keys: never the keys themselves."""

from typing import Any

from eventlog.events import Event
from services.token.domain.events.registry import events


@events.event("key.published")
class KeyPublished(Event):
    """A new key is known, ahead of its use. A private or secret key is in no event."""

    key_id: str
    """Which key: its `kid`."""
    purpose: str
    """What the key is for: `signing` access tokens, or `refresh` tokens."""
    alg: str
    """The key's algorithm, such as ES256."""
    public_key: dict[str, Any] | None = None
    """The public half as a JWK (RFC 7517). Absent for keys that have none."""


@events.event("key.activated")
class KeyActivated(Event):
    """From now on the key signs, or derives refresh tokens."""

    key_id: str


@events.event("key.retired")
class KeyRetired(Event):
    """From now on the key verifies only."""

    key_id: str


@events.event("key.removed")
class KeyRemoved(Event):
    """The key is gone: nothing that it made can be valid any more."""

    key_id: str


@events.event("key.compromised")
class KeyCompromised(Event):
    """The operator declared the key leaked: what it made is refused from now on. Raise an alarm."""

    key_id: str
    purpose: str
