"""Refresh families (RULES 8)."""

import msgspec

from eventlog.events import Event, Instant
from services.token.domain.events.registry import Issue, events


@events.event("family.started")
class FamilyStarted(Event):
    """A lineage of refresh tokens began: one per login and application, of which each token is used once."""

    family_id: str
    client_id: str
    subject: str
    session_id: str
    session_position: int
    seen: int
    scope: str
    refresh_key: str
    auth_time: Instant
    acr: str
    amr: list[str]
    expires_at: Instant
    audience: list[str] = msgspec.field(default_factory=list)
    offline: bool = False
    """Whether it outlives the session: it hangs from what the person granted (`offline_access`)."""
    userinfo_claims: list[str] = msgspec.field(default_factory=list)
    code_id: str | None = None
    """The code that it was given for; absent after a direct login."""
    jkt: str | None = None
    x5t: str | None = None


@events.event("refresh.rotated")
class RefreshRotated(Issue, kw_only=True):
    """A refresh token was used, for the first time: its holder got the next one and a fresh access token."""

    generation: int
    """Which refresh token of its family this is, counted from 1."""
    refresh_key: str


@events.event("refresh.retried")
class RefreshRetried(Issue, kw_only=True):
    """A refresh token came again within the leeway, as after a lost answer: the same successor, a fresh access token.

    A thief who is as quick looks the same, so many of these for one person deserve a look.
    """

    generation: int


@events.event("refresh.used")
class RefreshUsed(Issue, kw_only=True):
    """A refresh token whose holder proved the key or certificate that its family is bound to gave a fresh access token.

    It does not change: whoever else gets hold of it can do nothing with it.
    """

    generation: int


@events.event("refresh.reuse_detected")
class ReuseDetected(Event):
    """A genuine refresh token was used when it could be no more: it was stolen, or a thief came first. Raise an alarm.

    The same command ends the family, or all that the account has, in its next event.
    """

    family_id: str
    subject: str
    client_id: str
    session_id: str
    presented_generation: int
    """Which refresh token of the family was presented, counted from 1."""
    presented_by: str


@events.event("family.revoked")
class FamilyRevoked(Event):
    """A lineage of refresh tokens is ended with all its access tokens."""

    family_id: str
    subject: str
    client_id: str
    reason: str


@events.event("pairwise.begun")
class PairwiseBegun(Event):
    """An application that knows a person by a name of its own (OpenID Connect Core 8) is given tokens of a family.

    Nothing in them says whose they are, so this stands with the account, and with the session where the family hangs
    from one: whatever ends these ends the family, too, by an event of its own in the same command.
    """

    family_id: str
    client_id: str
    subject: str
    session_id: str
    session_position: int
    expires_at: Instant
    """When the last access token of the family will have expired, whatever happens."""


@events.event("pairwise.ended")
class PairwiseEnded(Event):
    """Families of an account have ended with their session: nothing is left to remember beside the account."""

    subject: str
    family_ids: list[str]
    """The lineages that ended: each `family_id` of the `family.revoked` events before."""
