"""Where a browser may be sent back to."""

from collections.abc import Collection
from urllib.parse import urlsplit

_LOOPBACK = ("127.0.0.1", "[::1]")


def registered(redirect_uri: str, uris: Collection[str]) -> bool:
    """Whether an address is registered, character for character (RFC 9700 2.1); of a loopback address only the port is
    free (RFC 8252 7.3).
    """
    if redirect_uri in uris:
        return True
    portless = _without_port(redirect_uri)
    return portless is not None and any(portless == _without_port(one) for one in uris)


def origin(uri: str) -> str:
    """Scheme, host and port, as Content-Security-Policy has them; of a private-use scheme (RFC 8252 7.1) just that."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"


def _without_port(uri: str) -> tuple[str, str] | None:
    """Host and what follows the port of a loopback address; None of any other."""
    for host in _LOOPBACK:
        rest = uri.removeprefix(f"http://{host}")
        if rest == uri:
            continue
        port = rest[1:].partition("/")[0] if rest.startswith(":") else ""
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            return None
        after = rest.removeprefix(f":{port}") if port else rest
        return (host, after) if not after or after[0] in "/?" else None
    return None
