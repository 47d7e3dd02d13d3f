"""The addresses that a client may name (RFC 6749 3.1.2, RFC 8252 7, OpenID Connect Dynamic Client Registration 2).

Each function says what is wrong with an address, and answers an empty text where nothing is.
"""

import re
from urllib.parse import SplitResult, urlsplit

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
LONGEST = 2_000
# RFC 3986 2: what an address is written with. A star is part of that, but who registers one means a pattern.
_SPELLING = re.compile(r"(?:[A-Za-z0-9._~:/?\[\]@!$&'()+,;=#-]|%[0-9A-Fa-f]{2})+")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*")
_PRIVATE_USE = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+")
_ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]-]{1,256}")


def wrong_redirect(uri: str, confidential: bool) -> str:
    """Where a browser may be sent: https; http on loopback; an application's own scheme for a public client.

    RFC 8252 7.1: such a scheme is a domain name in reverse, so that it has a dot. RFC 8252 7.3: loopback.
    """
    parts = _split(uri)
    if parts is None:
        return "an absolute address as RFC 3986 spells it, without *"
    if "#" in uri:
        return "without a fragment"
    if _PRIVATE_USE.fullmatch(parts.scheme):
        return "https: an application's own scheme is for public clients" if confidential else ""
    return _wrong_host(parts) or _wrong_scheme(parts)


def wrong_endpoint(uri: str, http: bool = False) -> str:
    """What is called, or opened in a browser, for the client: https, or http on loopback; anywhere with `http`."""
    parts = _split(uri)
    if parts is None or "#" in uri:
        return "an absolute address as RFC 3986 spells it, without * and without a fragment"
    return _wrong_host(parts) or ("" if http and parts.scheme == "http" else _wrong_scheme(parts))


def wrong_request_uri(uri: str) -> str:
    """As `wrong_endpoint`; the fragment may say what is found there (OpenID Connect Core 6.2)."""
    return wrong_endpoint(uri.partition("#")[0])


def wrong_page(uri: str) -> str:
    """What is shown to people as a link or a picture: http or https."""
    parts = _split(uri)
    if parts is None or parts.scheme not in ("http", "https"):
        return "an absolute http or https address as RFC 3986 spells it"
    return _wrong_host(parts)


def wrong_origin(origin: str) -> str:
    """As browsers write it (RFC 6454 6.2)."""
    parts = _split(origin) if _ORIGIN.fullmatch(origin) else None
    return "" if parts is not None and not _wrong_host(parts) else "an origin: http(s)://host or with :port"


def origin_of(uri: str) -> str:
    """Scheme and host of an http(s) address that is right, and the port where it is not the usual one."""
    parts = urlsplit(uri)
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if parts.port in (None, usual) else f":{parts.port}")


def host_of(uri: str) -> str:
    """The host of an https or http address that is right; empty for an application's own scheme."""
    parts = urlsplit(uri)
    return parts.hostname or "" if parts.scheme in ("https", "http") else ""


def _split(uri: str) -> SplitResult | None:
    """The parts of an absolute address; None where it is none."""
    if len(uri) > LONGEST or not _SPELLING.fullmatch(uri):
        return None
    try:
        parts = urlsplit(uri)
        usable = parts.port != 0
    except ValueError:
        return None
    return parts if parts.scheme and usable and uri.count("#") < 2 else None


def _wrong_host(parts: SplitResult) -> str:
    if not _HOST.fullmatch(parts.hostname or ""):
        return "with a host"
    return "without a user name" if "@" in parts.netloc else ""


def _wrong_scheme(parts: SplitResult) -> str:
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return ""
    return "https; http is for loopback alone"
