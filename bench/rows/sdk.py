"""The SDK in a backend: verifying a token that it has not seen, and one that it has. One core, nothing else on it."""

import os
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from bench.figures import Figure, at_least
from bench.house import House, run
from bench.machine import SERVICE, here
from watchword import LogClock, Revocations, StaticKeys, VerificationKey, Verifier
from watchword.revocations import Revocation

ISSUER, AUDIENCE = "https://id.example", "https://orders.example"
TOKENS = 5_000
ROUNDS = 60
REVOKED = 10_000
"""Revocations that the verifier holds meanwhile."""


def verify(house: House) -> list[Figure]:
    """A new token and a seen one, by the verifier of a backend; nothing else on its core."""
    with here(SERVICE), house.looking_at(os.getpid()):
        new, seen = run(_verify())
    beside = f"ES256, {REVOKED:,} revocations held"
    return [
        Figure("SDK verify, new token", new, "/s", at_least(9000), {"verifier": 1000 / new}, beside),
        Figure("SDK verify, seen token", seen, "/s", at_least(300_000), {"verifier": 1000 / seen}, beside),
    ]


async def _verify() -> tuple[float, float]:
    now = time.time_ns() // 1000
    key = ec.generate_private_key(ec.SECP256R1())
    clock, revocations = LogClock(), Revocations()
    clock.observe(now)
    for number in range(REVOKED):
        revocations.apply(Revocation("session", f"ses_gone{number}", 10**9, now, now + 3600 * 10**6))
    verifier = Verifier(
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=StaticKeys([VerificationKey("k1", "ES256", key.public_key())]),
        revocations=revocations,
        age_ns=lambda: 0,
        clock=clock,
        max_staleness=timedelta(seconds=5),
    )
    tokens = [_token(key, number, now // 10**6) for number in range(TOKENS)]
    return await _rate(verifier.verify, tokens), await _rate(verifier.verify, tokens * ROUNDS)


async def _rate(verify: Callable[[str], Awaitable[object]], tokens: list[str]) -> float:
    """Verified per second of CPU: on one core, that is its rate."""
    begun = time.process_time()
    for token in tokens:
        await verify(token)
    return len(tokens) / (time.process_time() - begun)


def _token(key: ec.EllipticCurvePrivateKey, number: int, now: int) -> str:
    claims = {
        "iss": ISSUER,
        "sub": f"acc_{number:016}",
        "aud": AUDIENCE,
        "exp": now + 720,
        "iat": now,
        "jti": f"tok_{number:016}",
        "client_id": "cli_0123456789abcdef",
        "scope": "orders:read orders:write",
        "pos": number + 1,
        "sid": f"ses_{number:016}",
        "spos": number + 1,
        "fam": f"fam_{number:016}",
        "auth_time": now,
        "acr": "urn:watchword:acr:password",
        "amr": ["pwd"],
    }
    return jwt.encode(claims, key, algorithm="ES256", headers={"typ": "at+jwt", "kid": "k1"})
