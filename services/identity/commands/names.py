"""Who has a name: names are streams, under a keyed hash of their compared form."""

import hashlib
import hmac

from eventlog.log import Log
from services.identity.domain.account import ACCOUNT, NAME, Account
from services.identity.domain.names import compared


async def key_of(log: Log, username: str) -> str:
    """What a name as typed is found and limited by; tells nothing to whoever lacks the service's key."""
    key = await log.sealer.secret("service/names")
    return hmac.digest(key, compared(username).encode("utf-8", "surrogatepass"), hashlib.sha256).hex()


async def find(log: Log, name_key: str) -> Account:
    """The account that has the name now; `Account()` where there is none.

    For a name that nobody has, an account that nobody has is asked for: the time it takes tells nothing.
    """
    name = await log.fresh(NAME, name_key)
    return await log.fresh(ACCOUNT, name.account_id or name_key)
