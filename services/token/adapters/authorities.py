"""Whether one of the operator's authorities stands behind a certificate (RFC 8705 2.1, RFC 5280 6)."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_authorities(pem: bytes) -> list[x509.Certificate]:
    """Raises ValueError where there is none."""
    return x509.load_pem_x509_certificates(pem)


def vouched_for(pem: bytes, certificate: x509.Certificate, now: int) -> bool:
    """Whether the certificate is valid now (µs) and for clients, by one of the authorities in `pem`.

    A chain through authorities between is found where they are in `pem` as well: a proxy hands on no chain.
    """
    if not pem:
        return False
    verifier = (
        PolicyBuilder()
        .store(_store(pem))
        .time(_EPOCH + timedelta(microseconds=now))
        .extension_policies(ca_policy=_CA, ee_policy=_CLIENT)
        .build_client_verifier()
    )
    try:
        verifier.verify(certificate, [])
    except (VerificationError, ValueError):  # the latter where a part of it, read only now, is none
        return False
    return True


@lru_cache(maxsize=4)
def _store(pem: bytes) -> Store:
    return Store(read_authorities(pem))


def _for_clients(_: Policy, __: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
    if usage is not None and x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
        raise ValueError("the certificate is not for clients")


def _is_authority(_: Policy, __: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("the certificate is no authority's")


def _signs(_: Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("the certificate is not for signing certificates")


# Private authorities write less into certificates than the public web asks for; what they write has to hold.
_CA = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs)
)
_CLIENT = ExtensionPolicy.permit_all().may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _for_clients)
