"""Device cookies (RULES 10): a browser that has logged in under a name before has tries of its own."""

import hashlib
import hmac
import secrets

from eventlog.log import Log


async def issue(log: Log, name_key: str) -> str:
    """The cookie's value after a success: `<device>.<proof>`; it opens nothing."""
    device = secrets.token_urlsafe(16)
    return f"{device}.{await _proof(log, device, name_key)}"


async def recognise(log: Log, cookie: str | None, name_key: str) -> str | None:
    """The device that has logged in under this name before, if the cookie proves it."""
    device, _, proof = (cookie or "").partition(".")
    wanted = await _proof(log, device, name_key)
    return device if hmac.compare_digest(wanted.encode(), proof.encode("utf-8", "surrogatepass")) else None


async def _proof(log: Log, device: str, name_key: str) -> str:
    key = await log.sealer.secret("service/devices")
    message = f"{device}\n{name_key}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, hashlib.sha256).hex()
