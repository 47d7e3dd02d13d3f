"""Makes, once, what the containers of compose.yaml are given: `secrets` before PostgreSQL starts, `databases` after.

Each service's files lie in a volume of its own, mode 0400, owned by the user that its container runs as. What they were
made from lies in the volume `authority`, which only this and the operator's container mount: keep a copy of it.
"""

import asyncio
import json
import os
import secrets
import sys
from pathlib import Path

from suite.authority import Authority
from suite.databases import SERVICES, Server, furnish
from suite.place import Place

USER = 65532
POSTGRES_USER = 999
"""Of the image docker.io/library/postgres."""


def give(path: Path, text: str, user: int = USER) -> None:
    """Writes a file that only `user` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as file:
        file.write(text)
    os.chown(path, user, user)


def make_secrets(place: Place, given: Path) -> None:
    """The authority, certificates, keys, and the password of PostgreSQL's superuser."""
    place.data.mkdir(parents=True, exist_ok=True)
    place.furnish()
    give(given / "postgres" / "password", place.secret("role.postgres"), POSTGRES_USER)
    authority = Authority(place)
    for name in SERVICES:
        issued = authority.keep("service", name)
        give(given / name / "ca.crt", authority.certificate.read_text())
        give(given / name / "tls.crt", issued.cert.read_text())
        give(given / name / "tls.key", issued.key.read_text())
        give(given / name / "key-encryption-key", place.secret(f"{name}.kek", lambda: secrets.token_urlsafe(32)))
    authority.keep("operator", "admin")
    place.demo.write_text(json.dumps(_contract(place, os.environ["WATCHWORD_ORIGIN"])))
    for path in (place.data, *place.data.rglob("*")):
        os.chown(path, USER, USER)


async def make_databases(place: Place, given: Path, server: Server) -> None:
    """Each service's database and its two roles."""
    for name in SERVICES:
        database = await furnish(server, place, name)
        give(given / name / "database", database.running)
        give(given / f"{name}-owner" / "owner-database", database.owner)


def _contract(place: Place, origin: str) -> dict[str, object]:
    """Where the operator's commands find the services."""
    ports = {name: number for number, name in enumerate(SERVICES, 1)}
    apis = {name: {"rest": f"http://{name}:840{port}", "grpc": f"{name}:940{port}"} for name, port in ports.items()}
    files = {"cert": str(place.certs / "admin.pem"), "key": str(place.certs / "admin.key")}
    return {"issuer": origin, **apis, "ca": str(place.ca / "ca.pem"), "backend": files}


if __name__ == "__main__":
    here, given_to = Place(Path("/authority")), Path("/given")
    match sys.argv[1:]:
        case ["secrets"]:
            make_secrets(here, given_to)
        case ["databases"]:
            superuser = f"postgresql://postgres:{here.secret('role.postgres')}@postgres:5432/postgres"
            asyncio.run(make_databases(here, given_to, Server(superuser, ours=False)))
        case _:
            raise SystemExit("usage: prepare.py secrets | databases")
