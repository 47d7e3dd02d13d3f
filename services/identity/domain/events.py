"""The events of identity's log. Sealed fields never leave the service.

Security teams read these words in docs/events. A field is described where its name first stands: one name means one
thing in a whole log.
"""

from eventlog.events import Event, Instant, Registry, Sealed

events = Registry("identity")


@events.event("account.registered", sealed_for="account_id")
class AccountRegistered(Event):
    """Somebody registered, or an operator made an account for them. Name and address stay sealed."""

    account_id: str
    """Whose account: an opaque id, `acc_` and random characters; never a name."""
    username: Sealed[str] = None
    email: Sealed[str] = None
    password_hash: Sealed[str] = None


@events.event("username.claimed")
class UsernameClaimed(Event):
    """A name was taken by an account. The stream's key is an HMAC of the name, which tells nothing without the key."""

    account_id: str


@events.event("account.disabled")
class AccountDisabled(Event):
    """An administrator shut an account: all its sessions and tokens end, and nobody can log in to it."""

    account_id: str
    reason: str
    """Why: a word such as `logout`, or what the administrator wrote, in their own words."""


@events.event("account.enabled")
class AccountEnabled(Event):
    """An administrator opened a disabled account again. What had ended stays ended."""

    account_id: str
    reason: str


@events.event("account.signed_out")
class AccountSignedOut(Event):
    """The owner logged out everywhere: every session that started before it is over."""

    account_id: str


@events.event("account.revoked")
class AccountRevoked(Event):
    """Token ended all that an account had (after a reuse, or for an administrator), so its sessions are over too.

    Those, that is, which started without knowledge of `token_position`.
    """

    account_id: str
    token_position: int
    """The position of the revocation in token's log."""


@events.event("credential.changed", sealed_for="account_id")
class CredentialChanged(Event):
    """A new password; every session that started before it is over, but for the spared one."""

    account_id: str
    spared_session_id: str | None = None
    """The session in which the password was changed, which goes on. Absent: none does."""
    password_hash: Sealed[str] = None


@events.event("credential.rehashed", sealed_for="account_id")
class CredentialRehashed(Event):
    """The same password, hashed anew under today's cost at a login. Nothing changes for the person."""

    account_id: str
    password_hash: Sealed[str] = None


@events.event("login.succeeded")
class LoginSucceeded(Event):
    """Somebody proved to be the account's owner. From which address stays sealed in `session.started`."""

    account_id: str
    session_id: str
    """Which session: an opaque id, `ses_` and random characters; it opens nothing."""
    acr: str
    """How sure the login makes it who somebody is (OpenID Connect `acr`), such as `urn:watchword:acr:password`."""
    amr: list[str]
    """By what they proved it (RFC 8176), such as `pwd`."""


@events.event("login.failed", sealed_for="account_id")
class LoginFailed(Event):
    """Logins that failed for one name within a minute: the first at once, the minute's others as one event."""

    name_key: str
    """What the name is recognized by within a month: an HMAC under the month's key, 64 hex digits. Never the name."""
    count: int
    """How many logins failed."""
    account_id: str | None = None
    """Whose name it is. Absent: nobody's."""
    address: Sealed[str] = None


@events.event("session.started", sealed_for="account_id")
class SessionStarted(Event):
    """A session began, after a login. Address and agent stay sealed."""

    session_id: str
    account_id: str
    seen: int
    """How far identity had read token's log then: a later revocation there ends the session."""
    auth_time: Instant
    """When the person logged in, RFC 3339 in UTC with six decimals."""
    acr: str
    amr: list[str]
    secret_hash: Sealed[str] = None
    address: Sealed[str] = None
    agent: Sealed[str] = None


@events.event("session.secret_changed", sealed_for="account_id")
class SessionSecretChanged(Event):
    """The session's cookie was replaced; the old one opens nothing."""

    session_id: str
    account_id: str
    secret_hash: Sealed[str] = None


@events.event("session.ended")
class SessionEnded(Event):
    """A session is over: logged out, ended by its owner or revoked. All that hangs from it ends."""

    session_id: str
    account_id: str
    reason: str
