"""Codes: `wc1.<key>.<code>.<secret>`, `wd1.…` of devices; the secret is derived as a refresh token's, none is kept."""

import hmac
import re

import msgspec

from services.token.adapters.refresh_secrets import derived
from services.token.domain.errors import InvalidGrant
from services.token.domain.keyring import REFRESH
from services.token.ports import KeyVault

AUTHORIZATION_CODE, DEVICE_CODE = "wc1", "wd1"
SPELLING = re.compile(r"((wc1|wd1)\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]{1,32}))\.([A-Za-z0-9_-]{43})")


class PresentedCode(msgspec.Struct, frozen=True):
    """A code whose secret has verified."""

    key_id: str
    code_id: str


async def open_code(vault: KeyVault, code: str, kind: str = AUTHORIZATION_CODE) -> PresentedCode:
    """What a genuine code of that kind says. Raises InvalidGrant for any other spelling and any secret that does not
    verify.
    """
    match = SPELLING.fullmatch(code)
    if match is None or match[2] != kind:
        raise forged_code()
    signed, _, key_id, code_id, secret = match.groups()
    key = await vault.secret(key_id, REFRESH)
    if key is None or not hmac.compare_digest(derived(key, signed), secret):
        raise forged_code()
    return PresentedCode(key_id, code_id)


async def derived_code(vault: KeyVault, key_id: str, code_id: str, kind: str = AUTHORIZATION_CODE) -> str:
    """The code, the same each time."""
    key = await vault.secret(key_id, REFRESH)
    if key is None:
        raise forged_code()
    signed = f"{kind}.{key_id}.{code_id}"
    return f"{signed}.{derived(key, signed)}"


def forged_code() -> InvalidGrant:
    return InvalidGrant("this code is not valid")
