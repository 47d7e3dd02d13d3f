"""Refresh tokens (RULES 8): `wr1.<key>.<family>.<generation>.<secret>`, the secret derived, nothing secret stored."""

import base64
import hashlib
import hmac
import re

from services.token.domain.errors import InvalidGrant
from services.token.domain.family import Presented
from services.token.domain.keyring import REFRESH
from services.token.ports import KeyVault

PREFIX = "wr1."
SPELLING = re.compile(r"(wr1\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]{1,32})\.([1-9][0-9]{0,17}))\.([A-Za-z0-9_-]{43})")


async def open_refresh_token(vault: KeyVault, token: str) -> Presented:
    """What a genuine token says. Raises InvalidGrant for any other spelling and any secret that does not verify."""
    match = SPELLING.fullmatch(token)
    if match is None:
        raise forged()
    signed, key_id, family, generation, secret = match.groups()
    key = await vault.secret(key_id, REFRESH)
    if key is None or not hmac.compare_digest(derived(key, signed), secret):
        raise forged()
    return Presented(key_id, family, int(generation))


async def refresh_token(vault: KeyVault, key_id: str, family: str, generation: int) -> str:
    """The token of a generation, the same each time."""
    key = await vault.secret(key_id, REFRESH)
    if key is None:
        raise forged()
    signed = f"wr1.{key_id}.{family}.{generation}"
    return f"{signed}.{derived(key, signed)}"


def forged() -> InvalidGrant:
    return InvalidGrant("this refresh token is not valid")


def derived(key: bytes, signed: str) -> str:
    """The secret that a key gives to what stands before it, 43 characters: nothing secret has to be stored."""
    mac = hmac.new(key, signed.encode("ascii"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")
