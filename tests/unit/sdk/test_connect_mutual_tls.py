"""A backend's connection to token: mutual TLS, or nothing."""

import asyncio
import datetime as dt
import ipaddress
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.unit.sdk.fakes import AUDIENCE, claims, sign, until
from tests.unit.sdk.owner import Owner
from watchword import TokenRefused, connect

TOKEN = "token.watchword"
NOBODY_LISTENS = "http://127.0.0.1:1"


class Authority:
    """A certificate authority of the test's own, which writes PEM files."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.ca = folder / f"{name}.pem"
        self.ca.write_bytes(self._certificate(self._name, self._key.public_key(), ca=True))

    def issue(self, name: str, *dns: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        cert_file, key_file = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        cert_file.write_bytes(self._certificate(subject, key.public_key(), *dns, ca=False))
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return cert_file, key_file

    def _certificate(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *dns: str, ca: bool) -> bytes:
        now = dt.datetime.now(dt.UTC)
        here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        names = x509.SubjectAlternativeName([here, *map(x509.DNSName, dns)])
        builder = x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        return builder.add_extension(names, critical=False).sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)


async def outcome(
    trusted: Authority,
    server_of: Authority,
    client_of: Authority,
    served: str = TOKEN,
    server_name: str | None = TOKEN,
) -> tuple[str, Owner]:
    """What a backend with a certificate of `client_of` that trusts `trusted` says of a token.

    The server's certificate carries the DNS name `served`, and the backend wants `server_name`.
    """
    owner = Owner()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((owner.handler(),))
    cert, key = (path.read_bytes() for path in server_of.issue("server", served))
    credentials = grpc.ssl_server_credentials([(key, cert)], server_of.ca.read_bytes(), require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    backend_cert, backend_key = client_of.issue("backend")
    answering = asyncio.create_task(snapshot_when_asked(owner))
    async with connect(
        issuer=NOBODY_LISTENS,
        audience=AUDIENCE,
        token_grpc=f"127.0.0.1:{port}",
        ca=trusted.ca,
        cert=backend_cert,
        key=backend_key,
        max_staleness=timedelta(seconds=1),
        server_name=server_name,
    ) as verifier:
        with pytest.raises(TokenRefused) as caught:
            await verifier.verify(sign(claims()))
    answering.cancel()
    await server.stop(None)
    return caught.value.code, owner


async def snapshot_when_asked(owner: Owner) -> None:
    await until(lambda: len(owner.streams) == 1)
    owner.snapshot()


async def test_a_backend_follows_over_mutual_tls_and_stops_when_its_context_ends(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    code, owner = await outcome(authority, server_of=authority, client_of=authority)
    assert code == "keys_unavailable"
    assert len(owner.opens) == 1
    assert owner.progress


async def test_neither_side_talks_to_a_stranger(tmp_path: Path) -> None:
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    for server_of, client_of in ((other, ours), (ours, other)):
        _, owner = await outcome(ours, server_of, client_of)
        assert owner.opens == []


async def test_only_who_is_named_token_is_taken_for_token_wherever_it_listens(tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ca")
    _, policy = await outcome(ours, ours, ours, served="policy.watchword")
    assert policy.opens == []
    for served, server_name in (("ids.example.org", "ids.example.org"), ("policy.watchword", None)):
        _, named_otherwise = await outcome(ours, ours, ours, served, server_name)
        assert len(named_otherwise.opens) == 1
