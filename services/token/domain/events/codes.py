"""What people let applications have: codes, and grants that last."""

import msgspec

from eventlog.events import Event, Instant
from services.token.domain.events.registry import events


@events.event("code.issued")
class CodeIssued(Event):
    """A person let an application have a code, with which it gets tokens once, within a minute (RFC 6749 4.1).

    Or they entered the code of a device and said yes, which has the tokens then as it asks again (RFC 8628).
    """

    code_id: str
    """Which code. The code itself is in no event, and nothing from which it could be made."""
    client_id: str
    subject: str
    session_id: str
    session_position: int
    """The position in identity's log at which its session started."""
    seen: int
    """How far identity had read token's log when the session started."""
    scope: str
    audience: list[str]
    redirect_uri: str
    """Where the browser took the code; empty for a device."""
    auth_time: Instant
    """When the person logged in, RFC 3339 in UTC with six decimals."""
    acr: str
    """How sure the login makes it who somebody is (OpenID Connect `acr`), such as `urn:watchword:acr:password`."""
    amr: list[str]
    """By what they proved it (RFC 8176), such as `pwd`."""
    refresh_key: str
    """The name of the key that derives the code, or the refresh token; never the key."""
    expires_at: Instant
    code_challenge: str | None = None
    """What only whoever asked for the code can answer (RFC 7636)."""
    nonce: str | None = None
    """What the ID token repeats, so that the application knows it for its own."""
    jkt: str | None = None
    userinfo_claims: list[str] = msgspec.field(default_factory=list)
    """What it asked to learn of the person besides, by the names of OpenID Connect."""
    id_token_claims: list[str] = msgspec.field(default_factory=list)
    """What its ID token says of the person, by the same names."""


@events.event("code.denied")
class CodeDenied(Event):
    """A person entered the code of a device and said no: perhaps somebody else had sent it to them (RFC 8628 5.4)."""

    code_id: str
    client_id: str
    subject: str
    session_id: str


@events.event("code.redeemed")
class CodeRedeemed(Event):
    """An application got its tokens for a code."""

    code_id: str
    client_id: str
    family_id: str


@events.event("code.reuse_detected")
class CodeReused(Event):
    """A code came a second time: it was stolen, or a thief came first. What it gave is ended in the same command."""

    code_id: str
    client_id: str
    subject: str
    family_id: str
    presented_by: str
    """The application that presented it; where it is not `client_id`, the token reached another application."""


@events.event("grant.given")
class GrantGiven(Event):
    """A person let an application have something of theirs, until they or an administrator take it back."""

    subject: str
    client_id: str
    scopes: list[str]
    """All that it may have from now on."""


@events.event("grant.revoked")
class GrantRevoked(Event):
    """An application may have nothing of a person's any more, unless they are asked anew."""

    subject: str
    client_id: str
    reason: str
