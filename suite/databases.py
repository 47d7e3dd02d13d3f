"""One database a service, with two roles: NAME_owner owns and migrates it, NAME runs on it; nobody else may connect."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

import asyncpg

from suite.errors import Halt
from suite.place import Place
from suite.scram import verifier

SERVICES = ("identity", "token", "policy")


@dataclass(frozen=True, slots=True, repr=False)
class Server:
    """A PostgreSQL server, and a login that may create roles and databases on it."""

    dsn: str
    ours: bool
    """Started by the suite, for nothing but the suite."""

    def as_role(self, role: str, password: str, database: str) -> str:
        """The DSN of another role and database on the same server."""
        parts = urlsplit(self.dsn)
        address = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=f"{quote(role)}:{quote(password)}@{address}", path=f"/{quote(database)}").geturl()

    def on(self, database: str) -> "Server":
        return replace(self, dsn=urlsplit(self.dsn)._replace(path=f"/{quote(database)}").geturl())


@dataclass(frozen=True, slots=True, repr=False)
class Database:
    """The two DSNs of one service's database. Both are secret."""

    owner: str
    running: str


async def furnish(server: Server, place: Place, name: str) -> Database:
    """Makes the database and the roles of that name where they are not there yet, and closes the database to others.

    Passwords are random, made once and kept in DIR/secrets. Raises Halt where the roles or the database are another's.
    """
    owner, running = f"{name}_owner", name
    known = (place.secrets / f"role.{owner}").exists()
    passwords = {role: place.secret(f"role.{role}") for role in (owner, running)} if known else {}
    async with _connected(server) as connection:
        if not known:
            await _refuse_taken(connection, name, [owner, running])
            passwords = {role: place.secret(f"role.{role}") for role in (running, owner)}
        for role, password in passwords.items():
            await _role(connection, role, password, inherits=role == owner)
        await _database(connection, name, owner, running)
    return Database(server.as_role(owner, passwords[owner], name), server.as_role(running, passwords[running], name))


async def close_to_public(server: Server) -> None:
    """Closes the databases that every new server has to all but its superuser."""
    async with _connected(server) as connection:
        for database in ("postgres", "template1"):
            await connection.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")


@asynccontextmanager
async def _connected(server: Server) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the server. What the server refuses becomes a Halt."""
    try:
        connection = await asyncpg.connect(server.dsn, timeout=10)
    except (OSError, TimeoutError, ValueError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
        raise _halt("no connection to PostgreSQL", error, server) from error
    try:
        yield connection
    except asyncpg.PostgresError as error:
        raise _halt("PostgreSQL refuses", error, server) from error
    finally:
        await connection.close()


def _halt(what: str, error: Exception, server: Server) -> Halt:
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    if server.ours:
        return Halt(f"{what} ({reason}): DIR/logs/postgres.log says more; was DIR/secrets changed by hand?")
    wanted = "postgresql://USER:PASSWORD@HOST/postgres, a role that may create roles and databases"
    return Halt(f"{what} ({reason}): --postgres wants {wanted}")


async def _refuse_taken(connection: asyncpg.Connection, name: str, roles: list[str]) -> None:
    taken = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = ANY($1))"
        " OR EXISTS (SELECT FROM pg_database WHERE datname = $2)",
        roles,
        name,
    )
    if taken:
        raise Halt(
            f"the server already has a role or a database named `{name}`, and its passwords are not in this DIR: use "
            "the DIR that it was made with (--data DIR), or another server"
        )


async def _role(connection: asyncpg.Connection, role: str, password: str, *, inherits: bool) -> None:
    """On PostgreSQL 15 an owner has its database's schema `public` by inheriting from pg_database_owner alone."""
    exists = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role)
    if not exists:
        inherit = "INHERIT" if inherits else "NOINHERIT"
        await connection.execute(f"CREATE ROLE {role} LOGIN {inherit} PASSWORD '{verifier(password)}'")


async def _database(connection: asyncpg.Connection, name: str, owner: str, running: str) -> None:
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name):
        await _let_us_make_it_theirs(connection, owner)
        await connection.execute(f"CREATE DATABASE {name} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8'")
    await connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    await connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {running}")


async def _let_us_make_it_theirs(connection: asyncpg.Connection, owner: str) -> None:
    superuser = await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if not superuser:  # only a member of a role may give it a database
        await connection.execute(f"GRANT {owner} TO CURRENT_USER")
