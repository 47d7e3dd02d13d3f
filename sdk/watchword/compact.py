"""The compact serialization of a JWS (RFC 7515 section 7.1), read strictly."""

import binascii
import json
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from watchword.errors import TokenRefused

MAX_TOKEN_BYTES = 8192
ACCESS_TOKEN = frozenset({"at+jwt", "application/at+jwt"})
_PADDING = (b"", b"===", b"==", b"=")
_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
"""From the alphabet of base64url to that of base64; what base64url does not have becomes what neither has."""
HEADERS = 64
"""Header texts that are remembered: an issuer has one for each key. What is remembered is only how a text reads."""
_FOREIGN = frozenset({"crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "enc", "cty"})


@dataclass(frozen=True, slots=True)
class Compact:
    """A token taken apart; nothing in it is proven. `payload` is still bytes, to be read once the signature holds."""

    alg: str
    kid: str
    payload: bytes
    signing_input: bytes
    signature: bytes


def decode_base64url(text: str | bytes) -> bytes:
    """Base64url without padding, in its one canonical spelling (RFC 7515 section 2); ValueError for any other."""
    data = (text.encode("ascii") if isinstance(text, str) else text).translate(_STANDARD)
    padded = data + _PADDING[len(data) % 4]
    try:
        decoded = binascii.a2b_base64(padded, strict_mode=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if binascii.b2a_base64(decoded, newline=False) != padded:
        raise ValueError("not canonical base64url")
    return decoded


def decode_object(data: bytes) -> dict[str, object]:
    """A JSON object in which no member is named twice and no text holds half a surrogate pair (RFC 7493 section 2);
    ValueError for anything else.
    """
    # What reads as an object that is written in just these bytes names nothing twice. So issuers write; others are
    # read slowly.
    try:
        value = msgspec.json.decode(data)
        if type(value) is dict and msgspec.json.encode(value) == data:
            return value
    except (ValueError, OverflowError, RecursionError):
        pass
    return _decode_slowly(data)


def _decode_slowly(data: bytes) -> dict[str, object]:
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
        # A text that escapes half a surrogate pair fails here, not where somebody writes it down.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def split(token: str, types: frozenset[str] = ACCESS_TOKEN) -> Compact:
    """Takes a token apart and checks its header: that it is of one of these types, in lower case (RFC 9068 section 4,
    RFC 8725 section 3.11). Raises TokenRefused.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenRefused("malformed", "the token is too long")
    try:
        signing_input, _, signature = token.encode("ascii").rpartition(b".")
        header, payload = signing_input.split(b".")
        alg, kid = _header(header, types)
        return Compact(alg, kid, decode_base64url(payload), signing_input, decode_base64url(signature))
    except ValueError:
        raise TokenRefused("malformed", "the token is not a compact JWS") from None


@lru_cache(HEADERS)
def _header(text: bytes, types: frozenset[str]) -> tuple[str, str]:
    """The algorithm and the key that a header names; refuses one of another type."""
    header = decode_object(decode_base64url(text))
    if not _FOREIGN.isdisjoint(header):
        raise TokenRefused(
            "header", "the header has a critical extension, brings its own key, or says that the payload is no claims"
        )
    typ, alg, kid = header.get("typ"), header.get("alg"), header.get("kid")
    if not isinstance(typ, str) or typ.lower() not in types:
        raise TokenRefused("wrong_type", "the token is of another type than it should be")
    if not isinstance(alg, str):
        raise TokenRefused("algorithm", "the header names no algorithm")
    if not isinstance(kid, str) or not kid:
        raise TokenRefused("header", "the header names no key")
    return alg, kid


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
