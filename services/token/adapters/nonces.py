"""Nonces for DPoP proofs (RFC 9449 8): every process gives and takes the same, and none is stored.

One is the number of a span of time and its MAC; it is good in its own span and in the next.
"""

import hashlib
import hmac

from eventlog.log import Log
from services.token.domain import SECOND
from watchword.compact import decode_base64url
from watchword.signed import base64url

SPAN = 150 * SECOND
_KEY = "dpop-nonces"
_NUMBER = 6


async def nonce(log: Log) -> str:
    """The one to use now."""
    return await _of(log, log.now() // SPAN)


async def is_good(log: Log, presented: str) -> bool:
    """Whether one was given in this span of time or in the one before."""
    try:
        span = int.from_bytes(decode_base64url(presented)[:_NUMBER], "big")
    except ValueError:
        return False
    now = log.now() // SPAN
    return now - 1 <= span <= now + 1 and hmac.compare_digest(await _of(log, span), presented)


async def _of(log: Log, span: int) -> str:
    key = await log.sealer.secret(_KEY)
    number = span.to_bytes(_NUMBER, "big")
    return base64url(number + hmac.digest(key, number, hashlib.sha256)[:18])
