"""Dynamic client registration and management: RFC 7591, RFC 7592, OpenID Connect Dynamic Client Registration."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

import msgspec

from eventlog.errors import Kind, Refusal
from eventlog.log import By
from services.token.commands.client_changes import (
    delete_client,
    end_lapsed,
    manages,
    new_registration_token,
    update_client,
)
from services.token.commands.clients import Registered, hashed, proves, register_client
from services.token.commands.prove import secrets_of
from services.token.domain import DAY
from services.token.domain.addresses import host_of, wrong_endpoint
from services.token.domain.client import CLIENT, Client
from services.token.domain.document import Document, Read, read_registration
from services.token.domain.errors import InvalidClientMetadata
from services.token.domain.registration import ID
from services.token.ports import Token

Sector = Callable[[str], Awaitable[Any]]
"""What is published at a sector_identifier_uri, as JSON has it. Raises InvalidClientMetadata where it cannot be had."""
Mode = Literal["token", "open"]
UNUSED = 7 * DAY
"""How long what anybody may register may wait for its first token."""
PAGE = 256
# RFC 7592 2.2: what an update must not say.
_NOT_SAID = ("registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at")


class Lapsing(Protocol):
    """The rows of a projection; `eventlog.projection.Rows` is one."""

    async def overdue(self, kind: str, now: int, after: str, limit: int) -> list[str]: ...


class Managed(msgspec.Struct, frozen=True):
    """A client and what it manages its registration with; its secret only where one was made."""

    client: Client
    registration_token: str
    secret: str = ""
    position: int = 0

    def __repr__(self) -> str:
        return f"Managed({self.client.id!r}, {self.position})"


async def register_itself(token: Token, document: Document, mode: Mode, sector: Sector, correlation_id: str) -> Managed:
    """Registers a client that says for itself what it is. Raises InvalidClientMetadata, InvalidRedirectUri."""
    client = await _wanted(read_registration(document), sector)
    if mode == "open":
        client = msgspec.structs.replace(client, unused_until=token.log.now() + UNUSED)
    registration_token = new_registration_token()
    by = By(f"registration/{mode}", correlation_id)
    made = await register_client(token, client, by, registration_token=registration_token)
    return _managed(made, registration_token)


async def find_managed(token: Token, client_id: str, registration_token: str) -> Managed:
    """A client as it stands, for whoever manages it. Raises Refusal `invalid_token` for all others."""
    client = await token.log.fresh(CLIENT, client_id if ID.fullmatch(client_id) else "")
    if not manages(client, registration_token):
        # RFC 7592 2: the same whether there is such a client, or not any more.
        raise unproven()
    return Managed(client, registration_token)


async def update_itself(
    token: Token, managed: Managed, document: Document, sector: Sector, correlation_id: str
) -> Managed:
    """Replaces what a client says of itself; what it says no more takes its default (RFC 7592 2.2).

    Raises InvalidClientMetadata, InvalidRedirectUri.
    """
    await _named(token, managed.client, document)
    wanted = msgspec.structs.replace(await _wanted(read_registration(document), sector), id=managed.client.id)
    made = await update_client(token, wanted, By(f"client/{wanted.id}", correlation_id))
    return _managed(made, managed.registration_token)


async def delete_itself(token: Token, managed: Managed, correlation_id: str) -> int:
    """Ends all that the client holds, and the client (RFC 7592 2.3)."""
    return await delete_client(token, managed.client.id, By(f"client/{managed.client.id}", correlation_id))


async def end_unused(token: Token, lapsing: Lapsing, by: By, now: int) -> None:
    """Ends what registered itself and was given no token in time, as if it had deleted itself."""
    after = ""
    while page := await lapsing.overdue("unused", now, after, PAGE):
        for client_id in page:
            await end_lapsed(token, client_id, by)
        after = page[-1]


def admits(initial_access_token: str, presented: str | None) -> None:
    """Raises Refusal `invalid_token` for whoever does not have the operator's word (RFC 7591 3)."""
    if not hmac.compare_digest(hashed(presented or ""), hashed(initial_access_token)):
        raise unproven()


def unproven() -> Refusal:
    return Refusal(Kind.UNAUTHENTICATED, "invalid_token", "this needs the right token, as a bearer")


def _managed(made: Registered, registration_token: str) -> Managed:
    return Managed(made.client, registration_token, made.secret, made.position)


async def _wanted(read: Read, sector: Sector) -> Client:
    """OpenID Connect Core 8.1: all redirect URIs are among those that are published for the sector."""
    if not read.sector_uri:
        return read.client
    if wrong := wrong_endpoint(read.sector_uri):
        raise InvalidClientMetadata(f"sector_identifier_uri: {wrong}")
    published = await sector(read.sector_uri)
    if not isinstance(published, list):
        raise InvalidClientMetadata("sector_identifier_uri: what is there is not a list of redirect URIs")
    if any(uri not in published for uri in read.client.redirect_uris):
        raise InvalidClientMetadata("sector_identifier_uri: a redirect URI is not among those that are there")
    return msgspec.structs.replace(read.client, sector=host_of(read.sector_uri))


async def _named(token: Token, client: Client, document: Document) -> None:
    """RFC 7592 2.2: an update names its client, and changes neither its secret nor what was given out with it."""
    if document.get("client_id") != client.id:
        raise InvalidClientMetadata("client_id is not that of the client")
    if any(name in document for name in _NOT_SAID):
        raise InvalidClientMetadata(f"an update does not say {', '.join(_NOT_SAID)}")
    secret = document.get("client_secret")
    if secret is not None and not (isinstance(secret, str) and await _is_its_own(token, client, secret)):
        raise InvalidClientMetadata("client_secret is not that of the client")


async def _is_its_own(token: Token, client: Client, secret: str) -> bool:
    kept = await secrets_of(token, client)
    same = any(hmac.compare_digest(one, secret.encode(errors="replace")) for one in kept)
    return same or proves(client, secret, token.log.now())
