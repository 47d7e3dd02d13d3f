"""The events of identity's log. Sealed fields never leave the service."""

from eventlog.events import Event, Instant, Registry, Sealed

events = Registry("identity")


@events.event("account.registered", sealed_for="account_id")
class AccountRegistered(Event):
    account_id: str
    username: Sealed[str] = None
    email: Sealed[str] = None
    password_hash: Sealed[str] = None


@events.event("username.claimed")
class UsernameClaimed(Event):
    account_id: str


@events.event("account.disabled")
class AccountDisabled(Event):
    account_id: str
    reason: str


@events.event("account.enabled")
class AccountEnabled(Event):
    account_id: str
    reason: str


@events.event("account.signed_out")
class AccountSignedOut(Event):
    """Every session that started before it is over."""

    account_id: str


@events.event("account.revoked")
class AccountRevoked(Event):
    """Token ended every session that started without knowledge of `token_position` of its log."""

    account_id: str
    token_position: int


@events.event("credential.changed", sealed_for="account_id")
class CredentialChanged(Event):
    """A new password; every session that started before it is over, but for the spared one."""

    account_id: str
    spared_session_id: str | None = None
    password_hash: Sealed[str] = None


@events.event("credential.rehashed", sealed_for="account_id")
class CredentialRehashed(Event):
    """The same password under today's cost."""

    account_id: str
    password_hash: Sealed[str] = None


@events.event("login.succeeded")
class LoginSucceeded(Event):
    account_id: str
    session_id: str
    acr: str
    amr: list[str]


@events.event("login.failed", sealed_for="account_id")
class LoginFailed(Event):
    """`count` failures of one name within a minute. `name_key` is an HMAC under the month's key."""

    name_key: str
    count: int
    account_id: str | None = None
    address: Sealed[str] = None


@events.event("session.started", sealed_for="account_id")
class SessionStarted(Event):
    """`seen` is the position of token's log that identity had applied."""

    session_id: str
    account_id: str
    seen: int
    auth_time: Instant
    acr: str
    amr: list[str]
    secret_hash: Sealed[str] = None
    address: Sealed[str] = None
    agent: Sealed[str] = None


@events.event("session.secret_changed", sealed_for="account_id")
class SessionSecretChanged(Event):
    session_id: str
    account_id: str
    secret_hash: Sealed[str] = None


@events.event("session.ended")
class SessionEnded(Event):
    session_id: str
    account_id: str
    reason: str
