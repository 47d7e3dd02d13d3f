"""What a header says: of the algorithm, of the key, of the type."""

import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms

from tests.harness.confusions.given import Confusion, Given, header_of
from tests.harness.forging import Forge, b64


def unsigned(given: Given, alg: Any) -> str:
    header = json.dumps({"typ": "at+jwt", "alg": alg, "kid": given.key.kid}).encode()
    return f"{b64(header)}.{b64(given.payload)}."


def hmac_signed(given: Given, secret: bytes, alg: str = "HS256", key: str = "ES256") -> str:
    header = json.dumps({"typ": "at+jwt", "alg": alg, "kid": given.keys[key].kid}).encode()
    signing_input = f"{b64(header)}.{b64(given.payload)}"
    bits = {"HS256": hashes.SHA256(), "HS384": hashes.SHA384(), "HS512": hashes.SHA512()}[alg]
    made = HMAC(secret, bits)
    made.update(signing_input.encode())
    return f"{signing_input}.{b64(made.finalize())}"


def public_bytes(key: Forge, encoding: Encoding) -> bytes:
    found: bytes = key.private.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    return found


def point(given: Given) -> bytes:
    found: bytes = given.key.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return found


def own_key(given: Given, **header: Any) -> str:
    """Signed by a stranger, who says where his key is."""
    stranger = Forge(given.key.kid, "ES256", ec.generate_private_key(ec.SECP256R1()))
    jwk = get_default_algorithms()["ES256"].to_jwk(stranger.private.public_key(), as_dict=True)
    filled = {name: jwk if value == "@" else value for name, value in header.items()}
    return stranger.token(given.claims, **filled)


def signed_by(given: Given, alg: str, kid_of: str) -> str:
    """Signed with one key, under the name of another."""
    return given.good(alg, kid=given.keys[kid_of].kid)


_ALGS = (
    "none",
    "None",
    "NONE",
    "nOnE",
    "none ",
    "",
    "es256",
    "ES256 ",
    "ES384",
    "ES512",
    "ES256K",
    "RS256",
    "PS256",
    "EdDSA",
)
ALGORITHMS: dict[str, Confusion] = {
    **{f"alg {alg!r} and no signature": lambda g, alg=alg: unsigned(g, alg) for alg in _ALGS},  # type: ignore[misc]
    "alg null": lambda g: unsigned(g, None),
    "alg a number": lambda g: unsigned(g, 7),
    "alg a list": lambda g: unsigned(g, ["ES256"]),
    "no alg": lambda g: g.good(alg=None),
    "alg none beside a signature": lambda g: g.key.token(g.claims, alg="none"),
    "alg in small letters": lambda g: g.key.token(g.claims, alg="es256"),
    "alg of another curve": lambda g: g.key.token(g.claims, alg="ES384"),
    "alg of another kind of key": lambda g: g.key.token(g.claims, alg="EdDSA"),
    "RS256's key under PS256's name": lambda g: signed_by(g, "RS256", "PS256"),
    "ES256's key under RS256's name": lambda g: signed_by(g, "ES256", "RS256"),
    "RS256's key under ES256's name": lambda g: signed_by(g, "RS256", "ES256"),
    "EdDSA's key under ES256's name": lambda g: signed_by(g, "EdDSA", "ES256"),
    "PS256 said of RS256's key": lambda g: g.good("RS256", alg="PS256"),
    "HS256 with the public key in PEM": lambda g: hmac_signed(g, public_bytes(g.key, Encoding.PEM)),
    "HS256 with the PEM without its last newline": lambda g: hmac_signed(g, public_bytes(g.key, Encoding.PEM).strip()),
    "HS256 with the public key in DER": lambda g: hmac_signed(g, public_bytes(g.key, Encoding.DER)),
    "HS256 with the public point": lambda g: hmac_signed(g, point(g)),
    "HS256 with the JWK": lambda g: hmac_signed(g, json.dumps(g.public[g.key.kid]).encode()),
    "HS256 with the JWK in its canonical form": lambda g: hmac_signed(
        g, json.dumps(g.public[g.key.kid], sort_keys=True, separators=(",", ":")).encode()
    ),
    "HS256 with x of the JWK": lambda g: hmac_signed(g, g.public[g.key.kid]["x"].encode()),
    "HS256 with the RSA key in PEM": lambda g: hmac_signed(g, public_bytes(g.keys["RS256"], Encoding.PEM), key="RS256"),
    "HS256 with n of the RSA key": lambda g: hmac_signed(g, g.public[g.keys["RS256"].kid]["n"].encode(), key="RS256"),
    "HS384 with the public key": lambda g: hmac_signed(g, public_bytes(g.key, Encoding.PEM), "HS384"),
    "HS512 with the public key": lambda g: hmac_signed(g, public_bytes(g.key, Encoding.PEM), "HS512"),
    "HS256 with the kid": lambda g: hmac_signed(g, g.key.kid.encode()),
    "HS256 with nothing": lambda g: hmac_signed(g, b""),
    "HS256 with a NUL": lambda g: hmac_signed(g, b"\0"),
}
KEYS: dict[str, Confusion] = {
    "a jwk of its own": lambda g: own_key(g, jwk="@"),
    "a jwk of its own and no kid": lambda g: own_key(g, jwk="@", kid=None),
    "the right jwk": lambda g: g.good(jwk=g.public[g.key.kid]),
    "a jku": lambda g: own_key(g, jku="http://127.0.0.1:1/jwks.json"),
    "the right jku": lambda g: g.good(jku=f"{g.claims['iss']}/.well-known/jwks.json"),
    "an x5u": lambda g: own_key(g, x5u="http://127.0.0.1:1/cert.pem"),
    "an x5c": lambda g: own_key(g, x5c=["AAAA"]),
    "a stranger's signature": own_key,
    "kid of nobody": lambda g: g.good(kid="nobody"),
    "kid of a refresh key": lambda g: g.good(kid=g.refresh_kid),
    "kid a path": lambda g: g.good(kid="../../../../../../dev/null"),
    "kid a path, absolute": lambda g: g.good(kid="/proc/sys/kernel/randomize_va_space"),
    "kid SQL": lambda g: g.good(kid="x' UNION SELECT 'AA"),
    "kid a command": lambda g: g.good(kid="x | sleep 9"),
    "kid an address": lambda g: g.good(kid="http://127.0.0.1:1/key"),
    "kid with a NUL": lambda g: g.good(kid=g.key.kid + "\0"),
    "kid with a space": lambda g: g.good(kid=g.key.kid + " "),
    "kid in other letters": lambda g: g.good(kid=g.key.kid.swapcase()),
    "kid of 5,000 characters": lambda g: g.good(kid="k" * 5_000),
    "kid of half a surrogate pair": lambda g: g.good(kid="\ud800"),
    "kid empty": lambda g: g.good(kid=""),
    "kid a number": lambda g: g.good(kid=1),
    "kid a list": lambda g: g.good(kid=[g.key.kid]),
    "kid an object": lambda g: g.good(kid={"$ne": ""}),
    "kid null": lambda g: header_of(g, '{"typ":"at+jwt","alg":"ES256","kid":null}'),
    "no kid": lambda g: g.good(kid=None),
}
_TYPES: tuple[Any, ...] = (
    "JWT",
    "jwt",
    "logout+jwt",
    "id_token+jwt",
    "dpop+jwt",
    "token-introspection+jwt",
    "JOSE",
    "JOSE+JSON",
    "at+jwt ",
    " at+jwt",
    "at+jwt;charset=utf-8",
    "application/application/at+jwt",
    "text/at+jwt",
    "at jwt",
    "at+jw\u0165",
    "",
    7,
    True,
    ["at+jwt"],
    {"at+jwt": 1},
)
TYPES: dict[str, Confusion] = {
    **{f"typ {typ!r}": lambda g, typ=typ: g.good(typ=typ) for typ in _TYPES},  # type: ignore[misc]
    "no typ": lambda g: g.good(typ=None),
    "typ null": lambda g: header_of(g, '{"typ":null,"alg":"ES256","kid":"@"}'),
}
