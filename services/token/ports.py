"""What token needs from outside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from chassis.kept import Kept
from eventlog.log import Log
from eventlog.projection.parked import Parked
from services.token.domain.client import Client


class KeyVault(Protocol):
    """Private and refresh keys, encrypted at rest, apart from the log."""

    async def keep(self, key_id: str, purpose: str, secret: bytes) -> None: ...

    async def secret(self, key_id: str, purpose: str) -> bytes | None:
        """The key; None where none is kept for this purpose. Raises ValueError where it does not open."""
        ...

    async def destroy(self, key_id: str, purpose: str) -> None: ...


class NotFetched(Exception):
    """What a client publishes could not be had. The message says why, and names no address."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was answered there, whatever the status."""

    status: int
    cache_control: str
    body: bytes


class Fetch(Protocol):
    """Asks at addresses that a client has named (jwks_uri, request_uri and the like). Redirects are not followed.

    Raises NotFetched where it is no address that may be asked, or no whole answer came.
    """

    async def get(self, url: str) -> Fetched: ...

    async def post(self, url: str, form: Mapping[str, str]) -> Fetched: ...


Jwk = Mapping[str, Any]
Wanted = Callable[[Jwk], bool]


class ClientKeys(Protocol):
    """The public keys (RFC 7517) that clients publish at their `jwks_uri`."""

    async def find(self, url: str, wanted: Wanted) -> Jwk | None:
        """The first that is wanted; the site is asked again where there is none. Raises NotFetched."""
        ...


class NoClientKeys:
    """Where nothing is fetched."""

    async def find(self, url: str, wanted: Wanted) -> Jwk | None:
        """See ClientKeys."""
        raise NotFetched("nothing is fetched here")


class NoFetch:
    """Where nothing is fetched."""

    async def get(self, url: str) -> Fetched:
        """See Fetch."""
        raise NotFetched("nothing is fetched here")

    async def post(self, url: str, form: Mapping[str, str]) -> Fetched:
        """See Fetch."""
        raise NotFetched("nothing is fetched here")


class People(Protocol):
    """What identity knows of people."""

    async def claims(self, account_id: str, names: Sequence[str]) -> Mapping[str, Any]:
        """Of the claims of OpenID Connect Core 5.1 that are named, those that are known.

        Raises Refusal `peer_unavailable`.
        """
        ...


class Nobody:
    """Where nobody is known."""

    async def claims(self, account_id: str, names: Sequence[str]) -> Mapping[str, Any]:
        """See People."""
        return {}


@dataclass(frozen=True, slots=True)
class Proving:
    """What it takes to judge how clients prove who they are.

    `authorities` are those whose certificates `tls_client_auth` believes, PEM. `mtls_url` is the origin at which
    clients show certificates, where it is not the issuer's own. `nonces` says whether a DPoP proof needs a nonce.
    """

    keys: ClientKeys = field(default_factory=NoClientKeys)
    authorities: bytes = b""
    mtls_url: str = ""
    nonces: bool = True
    fetch: Fetch = field(default_factory=NoFetch)


class Entitled(Protocol):
    """What tokens say of roles and groups."""

    async def claims(self, client: Client, subject: str) -> Mapping[str, list[str]]:
        """`roles` and `groups`, as far as the client may see them. Raises Refusal where they cannot be known."""
        ...


class NoEntitlements:
    """Where nothing is known of roles."""

    async def claims(self, client: Client, subject: str) -> Mapping[str, list[str]]:
        """See Entitled."""
        return {}


@dataclass(frozen=True, slots=True)
class Token:
    """What the commands of this service work on.

    `ready_since` is when this process last became able to answer (RULES 8). `parked` are streams of identity's log:
    what ended there may go on here.
    """

    log: Log
    vault: KeyVault
    issuer: str
    ready_since: Callable[[], int]
    parked: Parked
    kept: Kept
    proving: Proving = field(default_factory=Proving)
    people: People = field(default_factory=Nobody)
    entitled: Entitled = field(default_factory=NoEntitlements)

    def addresses(self, path: str) -> list[str]:
        """The addresses under which clients know an endpoint: the operator's word, never a Host header's."""
        return [f"{origin}{path}" for origin in (self.issuer, self.proving.mtls_url) if origin]
