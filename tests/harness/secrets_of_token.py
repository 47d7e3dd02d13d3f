"""The private keys of a running suite, unwrapped for the one purpose of looking for them where they must not be."""

import base64

import asyncpg
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from suite.place import Place
from tests.harness.needles import Needle, spelled

NONCE = 12


async def private_keys(place: Place) -> tuple[list[Needle], list[Needle]]:
    """What tells of each signing key: its PKCS8 and its private numbers, as they are written and as they lie in
    memory. And the refresh keys."""
    kek = base64.urlsafe_b64decode(_padded((place.secrets / "token.kek").read_text().strip()))
    signing, refresh = [], []
    connection = await asyncpg.connect((place.secrets / "token.dsn").read_text())
    try:
        rows = await connection.fetch("SELECT key_id, wrapped FROM keys")
    finally:
        await connection.close()
    for row in rows:
        name, wrapped = row["key_id"], row["wrapped"]
        key = AESGCM(kek).decrypt(wrapped[:NONCE], wrapped[NONCE:], name.encode())
        if name.startswith("signing/"):
            signing += _signing_key(name, key)
        else:
            refresh += spelled(name, key)
    return signing, refresh


def _signing_key(name: str, der: bytes) -> list[Needle]:
    needles = spelled(f"{name}, PKCS8", der)
    for part, number in _numbers(der).items():
        needles += spelled(f"{name}, {part}", number)
        needles += spelled(f"{name}, {part}, lowest byte first", number[::-1])
    return needles


def _numbers(der: bytes) -> dict[str, bytes]:
    match load_der_private_key(der, None):
        case ec.EllipticCurvePrivateKey() as key:
            return {"d": key.private_numbers().private_value.to_bytes(32, "big")}
        case ed25519.Ed25519PrivateKey() as key:
            return {"seed": key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())}
        case rsa.RSAPrivateKey() as key:
            numbers = key.private_numbers()
            return {name: _bytes(getattr(numbers, name)) for name in ("d", "p", "q")}
    raise AssertionError("an unknown kind of key")


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)
