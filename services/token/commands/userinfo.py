"""What userinfo answers, signed for clients that are registered for it (OpenID Connect Core 5.3.2)."""

from collections.abc import Mapping
from typing import Any

from eventlog.errors import unavailable
from services.token.adapters.names import names_of
from services.token.adapters.signer import sign
from services.token.domain import SECOND
from services.token.domain.client import CLIENT
from services.token.domain.errors import InvalidRequest, Unknown
from services.token.domain.keyring import KEYRING, signing_ring
from services.token.ports import Token

OURS = frozenset({"iss", "aud", "sub", "iat"})
"""Set here, whatever identity says."""
NEVER = frozenset({"client_id", "scope", "pos", "cnf"})
"""By these an access token is known (RULES 9): nothing else that token signs may look like one."""


async def sign_userinfo(token: Token, client_id: str, account_id: str, said: Mapping[str, Any]) -> str:
    """A JWT of what identity says of an account, for one client. Nothing of it is kept.

    Raises Unknown where the client is not registered for signed answers, InvalidRequest for claims it may not hold.
    """
    client = await token.log.fresh(CLIENT, client_id)
    if not client.userinfo_alg:
        raise Unknown("client that is registered for signed userinfo")
    if not NEVER.isdisjoint(said):
        raise InvalidRequest("userinfo says nothing of client_id, scope, pos and cnf")
    key = (await token.log.fresh(KEYRING, signing_ring(client.userinfo_alg))).active
    if key is None:
        raise unavailable("keys_not_ready", "the keys of this service are being made")
    profile = {name: value for name, value in said.items() if name not in OURS}
    names = await names_of(token.log, client)
    ours = {"iss": token.issuer, "aud": client.id, "sub": names.subject(account_id), "iat": token.log.now() // SECOND}
    return await sign(token.vault, key.id, client.userinfo_alg, profile | ours, "JWT")
