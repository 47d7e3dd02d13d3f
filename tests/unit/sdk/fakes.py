"""An issuer and a clock that are real, small and set by the test."""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from watchword import LogClock, Revocations, StaticKeys, UsedProofs, VerificationKey, Verifier, WhenStale
from watchword.verifier import Introspect

ISSUER = "https://issuer.example"
AUDIENCE = "orders"
NOW = 1_900_000_000
MICROSECONDS = 1_000_000
PRIVATE_KEYS: dict[str, Any] = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
PRIVATE_KEYS["PS256"] = PRIVATE_KEYS["RS256"]


@dataclass
class SetClock:
    """A monotonic clock that stands still until the test moves it."""

    ns: int = 5_000_000_000

    def __call__(self) -> int:
        return self.ns

    def forward(self, seconds: float) -> None:
        self.ns += int(seconds * 1e9)


def claims(**changes: Any) -> dict[str, Any]:
    """A good payload with changes; a change to None takes the member out."""
    good = {
        "iss": ISSUER,
        "sub": "acc_1",
        "aud": AUDIENCE,
        "exp": NOW + 720,
        "iat": NOW,
        "jti": "tok_1",
        "client_id": "app",
        "scope": "orders:read orders:write",
        "pos": 100,
        "sid": "ses_1",
        "spos": 50,
        "fam": "fam_1",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def sign(payload: bytes | dict[str, Any], alg: str = "ES256", key: Any = None, **header: Any) -> str:
    """A compact JWS over bytes as they stand; header members that are None are left out."""
    members = {"typ": "at+jwt", "alg": alg, "kid": alg} | header
    head = json.dumps({name: value for name, value in members.items() if value is not None}).encode()
    return sign_raw(head, payload if isinstance(payload, bytes) else json.dumps(payload).encode(), alg, key)


def sign_raw(header: bytes, payload: bytes, alg: str = "ES256", key: Any = None) -> str:
    signing_input = base64url(header) + b"." + base64url(payload)
    signature = get_default_algorithms()[alg].sign(signing_input, key or PRIVATE_KEYS[alg])
    return (signing_input + b"." + base64url(signature)).decode()


def base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def jwk(key: str, kid: str | None = None, /, **changes: Any) -> dict[str, Any]:
    """The public JWK of the fake issuer's `key`, named by its algorithm; a change to None takes a member out."""
    members = get_default_algorithms()[key].to_jwk(PRIVATE_KEYS[key].public_key(), as_dict=True)
    members = members | {"kid": kid or key, "alg": key, "use": "sig"} | changes
    return {name: value for name, value in members.items() if value is not None}


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Waits until the condition holds; TimeoutError where it does not come to hold in time."""
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.002)


@dataclass
class Bench:
    """A verifier with everything around it in the test's hands."""

    monotonic: SetClock = field(default_factory=SetClock)
    revocations: Revocations = field(default_factory=Revocations)
    age_ns: int | None = 0
    when_stale: WhenStale = "deny"
    introspect: Introspect | None = None
    remember: int = 10_000
    used: UsedProofs | None = None
    clock: LogClock = field(init=False)
    verifier: Verifier = field(init=False)

    def __post_init__(self) -> None:
        self.clock = LogClock(self.monotonic)
        self.clock.observe(NOW * MICROSECONDS)
        keys = [VerificationKey(alg, alg, private.public_key()) for alg, private in PRIVATE_KEYS.items()]
        self.verifier = Verifier(
            issuer=ISSUER,
            audience=AUDIENCE,
            keys=StaticKeys(keys),
            revocations=self.revocations,
            age_ns=lambda: self.age_ns,
            clock=self.clock,
            max_staleness=timedelta(seconds=5),
            when_stale=self.when_stale,
            introspect=self.introspect,
            remember=self.remember,
            used=self.used,
        )
