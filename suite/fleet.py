"""The three services as processes: where they listen, and what each is told."""

import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from suite.authority import Authority
from suite.children import Command
from suite.databases import SERVICES, Database
from suite.kafka.choice import Kafka
from suite.place import Place, write_private
from suite.ports import Address

UP = "WATCHWORD_UP_DATA"
"""Marks the children of one DIR's `up`, so that the next one knows them if it was killed."""
REST = {
    "identity": Address("127.0.0.1", 8401),
    "token": Address("127.0.0.1", 8402),
    "policy": Address("127.0.0.1", 8403),
}
GRPC = {name: Address(address.host, address.port + 1000) for name, address in REST.items()}
CERTIFICATE_HEADER = "X-Client-Certificate"
INTERPRETER = (sys.executable, "-P", "-m")
"""-P: what lies in the directory that `up` was called in is no module of ours."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Where the services listen and what the world calls them.

    `mtls_url` is the origin at which the proxy asks clients for certificates, and hands them on as
    deploy/nginx/watchword.conf does.
    """

    rest: Mapping[str, Address] = field(default_factory=lambda: REST)
    grpc: Mapping[str, Address] = field(default_factory=lambda: GRPC)
    public_url: str | None = None
    mtls_url: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    kafka: Kafka | None = None
    program: tuple[str, ...] = INTERPRETER
    """What runs a service; the module's name follows."""

    @property
    def issuer(self) -> str:
        return self.public_url or self.url("token")

    def url(self, name: str) -> str:
        """A service's REST API as this machine reaches it, without a slash at the end."""
        return f"http://{self.rest[name].from_here()}"

    def target(self, name: str) -> str:
        """A service's gRPC API as this machine reaches it, HOST:PORT."""
        return str(self.grpc[name].from_here())

    def listeners(self) -> list[tuple[str, Address]]:
        """Every address that is listened on, each with the option of `up` that moves it."""
        rest = [(f"--{name}-rest", self.rest[name]) for name in SERVICES]
        return rest + [(f"--{name}-grpc", self.grpc[name]) for name in SERVICES]

    def serve(self, name: str, place: Place, authority: Authority, database: Database) -> Command:
        """How to run a service."""
        env = self._environment(name, place, authority, database)
        return Command(name, (*self.program, f"services.{name}"), env)

    def migrate(self, name: str, place: Place, authority: Authority, database: Database) -> Command:
        """How to bring a service's database to its present form, with the owner's role."""
        return self._as_owner("migrate", (f"services.{name}.migrate",), name, place, authority, database)

    def rewrap(self, name: str, place: Place, authority: Authority, database: Database) -> Command:
        """How to wrap a service's stored keys by the first of its key-encryption keys, with the owner's role."""
        return self._as_owner("rewrap", (f"services.{name}", "rewrap"), name, place, authority, database)

    def _as_owner(
        self, job: str, run: tuple[str, ...], name: str, place: Place, authority: Authority, database: Database
    ) -> Command:
        env = self._environment(name, place, authority, database)
        owner = _secret_file(place, f"{name}.owner.dsn", database.owner)
        env[f"WATCHWORD_{name.upper()}_OWNER_DATABASE_FILE"] = str(owner)
        return Command(f"{name}.{job}", (*self.program, *run), env)

    def _environment(self, name: str, place: Place, authority: Authority, database: Database) -> dict[str, str]:
        issued = authority.keep("service", name)
        told = {
            "DATABASE_FILE": str(_secret_file(place, f"{name}.dsn", database.running)),
            "KEY_ENCRYPTION_KEY_FILE": str(_key_file(place, name)),
            "REST": str(self.rest[name]),
            "GRPC": str(self.grpc[name]),
            "ISSUER": self.issuer,
            "JWKS_URL": f"{self.url('token')}/.well-known/jwks.json",
            "CA": str(authority.certificate),
            "CERT": str(issued.cert),
            "KEY": str(issued.key),
            "STOP_WITH_STDIN": "true",
        }
        told |= {f"{peer.upper()}_GRPC": self.target(peer) for peer in SERVICES if peer != name}
        if name == "token" and not self.public_url:
            told["IDENTITY_URL"] = self.url("identity")
        if self.public_url:
            told["PUBLIC_URL"] = self.public_url
        if self.mtls_url and name != "policy":
            told |= {"MTLS_URL": self.mtls_url, "CLIENT_CERTIFICATE_HEADER": CERTIFICATE_HEADER}
        if self.trusted_proxies:
            told["TRUSTED_PROXIES"] = ",".join(self.trusted_proxies)
        if self.kafka:
            told |= {"KAFKA": str(self.kafka), "KAFKA_TOPICS": self.kafka.topics}
        prefix = f"WATCHWORD_{name.upper()}_"
        return (
            {"GRPC_VERBOSITY": "ERROR"}
            | {key: value for key, value in os.environ.items() if _meant_for(prefix, key)}
            | {prefix + key: value for key, value in told.items()}
            | {UP: str(place.data), "PYTHONUNBUFFERED": "1"}
        )


def _meant_for(prefix: str, variable: str) -> bool:
    """Not what `up` itself was told, or a peer, nor a login that owns databases: only a migration is given one."""
    if variable.startswith("WATCHWORD_"):
        return variable.startswith(prefix) and not variable.startswith(f"{prefix}OWNER_")
    return variable != "PGPASSWORD"


def _secret_file(place: Place, name: str, text: str) -> Path:
    path = place.secrets / name
    write_private(path, text)
    return path


def has_former_key(place: Place, name: str) -> bool:
    """Whether a key-encryption key is being replaced: the former one stands below it in its file."""
    return len(_key_file(place, name).read_text().split()) > 1


def _key_file(place: Place, name: str) -> Path:
    """The service's key-encryption key: 32 random bytes in base64url, made once."""
    place.secret(f"{name}.kek", lambda: secrets.token_urlsafe(32))
    return place.secrets / f"{name}.kek"
