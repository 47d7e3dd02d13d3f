"""Verify Watchword's access tokens locally, and know within milliseconds what has been revoked.

`connect` gives a backend a `Verifier` that follows the issuer's revocations and says how old its knowledge is; past
`max_staleness` it denies or introspects, and never guesses. The parts (`Revocations`, `Freshness`, `LogClock`, a
`KeySource`) stand alone for who has another source of them.
"""

from watchword.backend import connect, connect_over, introspect_over
from watchword.claims import Claims
from watchword.clock import LogClock, boot_ns
from watchword.dpop import Proof, ProofRefused, read_proof
from watchword.errors import TimeUnknown, TokenRefused, Unavailable, UnusableKey, WatchwordError
from watchword.freshness import Freshness
from watchword.jwks import JwksKeys
from watchword.kafka.connection import Kafka
from watchword.keys import KeySource, StaticKeys, VerificationKey, read_jwk
from watchword.proof import Confirmation, Proven
from watchword.revocations import Revocation, Revocations
from watchword.transport import Transport
from watchword.used import MemoryUsedProofs, UsedProofs
from watchword.verifier import ANY_AUDIENCE, AnyAudience, Introspect, Verifier, WhenStale
from watchword.watch import RevocationWatch

__all__ = [
    "ANY_AUDIENCE",
    "AnyAudience",
    "Claims",
    "Confirmation",
    "Freshness",
    "Introspect",
    "JwksKeys",
    "Kafka",
    "KeySource",
    "LogClock",
    "MemoryUsedProofs",
    "Proof",
    "ProofRefused",
    "Proven",
    "Revocation",
    "RevocationWatch",
    "Revocations",
    "StaticKeys",
    "TimeUnknown",
    "TokenRefused",
    "Transport",
    "Unavailable",
    "UnusableKey",
    "UsedProofs",
    "VerificationKey",
    "Verifier",
    "WatchwordError",
    "WhenStale",
    "boot_ns",
    "connect",
    "connect_over",
    "introspect_over",
    "read_jwk",
    "read_proof",
]
