"""Every way that is known to confuse a verifier of JWTs, each by its name: tokens that must open nothing.

All are made by whoever has the keys that they are signed with, so that only what is named is wrong with them.
"""

import base64
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms

from tests.harness.forging import Forge, b64

# The order of P-256 (FIPS 186-5), and that of Ed25519's base point (RFC 8032).
N256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
L25519 = 2**252 + 27742317777372353535851937790883648493
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass(frozen=True)
class Given:
    """What a forger has: good claims, keys by algorithm, the published set by kid, and the kid of a refresh key."""

    claims: dict[str, Any]
    keys: Mapping[str, Forge]
    public: Mapping[str, dict[str, Any]]
    refresh_kid: str

    @property
    def key(self) -> Forge:
        return self.keys["ES256"]

    @property
    def payload(self) -> bytes:
        return json.dumps(self.claims).encode()

    def good(self, key: str = "ES256", **header: Any) -> str:
        return self.keys[key].token(self.claims, **header)

    def said(self, **changes: Any) -> str:
        """A token whose claims are changed."""
        return self.key.token(self.claims | changes)

    def raw(self, payload: bytes) -> str:
        """A token of any payload."""
        return self.key.raw(json.dumps({"typ": "at+jwt", "alg": "ES256", "kid": self.key.kid}).encode(), payload)

    def number(self, name: str, literal: str) -> str:
        """A token in which a claim stands as a literal that json would not write."""
        return self.raw(json.dumps(self.claims | {name: "@"}).replace('"@"', literal).encode())


Confusion = Callable[[Given], str]


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


def segment(given: Given, number: int, change: Callable[[str], str]) -> str:
    parts = given.good().split(".")
    parts[number] = change(parts[number])
    return ".".join(parts)


def respelled(text: str) -> str:
    """The same bytes, with other unused bits in the last character; or a length that no bytes have."""
    return text + "A" if len(text) % 4 == 0 else text[:-1] + _ALPHABET[_ALPHABET.index(text[-1]) ^ 1]


def header_of(given: Given, text: str) -> str:
    """A header as it stands, with the kid for `@`."""
    return given.key.raw(text.replace("@", given.key.kid).encode(), given.payload)


def json_form(given: Given, flat: bool) -> str:
    protected, payload, signature = given.good().split(".")
    one = {"protected": protected, "signature": signature}
    return json.dumps({"payload": payload, **one} if flat else {"payload": payload, "signatures": [one]})


def detached(given: Given) -> str:
    header, _, signature = given.good().split(".")
    return f"{header}..{signature}"


def unencoded(given: Given) -> str:
    """RFC 7797: the payload as it is, over which the signature is made."""
    header = b64(json.dumps({"typ": "at+jwt", "alg": "ES256", "kid": given.key.kid, "b64": False}).encode())
    text = f"{header}.{json.dumps(given.claims, separators=(',', ':'))}".replace("https://", "urn:").replace(
        "127.0.0.1", "x"
    )
    signature = get_default_algorithms()["ES256"].sign(text.encode(), given.key.private)
    return f"{text}.{b64(signature)}"


def deflated(data: bytes) -> bytes:
    made = zlib.compressobj(wbits=-15)
    return made.compress(data) + made.flush()


def der(raw: bytes) -> bytes:
    return utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))


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
MEMBERS: dict[str, Confusion] = {
    "kid twice": lambda g: header_of(g, '{"typ":"at+jwt","alg":"ES256","kid":"x","kid":"@"}'),
    "alg twice": lambda g: header_of(g, '{"typ":"at+jwt","alg":"none","alg":"ES256","kid":"@"}'),
    "typ twice": lambda g: header_of(g, '{"typ":"JWT","typ":"at+jwt","alg":"ES256","kid":"@"}'),
    "kid twice, once spelled otherwise": lambda g: header_of(
        g, '{"typ":"at+jwt","alg":"ES256","kid":"x","k\\u0069d":"@"}'
    ),
    "sub twice": lambda g: g.raw(g.payload[:-1] + b', "sub": "acc_another"}'),
    "sub twice, once spelled otherwise": lambda g: g.raw(g.payload[:-1] + b', "s\\u0075b": "acc_another"}'),
    "exp twice": lambda g: g.raw(b'{"exp": 1, ' + g.payload[1:]),
    "a member twice far within": lambda g: g.raw(g.payload[:-1] + b', "x": [{"y": {"z": 1, "z": 2}}]}'),
    "half a surrogate pair within": lambda g: g.raw(g.payload[:-1] + b', "x": ["\\ud800"]}'),
    "crit of nothing": lambda g: g.good(crit=[]),
    "crit of exp": lambda g: g.good(crit=["exp"], exp=1),
    "crit of what nobody knows": lambda g: g.good(crit=["x"], x=1),
    "crit that is no list": lambda g: g.good(crit="exp"),
    "b64 false": lambda g: g.good(crit=["b64"], b64=False),
    "b64 false without crit": lambda g: g.good(b64=False),
    "b64 true": lambda g: g.good(b64=True),
    "b64 false, and so it is": unencoded,
    "a header that is a list": lambda g: header_of(g, '[{"typ":"at+jwt","alg":"ES256","kid":"@"}]'),
    "a header with a byte order mark": lambda g: header_of(g, '\ufeff{"typ":"at+jwt","alg":"ES256","kid":"@"}'),
    "a header with a comment": lambda g: header_of(g, '{"typ":"at+jwt","alg":"ES256","kid":"@"}//'),
    "a header without an end": lambda g: header_of(g, '{"typ":"at+jwt","alg":"ES256","kid":"@"'),
}
_CHANGES: dict[str, Callable[[str], str]] = {
    "padded": lambda s: s + "=",
    "padded twice": lambda s: s + "==",
    "other unused bits": respelled,
    "a newline at its end": lambda s: s + "\n",
    "a space within": lambda s: s[:4] + " " + s[4:],
    "a tab at its beginning": lambda s: "\t" + s,
    "a NUL": lambda s: s + "\0",
    "a character of the other alphabet": lambda s: "+" + s[1:],
    "another one": lambda s: s[:3] + "/" + s[4:],
    "percent-encoded": lambda s: "%" + format(ord(s[0]), "x") + s[1:],
    "a letter that looks alike": lambda s: "\u0430" + s[1:],
    "a character that is none": lambda s: s[:2] + "*" + s[2:],
    "nothing": lambda s: "",
}
SPELLINGS: dict[str, Confusion] = {
    f"{what} of the {place}": lambda g, number=number, change=change: segment(g, number, change)  # type: ignore[misc]
    for number, place in enumerate(("header", "payload", "signature"))
    for what, change in _CHANGES.items()
}
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
_NUMBERS = {
    "1e308": "1e308",
    "beyond every float": "1e999",
    "of 4,000 digits": "9" * 4_000,
    "of 5,000 digits": "9" * 5_000,
    "of 10,000 digits": "9" * 10_000,
    "below zero": "-1",
    "zero and a sign": "-0.0",
    "with a fraction": "1900000000.5",
    "of a fraction of nothing": "1900000000.0",
    "with an exponent": "19e8",
    "true": "true",
    "text": '"1900000000"',
    "null": "null",
    "a list": "[1900000000]",
    "an object": '{"n": 1}',
    "NaN": "NaN",
    "Infinity": "Infinity",
    "hexadecimal": "0x7fffffff",
    "with a leading zero": "01900000000",
}
NUMBERS: dict[str, Confusion] = {
    f"{claim} {what}": lambda g, claim=claim, literal=literal: g.number(claim, literal)
    for claim in ("exp", "iat", "pos")
    for what, literal in _NUMBERS.items()
} | {
    "exp beyond 64 bits": lambda g: g.number("exp", str(2**64)),
    "exp a thousand years on": lambda g: g.said(exp=g.claims["exp"] + 31_536_000_000),
    "exp past": lambda g: g.said(exp=1, iat=1),
    "iat to come": lambda g: g.said(iat=g.claims["iat"] + 3_000, exp=g.claims["exp"] + 3_000),
    "nbf to come": lambda g: g.said(nbf=g.claims["iat"] + 10**9),
    "nbf true": lambda g: g.said(nbf=True),
    "pos zero": lambda g: g.said(pos=0),
    "pos beyond 63 bits": lambda g: g.said(pos=2**63),
    "spos true": lambda g: g.said(spos=True),
    "auth_time text": lambda g: g.said(auth_time="now"),
}
FORMS: dict[str, Confusion] = {
    "a token within a token": lambda g: g.raw(g.good().encode()),
    "a token within a token, it says": lambda g: g.key.token(g.claims, cty="JWT"),
    "a token as text": lambda g: g.raw(json.dumps(g.good()).encode()),
    "compressed": lambda g: g.key.raw(
        json.dumps({"typ": "at+jwt", "alg": "ES256", "kid": g.key.kid, "zip": "DEF"}).encode(), deflated(g.payload)
    ),
    "compressed, it says": lambda g: g.good(zip="DEF"),
    "compressed without a word": lambda g: g.raw(deflated(g.payload)),
    "a bomb": lambda g: g.raw(deflated(b" " * 1_000_000)),
    "encrypted, it says": lambda g: g.good(enc="A256GCM"),
    "a JWE": lambda g: ".".join(
        (b64(b'{"alg":"dir","enc":"A256GCM"}'), "", b64(bytes(12)), b64(g.payload), b64(bytes(16)))
    ),
    "a JWE to the public key": lambda g: ".".join(
        (
            b64(b'{"alg":"ECDH-ES","enc":"A256GCM","kid":"%s"}' % g.key.kid.encode()),
            "",
            *g.good().split(".")[1:],
            "AAAA",
        )
    ),
    "JSON, flat": lambda g: json_form(g, flat=True),
    "JSON, general": lambda g: json_form(g, flat=False),
    "detached": detached,
    "a segment more": lambda g: g.good() + ".AAAA",
    "a dot more": lambda g: g.good() + ".",
    "a dot before": lambda g: "." + g.good(),
    "a segment less": lambda g: g.good().rpartition(".")[0],
    "dots": lambda g: "..",
    "two tokens": lambda g: f"{g.good()},{g.good()}",
    "the scheme twice": lambda g: f"Bearer {g.good()}",
    "in quotes": lambda g: f'"{g.good()}"',
    "very long": lambda g: g.good() + "A" * 20_000,
    "a payload that is a list": lambda g: g.raw(b"[" + g.payload + b"]"),
    "a payload that is empty": lambda g: g.raw(b""),
    "a payload of nothing": lambda g: g.raw(b"{}"),
    "a payload in UTF-16": lambda g: g.raw(g.payload.decode().encode("utf-16")),
    "a payload with a byte order mark": lambda g: g.raw(b"\xef\xbb\xbf" + g.payload),
    "a payload that is no UTF-8": lambda g: g.raw(g.payload[:-1] + b', "x": "\xff"}'),
    "a payload and more": lambda g: g.raw(g.payload + b"{}"),
    "a payload nested without end": lambda g: g.raw(b'{"a":' * 900),
    "another issuer": lambda g: g.said(iss=g.claims["iss"] + "/"),
    "another audience": lambda g: g.said(aud=["somebody-else"]),
    "an audience that is an object": lambda g: g.said(aud={"0": g.claims["aud"]}),
    "bound to a proof": lambda g: g.said(cnf={"jkt": "x"}),
    "bound to nothing": lambda g: g.said(cnf=None),
    "a refresh token's beginning": lambda g: "wr1." + g.good(),
}
CONFUSIONS: dict[str, Confusion] = {
    f"{what} / {name}": made
    for what, table in {
        "algorithm": ALGORITHMS,
        "key": KEYS,
        "type": TYPES,
        "member": MEMBERS,
        "spelling": SPELLINGS,
        "signature": SIGNATURES,
        "number": NUMBERS,
        "form": FORMS,
    }.items()
    for name, made in table.items()
}

TAKEN: dict[str, Confusion] = {
    # RFC 9068 4 and RFC 2045: a media type, in any letters, with or without `application/`.
    "typ AT+JWT": lambda g: g.good(typ="AT+JWT"),
    "typ application/at+jwt": lambda g: g.good(typ="application/at+jwt"),
    "typ Application/AT+JWT": lambda g: g.good(typ="Application/AT+JWT"),
    # RFC 7515 4: what a header says besides is passed over, unless it is critical.
    "a member that nobody knows": lambda g: g.good(x=1),
    # RFC 7518 3.4 knows no lower s: signers write either, so either is taken. What is revoked is the jti, of both.
    "the other s": lambda g: es256(g, lambda r, s: pair(r, N256 - s)),
    **{f"{alg} as it should be": lambda g, alg=alg: g.good(alg) for alg in ("ES256", "RS256", "PS256", "EdDSA")},  # type: ignore[misc]
}
"""What may look like a confusion, and is none."""
