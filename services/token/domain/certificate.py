"""Clients that show a certificate (RFC 8705): whose it is, and how tokens name it. Nothing here looks at its chain."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from services.token.domain.client import Client
from watchword.signed import base64url

BY_AUTHORITY, SELF_SIGNED = "tls_client_auth", "self_signed_tls_client_auth"
METHODS = frozenset({BY_AUTHORITY, SELF_SIGNED})
# Names that certificates are written with besides those of RFC 4514 3.
_NAMES = {"E": NameOID.EMAIL_ADDRESS, "EMAILADDRESS": NameOID.EMAIL_ADDRESS, "SERIALNUMBER": NameOID.SERIAL_NUMBER}
_SPELT = _NAMES | {"emailAddress": NameOID.EMAIL_ADDRESS, "serialNumber": NameOID.SERIAL_NUMBER}


def x5t(certificate: x509.Certificate) -> str:
    """RFC 8705 3.1."""
    return base64url(hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest())


def names(client: Client, certificate: x509.Certificate) -> bool:
    """Whether the certificate has the one name that the client registered (RFC 8705 2.1.2)."""
    try:
        return _has(client, certificate)
    except ValueError:
        # What it names is read only now, and may be no name.
        return False


def _has(client: Client, certificate: x509.Certificate) -> bool:
    if client.tls_client_auth_subject_dn:
        return read_dn(client.tls_client_auth_subject_dn) == certificate.subject
    if client.tls_client_auth_san_dns:
        return client.tls_client_auth_san_dns.lower() in map(str.lower, _alternatives(certificate, x509.DNSName))
    if client.tls_client_auth_san_uri:
        return client.tls_client_auth_san_uri in _alternatives(certificate, x509.UniformResourceIdentifier)
    if client.tls_client_auth_san_email:
        return client.tls_client_auth_san_email in _alternatives(certificate, x509.RFC822Name)
    if client.tls_client_auth_san_ip:
        return ip_address(client.tls_client_auth_san_ip) in _alternatives(certificate, x509.IPAddress)
    return False


def read_dn(text: str) -> x509.Name | None:
    """RFC 4514, last attribute first; None for what is none."""
    try:
        return x509.Name.from_rfc4514_string(text, _SPELT)
    except ValueError:
        return None


def holds(jwk: Mapping[str, Any], certificate: x509.Certificate) -> bool:
    """Whether a client's key names just this certificate (RFC 8705 2.2.2, RFC 7517 4.7)."""
    chain = jwk.get("x5c")
    if not isinstance(chain, list) or not chain or not isinstance(chain[0], str):
        return False
    return chain[0].encode("ascii", "replace") == b64encode(certificate.public_bytes(Encoding.DER))


def _alternatives(certificate: x509.Certificate, kind: type[x509.GeneralName]) -> list[Any]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return []
    return list(extension.value.get_values_for_type(kind))  # type: ignore[arg-type]
