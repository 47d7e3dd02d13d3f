"""Public keys that verify access tokens, each pinned to one algorithm."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from jwt import PyJWK, PyJWS
from jwt.exceptions import PyJWTError

from watchword.compact import decode_base64url
from watchword.errors import UnusableKey

PublicKey = EllipticCurvePublicKey | RSAPublicKey | Ed25519PublicKey
ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA")
MIN_RSA_BITS = 2048
# From here on verifying costs as much as signing does, and whoever brings a key to be judged may bring many.
MAX_EXPONENT = 2**32
# RFC 8032 5.1: the prime, and the y of a point of order 8.
_P = 2**255 - 19
_Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD83D3D706A17C7
_SMALL_ORDER = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})
_VERIFY = (["verify"], ["sign", "verify"], ["verify", "sign"])
_MEMBERS = {"EC": ("x", "y"), "RSA": ("n", "e"), "OKP": ("x",)}
_ES256 = ECDSA(SHA256())
_JWS = PyJWS(algorithms=ALGORITHMS)


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key under its `kid`, good for one `alg` and no other; `UnusableKey` where the two do not fit."""

    kid: str
    alg: str
    public_key: PublicKey

    def __post_init__(self) -> None:
        if not self.kid:
            raise UnusableKey("a key needs a kid")
        if not _fits(self.alg, self.public_key):
            raise UnusableKey("the key does not fit its algorithm")

    def verifies(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether `signature` over `signing_input` is this key's."""
        if isinstance(self.public_key, EllipticCurvePublicKey):
            return _es256(self.public_key, signing_input, signature)
        return _JWS.get_algorithm_by_name(self.alg).verify(signing_input, self.public_key, signature)


class KeySource(Protocol):
    """Where a verifier finds keys: a JWKS over HTTP, or the keys of the process itself."""

    async def key(self, kid: str) -> VerificationKey | None:
        """The key named `kid`, or None. `Unavailable` while it cannot know of any."""
        ...


class StaticKeys:
    """Keys that are at hand."""

    def __init__(self, keys: Iterable[VerificationKey]) -> None:
        self._keys = {key.kid: key for key in keys}

    async def key(self, kid: str) -> VerificationKey | None:
        return self._keys.get(kid)


def read_jwk(jwk: Mapping[str, object]) -> VerificationKey:
    """A JWK (RFC 7517) that may verify signatures; `UnusableKey` says why another may not."""
    kty, alg, kid = jwk.get("kty"), jwk.get("alg"), jwk.get("kid")
    if not isinstance(kid, str) or not isinstance(alg, str) or not isinstance(kty, str):
        raise UnusableKey("kid, alg and kty are required")
    if kty not in _MEMBERS or alg not in ALGORITHMS:
        raise UnusableKey("the algorithm is not one of " + ", ".join(ALGORITHMS))
    # RFC 7517 4.3: each once, and of one kind with `use`.
    if jwk.get("use") != "sig" or jwk.get("key_ops", ["verify"]) not in _VERIFY:
        raise UnusableKey("the key is not for verifying signatures")
    _check_spelling(jwk, _MEMBERS[kty])
    try:
        public_key = PyJWK(dict(jwk), algorithm=alg).key
    except (PyJWTError, ValueError, TypeError) as error:
        raise UnusableKey("the key's values are wrong") from error
    if not isinstance(public_key, PublicKey):
        raise UnusableKey("the key is not a public key of a kind that is used here")
    return VerificationKey(kid, alg, public_key)


def _es256(key: EllipticCurvePublicKey, signing_input: bytes, signature: bytes) -> bool:
    """RFC 7518 3.4, without what a library makes anew for each signature: most tokens are signed so."""
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), signing_input, _ES256)
    except InvalidSignature:
        return False
    return True


def _check_spelling(jwk: Mapping[str, object], names: Iterable[str]) -> None:
    for name in names:
        value = jwk.get(name)
        if not isinstance(value, str):
            raise UnusableKey(f"{name} is missing")
        try:
            decode_base64url(value)
        except ValueError as error:
            raise UnusableKey(f"{name} is not canonical base64url") from error


def _fits(alg: str, key: PublicKey) -> bool:
    match alg:
        case "ES256":
            return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
        case "RS256" | "PS256":
            return isinstance(key, RSAPublicKey) and _is_sound(key)
        case "EdDSA":
            return isinstance(key, Ed25519PublicKey) and _has_full_order(key)
        case _:
            return False


def _is_sound(key: RSAPublicKey) -> bool:
    numbers = key.public_numbers()
    return key.key_size >= MIN_RSA_BITS and numbers.n % 2 == 1 and numbers.e < MAX_EXPONENT


def _has_full_order(key: Ed25519PublicKey) -> bool:
    """Whether a key is none of the few points under which nearly any signature verifies; each has one spelling here."""
    y = int.from_bytes(key.public_bytes_raw(), "little") % 2**255
    return y < _P and y not in _SMALL_ORDER
