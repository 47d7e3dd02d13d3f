"""The certificate that a client has shown to a proxy, which hands it on in a header that the operator names.

From all but trusted proxies that header is taken away before anybody reads it.
"""

import base64
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from cryptography import x509
from starlette.types import Scope

from eventlog.errors import Kind, Refusal

_SHOWN = "watchword.certificate"
_MOST = 16 * 1024


def take_certificate(scope: Scope, header: bytes, trusted: bool) -> None:
    """Moves the header's values to where only `client_certificate` finds them, where who sent them is trusted."""
    values = [value for name, value in scope["headers"] if name == header]
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] != header]
    if trusted:
        scope[_SHOWN] = [value for value in values if value]


def client_certificate(scope: Scope) -> x509.Certificate | None:
    """The certificate that the client has shown, None where it showed none. Who checked it, and how, is not said.

    Raises Refusal `invalid_request` where the proxy hands on something else.
    """
    shown: Iterable[bytes] = scope.get(_SHOWN, ())
    values = list(shown)
    if not values:
        return None
    found = _parsed(values[0]) if len(values) == 1 and len(values[0]) <= _MOST else None
    if found is None:
        raise Refusal(Kind.INVALID, "invalid_request", "the client's certificate cannot be read")
    return found


@lru_cache(maxsize=256)
def _parsed(value: bytes) -> x509.Certificate | None:
    """PEM, escaped as nginx's $ssl_client_escaped_cert is, or the byte sequence of RFC 9440 2.2."""
    try:
        if value.startswith(b":") and value.endswith(b":"):
            return x509.load_der_x509_certificate(base64.b64decode(value[1:-1], validate=True))
        return x509.load_pem_x509_certificate(unquote_to_bytes(value))
    except (ValueError, x509.InvalidVersion):
        return None
