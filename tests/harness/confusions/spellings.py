"""JSON, base64url and numbers that two readers take for two things."""

import json
from collections.abc import Callable

from jwt.algorithms import get_default_algorithms

from tests.harness.confusions.given import Confusion, Given, header_of
from tests.harness.forging import b64

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def segment(given: Given, number: int, change: Callable[[str], str]) -> str:
    parts = given.good().split(".")
    parts[number] = change(parts[number])
    return ".".join(parts)


def respelled(text: str) -> str:
    """The same bytes, with other unused bits in the last character; or a length that no bytes have."""
    return text + "A" if len(text) % 4 == 0 else text[:-1] + _ALPHABET[_ALPHABET.index(text[-1]) ^ 1]


def unencoded(given: Given) -> str:
    """RFC 7797: the payload as it is, over which the signature is made."""
    header = b64(json.dumps({"typ": "at+jwt", "alg": "ES256", "kid": given.key.kid, "b64": False}).encode())
    text = f"{header}.{json.dumps(given.claims, separators=(',', ':'))}".replace("https://", "urn:").replace(
        "127.0.0.1", "x"
    )
    signature = get_default_algorithms()["ES256"].sign(text.encode(), given.key.private)
    return f"{text}.{b64(signature)}"


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
