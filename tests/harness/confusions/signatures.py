"""Signatures that are none, and those that are spelled otherwise."""

import base64
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, utils

from tests.harness.confusions.given import Confusion, Given
from tests.harness.forging import b64

# The order of P-256 (FIPS 186-5), and that of Ed25519's base point (RFC 8032).
N256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
L25519 = 2**252 + 27742317777372353535851937790883648493


def with_signature(token: str, change: Callable[[bytes], bytes]) -> str:
    signing_input, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    return f"{signing_input}.{b64(change(raw))}"


def es256(given: Given, change: Callable[[int, int], bytes]) -> str:
    """With other r and s."""
    return with_signature(given.good(), lambda raw: change(int.from_bytes(raw[:32]), int.from_bytes(raw[32:])))


def pair(r: int, s: int) -> bytes:
    return r.to_bytes(32) + s.to_bytes(32)


def ed25519(given: Given, change: Callable[[bytes, int], bytes]) -> str:
    return with_signature(given.good("EdDSA"), lambda raw: change(raw[:32], int.from_bytes(raw[32:], "little")))


def padded(given: Given, alg: str, pad: Any, digest: hashes.HashAlgorithm) -> str:
    """As RSA's `alg` says in its header, with another padding or hash beneath."""
    signing_input = given.good(alg).rpartition(".")[0]
    signature: bytes = given.keys[alg].private.sign(signing_input.encode(), pad, digest)
    return f"{signing_input}.{b64(signature)}"


def pss(salt: int) -> Any:
    return padding.PSS(padding.MGF1(hashes.SHA256()), salt)


def der(raw: bytes) -> bytes:
    return utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))


SIGNATURES: dict[str, Confusion] = {
    "r and s of zero": lambda g: es256(g, lambda r, s: bytes(64)),
    "r of zero": lambda g: es256(g, lambda r, s: pair(0, s)),
    "s of zero": lambda g: es256(g, lambda r, s: pair(r, 0)),
    "r and s of the order": lambda g: es256(g, lambda r, s: pair(N256, N256)),
    "r of the order, s of zero": lambda g: es256(g, lambda r, s: pair(N256, 0)),
    "r of the order": lambda g: es256(g, lambda r, s: pair(N256, s)),
    "s of the order": lambda g: es256(g, lambda r, s: pair(r, N256)),
    "r and s of one": lambda g: es256(g, lambda r, s: pair(1, 1)),
    "r beyond the order": lambda g: es256(g, lambda r, s: pair(2**256 - 1, s)),
    "s beyond the order": lambda g: es256(g, lambda r, s: pair(r, 2**256 - 1)),
    "r and s in each other's place": lambda g: es256(g, lambda r, s: pair(s, r)),
    "r turned": lambda g: es256(g, lambda r, s: pair(N256 - r, s)),
    "DER": lambda g: with_signature(g.good(), der),
    "a byte less": lambda g: with_signature(g.good(), lambda raw: raw[:-1]),
    "a byte more": lambda g: with_signature(g.good(), lambda raw: raw + b"\0"),
    "a byte before": lambda g: with_signature(g.good(), lambda raw: b"\0" + raw),
    "each half a byte longer": lambda g: with_signature(g.good(), lambda raw: b"\0" + raw[:32] + b"\0" + raw[32:]),
    "s a byte longer": lambda g: with_signature(g.good(), lambda raw: raw[:32] + b"\0" + raw[32:]),
    "half of it": lambda g: with_signature(g.good(), lambda raw: raw[:32]),
    "twice": lambda g: with_signature(g.good(), lambda raw: raw + raw),
    "of another token": lambda g: g.good().rpartition(".")[0] + "." + g.said(jti="other").rpartition(".")[2],
    "EdDSA: zeros": lambda g: with_signature(g.good("EdDSA"), lambda raw: bytes(64)),
    "EdDSA: S beyond the order": lambda g: ed25519(g, lambda r, s: r + (s + L25519).to_bytes(32, "little")),
    "EdDSA: R the neutral point, S zero": lambda g: with_signature(g.good("EdDSA"), lambda raw: b"\1" + bytes(63)),
    "EdDSA: a byte less": lambda g: with_signature(g.good("EdDSA"), lambda raw: raw[:-1]),
    "EdDSA: a byte more": lambda g: with_signature(g.good("EdDSA"), lambda raw: raw + b"\0"),
    "RS256: zero": lambda g: with_signature(g.good("RS256"), lambda raw: bytes(256)),
    "RS256: one": lambda g: with_signature(g.good("RS256"), lambda raw: bytes(255) + b"\1"),
    "RS256: a byte before": lambda g: with_signature(g.good("RS256"), lambda raw: b"\0" + raw),
    "RS256: a byte less": lambda g: with_signature(g.good("RS256"), lambda raw: raw[:-1]),
    "RS256: all ones": lambda g: with_signature(g.good("RS256"), lambda raw: b"\xff" * 256),
    "RS256 with SHA-512": lambda g: padded(g, "RS256", padding.PKCS1v15(), hashes.SHA512()),
    "RS256 with SHA-1": lambda g: padded(g, "RS256", padding.PKCS1v15(), hashes.SHA1()),  # noqa: S303
    "RS256 padded as PS256": lambda g: padded(g, "RS256", pss(32), hashes.SHA256()),
    "PS256 padded as RS256": lambda g: padded(g, "PS256", padding.PKCS1v15(), hashes.SHA256()),
    "PS256 without salt": lambda g: padded(g, "PS256", pss(0), hashes.SHA256()),
    "PS256 with a longer salt": lambda g: padded(g, "PS256", pss(64), hashes.SHA256()),
}
