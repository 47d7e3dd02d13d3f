"""Clients' certificates: by an authority of the operator's, by a stranger, and by themselves."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.unit.token.world import SetClock

NOW = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=SetClock().time)
HOUR = timedelta(hours=1)


class Signer:
    """Whoever signs certificates: an authority, or a client that vouches for itself."""

    def __init__(self, name: str = "CN=Client CA", above: "Signer | None" = None, ca: bool = True) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name.from_rfc4514_string(name)
        self.certificate = (above or self).sign(self.name, self.key, [], x509.BasicConstraints(ca, None))

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        names: list[x509.GeneralName],
        *extensions: x509.ExtensionType,
        since: datetime = NOW - HOUR,
        until: datetime = NOW + HOUR,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        for extension in extensions:
            builder = builder.add_extension(extension, isinstance(extension, x509.BasicConstraints))
        return builder.sign(self.key, hashes.SHA256())

    def client(
        self,
        name: str = "CN=bank,O=Example",
        *names: x509.GeneralName,
        extensions: tuple[x509.ExtensionType, ...] = (),
        since: datetime = NOW - HOUR,
        until: datetime = NOW + HOUR,
    ) -> x509.Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name.from_rfc4514_string(name)
        return self.sign(subject, key, list(names), *extensions, since=since, until=until)


def escaped(certificate: x509.Certificate) -> bytes:
    """As nginx's $ssl_client_escaped_cert."""
    return quote(certificate.public_bytes(Encoding.PEM).decode(), safe="").encode()
