"""A suite behind a real nginx with TLS, as deploy/nginx says: all that the world sees of it is two origins."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.deploy.tools import ROOT
from tests.harness.nginx import HTTP, NAMED, launch
from tests.harness.running import Running, Suite, free_fleet, running_suite
from tests.unit.token.certified import Signer

DAY = timedelta(days=1)
LOOPBACK = x509.IPAddress(ip_address("127.0.0.1"))
SETTINGS = {
    "WATCHWORD_IDENTITY_LIMIT_ADDRESS": "10000 per minute",
    "WATCHWORD_TOKEN_FETCH_ALLOWED": "127.0.0.0/8",
    "WATCHWORD_TOKEN_REGISTRATION": "open",
}


@dataclass
class Fronted(Suite):
    """The suite as the world sees it: every service at the one origin, clients' certificates at `mtls`."""

    origin: str
    mtls: str
    authority: Path

    def url(self, name: str) -> str:
        """See Suite."""
        return self.origin

    def trust(self, shown: Path | None = None) -> ssl.SSLContext:
        """Trusts the site's certificate, and shows one of a client's."""
        context = ssl.create_default_context(cafile=str(self.authority))
        if shown is not None:
            context.load_cert_chain(shown)
        return context


def certificate(signer: Signer, name: str, path: Path, *names: x509.GeneralName) -> Path:
    """A certificate for now with its key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name.from_rfc4514_string(name)
    made = signer.sign(subject, key, list(names), since=now - DAY, until=now + DAY)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + private)
    return path


def authority(name: str, path: Path) -> Signer:
    """An authority that is good now, and its certificate as a file."""
    signer, now = Signer(name), datetime.now(UTC)
    ca = x509.BasicConstraints(True, None)
    made = signer.sign(signer.name, signer.key, [], ca, since=now - DAY, until=now + DAY)
    path.write_bytes(made.public_bytes(Encoding.PEM))
    return signer


@contextmanager
def fronted(directory: Path) -> Iterator[tuple[Fronted, Signer]]:
    """The suite, and the authority behind clients' certificates, while the context lasts."""
    site, clients = authority("CN=Site CA", directory / "site.pem"), authority("CN=Clients", directory / "clients.pem")
    fleet, free = free_fleet(), free_fleet()
    one, other = str(free.rest["identity"]), str(free.rest["token"])
    certificate(site, "CN=id", directory / "tls.pem", LOOPBACK)
    options = [f"--public-url=https://{one}", f"--mtls-url=https://{other}", "--trusted-proxy=127.0.0.1"]
    settings = SETTINGS | {"WATCHWORD_TOKEN_CLIENT_CA": str(directory / "clients.pem")}
    with (
        running_suite(directory / "data", *options, fleet=fleet, environment=settings) as running,
        proxied(directory, running, one, other),
    ):
        origin, mtls, ca = f"https://{one}", f"https://{other}", directory / "site.pem"
        yield Fronted(running.place, fleet, running.contract, origin, mtls, ca), clients


@contextmanager
def proxied(directory: Path, running: Running, one: str, other: str) -> Iterator[None]:
    """nginx with its three files, at a test's own addresses."""
    files = ("tls.pem", "tls.key", "mtls.pem", "mtls.key")
    own = {f"/etc/watchword/{name}": "../tls.pem" for name in files}
    own |= {"listen 127.0.0.1:8400;": "include watchword-tls.conf;", "listen 443": f"listen {one}"}
    own["127.0.0.1:8443"] = other
    for service, processes in NAMED.items():
        own |= dict.fromkeys(processes, str(running.fleet.rest[service]))
    (directory / "nginx").mkdir()
    for name in ("watchword.conf", "watchword-tls.conf", "watchword-mtls.conf"):
        text = (ROOT / "deploy" / "nginx" / name).read_text()
        for named, place in own.items():
            text = text.replace(named, place)
        (directory / "nginx" / name).write_text(text)
    inside = HTTP.replace("include watchword.conf;", "include watchword.conf; include watchword-mtls.conf;")
    process = launch(directory / "nginx", inside, one)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)
