"""A certificate authority in memory, for servers and channels that a test makes."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chassis.rpc import Tls

HOUR = timedelta(hours=1)


class Authority:
    """Issues certificates that name callers by URI."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        certificate = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(True, None), True)
        self.ca = _pem(certificate.sign(self._key, hashes.SHA256()))

    def issue(self, *uris: str, dns: tuple[str, ...] = ("localhost",), life: timedelta = HOUR) -> Tls:
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uris]
        names += [x509.DNSName(name) for name in dns] + [x509.IPAddress(ip_address("127.0.0.1"))]
        builder = self._builder(x509.Name([]), key, life).add_extension(x509.SubjectAlternativeName(names), True)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Tls(self.ca, _pem(certificate), _private(key))

    def service(self, name: str) -> Tls:
        return self.issue(f"spiffe://watchword/service/{name}", dns=("localhost", f"{name}.watchword"))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, life: timedelta = HOUR
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + life)
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
