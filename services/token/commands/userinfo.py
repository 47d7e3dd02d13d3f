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
from services.token.domain.requested import BY_SCOPE
from services.token.ports import Token

OURS = frozenset({"iss", "aud", "sub", "iat"})
"""Set here, whatever identity says."""
PROFILE = frozenset[str]().union(*BY_SCOPE.values())
"""All else is refused: what says when, where and for whom would make an ID or an access token of it, by identity's word
alone and without an event.
"""


async def sign_userinfo(token: Token, client_id: str, account_id: str, said: Mapping[str, Any]) -> str:
    """A JWT of what identity says of an account, for one client. Nothing of it is kept.

    Raises Unknown where the client is not registered for signed answers, InvalidRequest for claims of no profile.
    """
    client = await token.log.fresh(CLIENT, client_id)
    if not client.userinfo_alg:
        raise Unknown("client that is registered for signed userinfo")
    if not said.keys() <= OURS | PROFILE:
        raise InvalidRequest("userinfo says of somebody what OpenID Connect Core 5.4 knows, and nothing else")
    key = (await token.log.fresh(KEYRING, signing_ring(client.userinfo_alg))).active
    if key is None:
        raise unavailable("keys_not_ready", "the keys of this service are being made")
    profile = {name: value for name, value in said.items() if name not in OURS}
    names = await names_of(token.log, client)
    ours = {"iss": token.issuer, "aud": client.id, "sub": names.subject(account_id), "iat": token.log.now() // SECOND}
    return await sign(token.vault, key.id, client.userinfo_alg, profile | ours, "JWT")
