"""What identity needs from outside."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


class Hasher(Protocol):
    """Password hashes, made off the event loop in a bounded queue.

    `source` is where the request comes from, so that one source cannot fill the queue. All raise Refusal `overloaded`
    (503) when the queue is full and `too_many_attempts` (429) when the source's share is.
    """

    @property
    def nobodys(self) -> str:
        """A hash that no password fits, as costly to verify as any."""
        ...

    async def hash_new(self, password: str, hints: Collection[str], source: str) -> str:
        """The hash of a password that somebody chose. Raises Refusal `password_too_weak`; `hints` are easy to guess."""
        ...

    async def hash(self, password: str, source: str) -> str: ...

    async def verify(self, hashed: str, password: str, source: str) -> bool: ...

    def outdated(self, hashed: str) -> bool:
        """Whether a hash was made at another cost than today's."""
        ...


class Limits(Protocol):
    """How often something may be tried, over all processes of the service."""

    async def take(self, limit: str, key: str) -> None:
        """Counts one attempt. Raises Refusal `too_many_attempts` where there are none left."""
        ...

    async def give_back(self, limit: str, key: str) -> None:
        """The attempt does not count after all."""
        ...


class LastSeen(Protocol):
    """When sessions were last used, to about a minute. Times in microseconds since 1970."""

    async def touch(self, session_id: str, now: int) -> None: ...

    async def of(self, session_ids: Collection[str]) -> dict[str, int]: ...


class Followed(Protocol):
    """How far this process has applied another service's log; `eventlog.projection.MemoryProjection` is one."""

    @property
    def applied(self) -> int: ...

    async def wait(self, position: int, timeout: float) -> bool:
        """Whether `position` has been applied within `timeout` seconds."""
        ...


class Clients(Protocol):
    """What is known here of token's clients."""

    async def direct_login(self, client_id: str) -> bool | None:
        """Whether a client may log people in directly; None where it is not known here (yet): then token says."""
        ...


@dataclass(frozen=True, slots=True)
class FirstTokens:
    """What token issues to a session that has just started. `expires_in` in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    scope: str


@dataclass(frozen=True, slots=True)
class Overtaken:
    """A revocation made at token at `position` lies between: start the session anew once it has been applied."""

    position: int


@dataclass(frozen=True, slots=True)
class Started:
    """A session as token is told of it. `auth_time` in microseconds since 1970."""

    session_id: str
    account_id: str
    position: int
    seen: int
    auth_time: int
    acr: str
    amr: tuple[str, ...]


class Tokens(Protocol):
    """The token service."""

    async def start_family(self, client_id: str, session: Started) -> FirstTokens | Overtaken:
        """Raises the Refusal of token, such as `unauthorized_client`, `session_ended`, `peer_unavailable`."""
        ...

    async def revoke_session(self, session_id: str, reason: str) -> bool:
        """Whether token answered in about two seconds that it is revoked; it happens in any case, from the event."""
        ...

    async def revoke_sessions_before(self, account_id: str, position: int, spared: str | None, reason: str) -> bool:
        """The same for the account's sessions that started below `position` of identity's log, but the spared one."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What an application asks for, as far as pages show it. `redirect_origin` is whereto the answer goes."""

    client_id: str
    client_name: str = ""
    first_party: bool = False
    self_registered: bool = False
    logo_uri: str = ""
    client_uri: str = ""
    policy_uri: str = ""
    tos_uri: str = ""
    login_hint: str = ""
    ui_locales: tuple[str, ...] = ()
    redirect_origin: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A request that token has judged and keeps. `handle` opens it: only token, identity and one browser know it."""

    handle: str = field(repr=False)
    asked: Asked


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a browser goes and what it brings; `response_mode` is query, fragment or form_post."""

    redirect_uri: str
    response_mode: str
    parameters: tuple[tuple[str, str], ...] = field(repr=False)
    client_id: str = ""
    """Who is told by it that somebody is signed in; empty where nobody is."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is answered to nobody but the person: an error as the standards name it."""

    error: str
    description: str


@dataclass(frozen=True, slots=True)
class LoginNeeded:
    """Somebody has to sign in; `account_id` says who, where it may not be anybody."""

    asked: Asked
    account_id: str = ""


@dataclass(frozen=True, slots=True)
class ChoiceNeeded:
    """The person has to say whether to go on with their session."""

    asked: Asked


@dataclass(frozen=True, slots=True)
class ConsentNeeded:
    """`scopes` are new, `granted` were granted before; `offline` in seconds, 0 where it ends with the session."""

    asked: Asked
    scopes: tuple[str, ...]
    granted: tuple[str, ...] = ()
    offline: int = 0


Step = Destination | Wrong | LoginNeeded | ChoiceNeeded | ConsentNeeded


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided, and the scopes that they grant."""

    allow: bool
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session, by which somebody goes on. `chosen`: they were shown whose it is, and said so."""

    session: Started
    chosen: bool = False
    decision: Decision | None = None


@dataclass(frozen=True, slots=True)
class SignOut:
    """A client's wish that its user be signed out. Empty: it did not say. `session_id` is the id_token_hint's."""

    client_id: str = ""
    client_name: str = ""
    session_id: str = ""
    account_id: str = ""
    redirect_uri: str = ""
    state: str = ""
    ui_locales: tuple[str, ...] = ()


class Authorizations(Protocol):
    """The authorization server: it judges what applications ask of browsers, and says what comes next.

    All raise the Refusal of token, such as `peer_unavailable`.
    """

    async def begin(self, parameters: bytes) -> Kept | Destination | Wrong:
        """Judges the query of a GET or the form of a POST, as it came."""
        ...

    async def proceed(
        self, handle: str, signed_in: SignedIn | None = None, *, given_up: bool = False
    ) -> Step | Overtaken:
        """What comes next. `given_up`: whoever was asked to sign in or to choose does not want to."""
        ...

    async def sign_userinfo(self, client_id: str, account_id: str, claims: Mapping[str, Any]) -> str:
        """What userinfo says, as a JWT for a client that is registered for it."""
        ...

    async def person_of(self, family_id: str) -> tuple[str, str]:
        """Whose a family is: the account, empty where there is no such family; and the session, empty where the family
        outlives it.
        """
        ...

    async def judge_logout(self, parameters: bytes) -> SignOut | Wrong:
        """Judges a sign-out request (OpenID Connect RP-Initiated Logout 1.0), as it came."""
        ...

    async def logout_pages(self, session_id: str) -> Sequence[str]:
        """The pages by which a session's clients sign a browser out (OpenID Connect Front-Channel Logout 1.0)."""
        ...


class Grants(Protocol):
    """What people have let applications have."""

    async def revoke_grant(self, account_id: str, client_id: str) -> int:
        """Takes back all that a client was given. The position in token's log.

        Raises the Refusal of token: `not_found` where nothing was given, `peer_unavailable`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Device:
    """What waits for a user code, and asks for `scopes`; `offline` in seconds, 0 where it ends with the session."""

    user_code: str = field(repr=False)
    asked: Asked
    scopes: tuple[str, ...]
    offline: int = 0


@dataclass(frozen=True, slots=True)
class Connected:
    """A device is told what was decided."""

    allowed: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The session of whoever decided is over."""


class Devices(Protocol):
    """Devices that wait for somebody to enter their code (RFC 8628). All raise the Refusal of token."""

    async def look_up(self, user_code: str) -> Device | Wrong:
        """What a code stands for, however it was typed."""
        ...

    async def decide(self, user_code: str, signed_in: SignedIn) -> Connected | Wrong | Ended | Overtaken:
        """Hands on a decision; of several the first holds."""
        ...
