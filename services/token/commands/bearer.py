"""The JWT bearer grant (RFC 7523 2.1): a service account gets tokens for itself by what it signs with its own key."""

from collections.abc import Collection

from eventlog.log import By
from services.token.commands.issue import Answered, client_credentials
from services.token.commands.prove import by_assertion
from services.token.domain.bearer import GRANT_TYPE, TYPES
from services.token.domain.binding import UNBOUND, Binding
from services.token.domain.client import Client
from services.token.domain.errors import InvalidClient, InvalidGrant
from services.token.ports import Token
from watchword.signed import read_signed


async def bearer(
    token: Token,
    client: Client,
    assertion: str,
    endpoints: Collection[str],
    scope: str | None,
    resources: list[str],
    by: By,
    binding: Binding = UNBOUND,
) -> Answered:
    """A token for the client itself, as with client_credentials. An assertion is taken once.

    Raises InvalidGrant for one that is not by and about the client: no issuer is believed about anybody else.
    """
    client.may(GRANT_TYPE)
    try:
        own = await by_assertion(token, client.id, read_signed(assertion, TYPES), endpoints)
    except (InvalidClient, ValueError) as refused:
        raise InvalidGrant(str(refused)) from None
    return await client_credentials(token, own, scope, resources, by, binding, GRANT_TYPE)


def issuer_of(assertion: str) -> str:
    """Whom an assertion claims to be by; nothing of it has been verified. Raises InvalidGrant."""
    try:
        issuer = read_signed(assertion, TYPES).claims.get("iss")
    except ValueError as error:
        raise InvalidGrant(f"the assertion is not a JWT that is taken here: {error}") from None
    if not isinstance(issuer, str):
        raise InvalidGrant("the assertion does not say whom it is by (iss)")
    return issuer
