"""The life of a client after it was registered: changed, given a new secret, deleted."""

import hmac
import secrets

import msgspec

from eventlog.errors import Kind, Refusal
from eventlog.log import Attempt, By
from services.token.commands.clients import Registered, hashed, made_secret, secured
from services.token.commands.prove import SECRET
from services.token.domain import DAY, SECOND
from services.token.domain.client import CLIENT, Client
from services.token.domain.errors import InvalidClientMetadata, Unknown
from services.token.domain.events import ClientDeleted, ClientRevoked, ClientSecretRotated, ClientUpdated
from services.token.domain.registration import BY_MAC, check, completed
from services.token.ports import Token

MAX_OVERLAP = 90 * DAY
KEPT = tuple(name for name in Client.__struct_fields__ if name not in ClientUpdated.__struct_fields__)
"""What no update changes: who it is, and what it proves that by."""


async def find_client(token: Token, client_id: str) -> Client:
    """A client as it stands now. Raises Unknown."""
    client = await token.log.fresh(CLIENT, client_id)
    if not client.known:
        raise Unknown("client")
    return client


async def update_client(token: Token, wanted: Client, by: By) -> Registered:
    """All that can change of a client becomes as it is wanted; what is not said takes its default.

    One that is to prove itself by a secret, and has none yet, is given one.
    Raises Unknown, and Refusal `invalid_client_metadata`, `invalid_redirect_uri`.
    """

    async def decide(attempt: Attempt) -> tuple[Client, str]:
        known = await _known(attempt, wanted.id)
        if wanted.confidential is not known.confidential:
            raise InvalidClientMetadata("a client stays confidential or public: register another")
        client = completed(msgspec.structs.replace(wanted, **{name: getattr(known, name) for name in KEPT}))
        client = msgspec.structs.replace(client, name=client.name or client.id)
        check(client)
        if client == known:
            return known, ""
        said = msgspec.structs.asdict(client) | {"client_id": client.id}
        await attempt.write(CLIENT, client.id, msgspec.convert(said, ClientUpdated))
        secret = "" if _has_secret(known, client) else made_secret(client)
        if secret:
            await attempt.write(CLIENT, client.id, await _given(token, client, secret))
        return client, secret

    outcome = await token.log.decide(by, decide)
    client, secret = outcome.value
    return Registered(client, secret, outcome.position)


async def rotate_secret(token: Token, client_id: str, overlap: int, by: By) -> Registered:
    """A new secret; the one before it is good for `overlap` µs more, and one before that no more.

    Raises Unknown, and Refusal `no_client_secret`, `invalid_overlap`.
    """
    if not 0 <= overlap <= MAX_OVERLAP:
        raise Refusal(Kind.UNPROCESSABLE, "invalid_overlap", f"the overlap is 0 to {MAX_OVERLAP // SECOND} s")

    async def decide(attempt: Attempt) -> tuple[Client, str]:
        client = await _known(attempt, client_id)
        secret = made_secret(client)
        if not secret:
            raise Refusal(Kind.PRECONDITION, "no_client_secret", "this client proves itself by no secret")
        until = attempt.now + overlap if overlap else None
        await attempt.write(CLIENT, client_id, await _given(token, client, secret, until))
        return msgspec.structs.replace(client, old_secret_until=until or 0), secret

    outcome = await token.log.decide(by, decide)
    client, secret = outcome.value
    return Registered(client, secret, outcome.position)


async def delete_client(token: Token, client_id: str, by: By) -> int:
    """Ends all that a client holds, and the client. Its id is never given again. Raises Unknown."""

    async def decide(attempt: Attempt) -> Client:
        client = await _known(attempt, client_id)
        await _end(attempt, client, "client_deleted")
        return client

    outcome = await token.log.decide(by, decide)
    await _forget_secrets(token, outcome.value)
    return outcome.position


async def end_lapsed(token: Token, client_id: str, by: By) -> None:
    """The same for a client that was to be given its first token by now. Does nothing where it was, or is gone."""

    async def decide(attempt: Attempt) -> Client | None:
        client = await attempt.read(CLIENT, client_id)
        if not client.lapsed(attempt.now):
            return None
        await _end(attempt, client, "never_used")
        return client

    outcome = await token.log.decide(by, decide)
    if outcome.value is not None:
        await _forget_secrets(token, outcome.value)


async def _end(attempt: Attempt, client: Client, reason: str) -> None:
    # Whoever follows this log for what is revoked has no need to know of deletion.
    revoked = ClientRevoked(client_id=client.id, reason=reason)
    await attempt.write(CLIENT, client.id, revoked, ClientDeleted(client_id=client.id))


async def _forget_secrets(token: Token, client: Client) -> None:
    for key in filter(None, (client.secret_key, client.old_secret_key)):
        await token.vault.destroy(key, SECRET)


async def _given(token: Token, client: Client, secret: str, until: int | None = None) -> ClientSecretRotated:
    kept = await secured(token, client, secret)
    return ClientSecretRotated(
        client_id=client.id,
        old_secret_until=until,
        secret_key=kept.get("secret_key", ""),
        secret_hash=kept.get("secret_hash"),
    )


def _has_secret(known: Client, client: Client) -> bool:
    """Whether its secret is there, in the form that its method needs."""
    return bool(known.secret_key if client.token_endpoint_auth_method == BY_MAC else known.secret_hash)


def new_registration_token() -> str:
    """What a client manages its own registration with (RFC 7592 3): random, and kept as its hash."""
    return secrets.token_urlsafe(32)


def manages(client: Client, presented: str) -> bool:
    """Whether a registration access token is this client's. Compared in constant time."""
    kept = client.registration_hash or "-" * 64
    return hmac.compare_digest(hashed(presented), kept) and client.known


async def _known(attempt: Attempt, client_id: str) -> Client:
    client = await attempt.read(CLIENT, client_id)
    if not client.known:
        raise Unknown("client")
    return client
