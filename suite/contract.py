"""DIR/demo.json: where the suite answers and who may log in, for scripts, tests and the other commands."""

from pathlib import Path

import msgspec

from suite.authority import Issued
from suite.errors import Halt
from suite.fleet import Fleet
from suite.place import Place, write_private


class Api(msgspec.Struct, frozen=True):
    rest: str
    grpc: str


class Login(msgspec.Struct, frozen=True):
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.username})"


class PublicClient(msgspec.Struct, frozen=True):
    client_id: str


class ConfidentialClient(msgspec.Struct, frozen=True):
    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"ConfidentialClient({self.client_id})"


class Clients(msgspec.Struct, frozen=True):
    app: PublicClient
    service: ConfidentialClient


class Backend(msgspec.Struct, frozen=True):
    cert: str
    key: str


class Demo(msgspec.Struct, frozen=True):
    """Who was seeded."""

    admin: Login
    user: Login
    clients: Clients


class Contract(msgspec.Struct, frozen=True, omit_defaults=True):
    """The file. The seeded logins are absent under `--no-demo`, the brokers without `--kafka`."""

    issuer: str
    identity: Api
    token: Api
    policy: Api
    ca: str
    backend: Backend
    kafka: str | None = None
    admin: Login | None = None
    user: Login | None = None
    clients: Clients | None = None

    def api(self, name: str) -> Api:
        return {"identity": self.identity, "token": self.token, "policy": self.policy}[name]


def describe(fleet: Fleet, ca: Path, backend: Issued, demo: Demo | None) -> Contract:
    """The contract of a running fleet."""
    apis = {name: Api(fleet.url(name), fleet.target(name)) for name in ("identity", "token", "policy")}
    logins = {} if demo is None else {"admin": demo.admin, "user": demo.user, "clients": demo.clients}
    brokers = {} if fleet.kafka is None else {"kafka": str(fleet.kafka)}
    files = Backend(str(backend.cert), str(backend.key))
    return msgspec.convert(
        {"issuer": fleet.issuer, "ca": str(ca), "backend": files, **apis, **brokers, **logins},
        Contract,
        from_attributes=True,
    )


def write(contract: Contract, place: Place) -> None:
    """Writes DIR/demo.json (mode 0600) by rename."""
    write_private(place.demo, msgspec.json.format(msgspec.json.encode(contract), indent=2).decode() + "\n")


def read(place: Place) -> Contract:
    """Where this DIR's suite answers. Raises Halt where it has never run."""
    try:
        return msgspec.json.decode(place.demo.read_bytes(), type=Contract)
    except FileNotFoundError:
        raise Halt(f"no suite has run on {place.data}: start one with `watchword up --data {place.data}`") from None
    except (OSError, msgspec.DecodeError) as error:
        raise Halt(f"{place.demo} cannot be read ({error}): `watchword up` writes it anew") from None
