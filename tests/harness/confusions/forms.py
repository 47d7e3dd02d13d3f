"""What is no compact JWS, or one of something else than good claims."""

import json
import zlib

from tests.harness.confusions.given import Confusion, Given
from tests.harness.forging import b64


def json_form(given: Given, flat: bool) -> str:
    protected, payload, signature = given.good().split(".")
    one = {"protected": protected, "signature": signature}
    return json.dumps({"payload": payload, **one} if flat else {"payload": payload, "signatures": [one]})


def detached(given: Given) -> str:
    header, _, signature = given.good().split(".")
    return f"{header}..{signature}"


def deflated(data: bytes) -> bytes:
    made = zlib.compressobj(wbits=-15)
    return made.compress(data) + made.flush()


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
    "longer than any may be": lambda g: g.said(x="A" * 6_200),
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
