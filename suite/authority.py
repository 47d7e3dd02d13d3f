"""The development authority: made at first start, it names the suite's services, operators and backends (RULES 11).

A certificate says who calls by a URI: `spiffe://watchword/service/…`, `…/operator/NAME`, `…/backend/NAME`. Whoever runs
the suite under an authority of their own makes the same URIs there.
"""

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chassis.rpc.client import server_name
from suite.databases import SERVICES
from suite.errors import Halt
from suite.place import Place, write_private

Kind = Literal["service", "operator", "backend"]

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LIVES = {"service": timedelta(days=365), "operator": timedelta(days=365), "backend": timedelta(days=90)}
AUTHORITY_LIFE = timedelta(days=3650)
RENEW_BEFORE = timedelta(days=30)
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate on disk."""

    uri: str
    cert: Path
    key: Path
    fingerprint: str
    """SHA-256 of its DER, 64 lowercase hex digits."""
    expires: datetime


class Authority:
    """Issues certificates into DIR/certs; its own key (DIR/ca/ca.key, mode 0600) is made where there is none."""

    def __init__(self, place: Place) -> None:
        self._certs = place.certs
        self._key_path = place.ca / "ca.key"
        self.certificate = place.ca / "ca.pem"
        if not self._key_path.exists() or not self.certificate.exists():
            self._found()

    def keep(self, kind: Kind, name: str) -> Issued:
        """The certificate of that name: the one on disk while it is good for another 30 days, else a new one."""
        present = self._present(name)
        fresh = present is not None and present.uri == uri(kind, name) and _signed_by(present.cert, self.certificate)
        if fresh and present is not None and present.expires - datetime.now(UTC) > RENEW_BEFORE:
            return present
        return self.renew(kind, name)

    def issue(self, name: str, *, operator: bool = False) -> Issued:
        """A new certificate for a backend (90 days), or for an operator. Replaces one of the same name and kind.

        Raises Halt for a name that is not one, or that a service or a certificate of another kind has.
        """
        kind: Kind = "operator" if operator else "backend"
        if not NAME.fullmatch(name):
            raise Halt(
                f"{name!r} is no name for a certificate: 1 to 63 of a-z, 0-9 and hyphens within, such as billing-2"
            )
        if name in SERVICES:
            raise Halt(
                f"{name} is a service of the suite: its certificate is made by `watchword up`, or by your own CA"
            )
        present = self._present(name)
        if present is not None and present.uri != uri(kind, name):
            raise Halt(f"{present.cert} is the certificate of {present.uri}: choose another name")
        return self.renew(kind, name)

    def find(self, name: str) -> Issued:
        """The certificate of that name on disk. Raises Halt where there is none."""
        present = self._present(name) if NAME.fullmatch(name) else None
        if present is None:
            raise Halt(f"there is no certificate {self._certs / name}.pem: `watchword certs issue {name}` makes one")
        return present

    def _present(self, name: str) -> Issued | None:
        cert, key = self._paths(name)
        if not cert.exists() or not key.exists():
            return None
        return _describe(x509.load_pem_x509_certificate(cert.read_bytes()), cert, key)

    def _paths(self, name: str) -> tuple[Path, Path]:
        return self._certs / f"{name}.pem", self._certs / f"{name}.key"

    def _found(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Watchword development CA")])
        certificate = (
            _builder(name, name, key.public_key(), AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(authority=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        _write(key, self._key_path, certificate, self.certificate)

    def renew(self, kind: Kind, name: str) -> Issued:
        """A new certificate of that name, in place of the one on disk."""
        authority = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        signer = load_pem_private_key(self._key_path.read_bytes(), password=None)
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise Halt(f"{self._key_path} is not an EC key: it was not made by the suite")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            _builder(subject, authority.subject, key.public_key(), LIVES[kind])
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(_purposes(kind)), critical=False)
            .add_extension(x509.SubjectAlternativeName(_names(kind, name)), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256())
        )
        cert, key_path = self._paths(name)
        _write(key, key_path, certificate, cert)
        return _describe(certificate, cert, key_path)


def uri(kind: Kind, name: str) -> str:
    """Who a certificate says that its holder is."""
    return f"spiffe://watchword/{kind}/{name}"


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of its DER, 64 lowercase hex digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _describe(certificate: x509.Certificate, cert: Path, key: Path) -> Issued:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return Issued(uris[0], cert, key, fingerprint(certificate), certificate.not_valid_after_utc)


def _signed_by(cert: Path, authority: Path) -> bool:
    issuer = x509.load_pem_x509_certificate(authority.read_bytes())
    try:
        x509.load_pem_x509_certificate(cert.read_bytes()).verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _names(kind: Kind, name: str) -> list[x509.GeneralName]:
    who = x509.UniformResourceIdentifier(uri(kind, name))
    if kind != "service":
        return [who]
    here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    return [who, x509.DNSName(server_name(name)), *here]


def _purposes(kind: Kind) -> list[x509.ObjectIdentifier]:
    server = [ExtendedKeyUsageOID.SERVER_AUTH] if kind == "service" else []
    return [*server, ExtendedKeyUsageOID.CLIENT_AUTH]


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(key: ec.EllipticCurvePrivateKey, key_path: Path, certificate: x509.Certificate, cert: Path) -> None:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(key_path, private.decode())
    write_private(cert, certificate.public_bytes(Encoding.PEM).decode())
