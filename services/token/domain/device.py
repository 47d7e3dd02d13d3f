"""Device authorization (RFC 8628): somebody enters a device's code in a browser, and says what it may have."""

import msgspec

from services.token.domain import MINUTE
from services.token.domain.authorization import OPENID, Decision
from services.token.domain.code import Code
from services.token.domain.errors import AccessDenied, ExpiredToken, InvalidGrant

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
LIFE = 10 * MINUTE
INTERVAL, SLOWER, SLOWEST = 5, 5, 60
"""Seconds between two questions of a device; what is added for one that asks too soon (RFC 8628 3.5), at most."""
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""RFC 8628 6.1: without vowels no code is a word, and 20 to the 8th are 34 bits."""
LENGTH = 8


class DeviceRequest(msgspec.Struct, frozen=True):
    """What a device asked for and waits for. `key_id` is the key that derives its code; `asked_at` in µs by the log's
    time.
    """

    device_id: str
    client_id: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    key_id: str
    asked_at: int

    @property
    def expires_at(self) -> int:
        return self.asked_at + LIFE


def spelled(code: str) -> str:
    """As it is shown."""
    return f"{code[:4]}-{code[4:]}"


def read_user_code(typed: str) -> str | None:
    """What was meant: small letters, blanks and hyphens do not matter. None where it can be no code."""
    if len(typed) > 4 * LENGTH:
        return None
    code = "".join(letter for letter in typed.upper() if letter.isalnum())
    return code if len(code) == LENGTH and set(code) <= set(LETTERS) else None


def allowed_scopes(request: DeviceRequest, decision: Decision) -> tuple[str, ...]:
    """Never more than was asked for, whatever the page sent back; nothing where the person said no."""
    if not decision.allow:
        return ()
    return tuple(scope for scope in request.scopes if scope in decision.scopes or scope == OPENID)


def judge_device(code: Code, client_id: str, now: int) -> None:
    """Raises unless the device code is this client's, and somebody said yes in time (RFC 8628 3.5)."""
    if code.client_id != client_id:
        raise InvalidGrant("this device code is not valid")
    if code.denied_at:
        raise AccessDenied
    if now >= code.expires_at:
        raise ExpiredToken
