"""What metadata says of proving who one is (RFC 8414 2, RFC 8705 3.3 and 5, RFC 9449 5.1)."""

from typing import Any

from services.token.api.client_auth import METHODS
from services.token.domain.assertion import BY_KEY, BY_SECRET
from services.token.domain.certificate import BY_AUTHORITY
from services.token.ports import Proving
from watchword.dpop import ALGORITHMS

MTLS_ENDPOINTS = ("token", "introspection", "revocation")
"""Those of token at which a client may show its certificate."""


def proofs(proving: Proving, said: dict[str, Any]) -> dict[str, Any]:
    """Adds to what is said of the endpoints how a client proves itself there, and where it shows a certificate."""
    methods = [name for name in METHODS if name != BY_AUTHORITY or proving.authorities]
    assertions = [*BY_KEY, *BY_SECRET]
    offered = dict(said)
    for endpoint in MTLS_ENDPOINTS:
        confidential = [name for name in methods if name != "none" or endpoint != "introspection"]
        offered[f"{endpoint}_endpoint_auth_methods_supported"] = confidential
        offered[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = assertions
    offered["dpop_signing_alg_values_supported"] = list(ALGORITHMS)
    offered["tls_client_certificate_bound_access_tokens"] = True
    if proving.mtls_url:
        offered["mtls_endpoint_aliases"] = _aliases(proving.mtls_url, said)
    return offered


def _aliases(origin: str, said: dict[str, Any]) -> dict[str, str]:
    """The same paths where certificates are asked for (RFC 8705 5)."""
    others = ("userinfo", "pushed_authorization_request", "device_authorization")
    names = [f"{name}_endpoint" for name in (*MTLS_ENDPOINTS, *others)]
    return {name: origin + _path(said[name]) for name in names if name in said}


def _path(url: str) -> str:
    return "/" + url.split("/", 3)[3]
