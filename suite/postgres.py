"""PostgreSQL from the wheel, run directly: on a Unix socket only, SCRAM only, no network.

It is started *inside* its directory and told that the directory is `/proc/self/cwd`, its sockets `../run`. So its
account needs no way through the directories above, which belong to somebody else and keep their permissions.
"""

import asyncio
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg

from suite.account import Account, database_account, make_data
from suite.binaries import binaries
from suite.children import Child, Command, run
from suite.databases import Server, close_to_public
from suite.errors import Halt
from suite.leftover import stop_leftover
from suite.place import Place

SUPERUSER = "postgres"
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 107
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
SETTINGS = {
    "listen_addresses": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    # A failed statement may hold what no log may hold.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "cluster_name": "watchword",
    # A restored backup answers once it has replayed all that it is told to, not before.
    "hot_standby": "off",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A cluster in DIR that is ready to be started."""

    command: Command
    server: Server
    socket: Path


async def prepare(place: Place) -> Postgres:
    """Makes the cluster where there is none, ends a server that a killed `up` left, and says how to start it.

    DIR and its private directories must exist. Raises Halt where PostgreSQL cannot run here.
    """
    account = database_account(place.cluster)
    bin_ = binaries(account)
    _own(place.run, account)
    await asyncio.to_thread(stop_leftover, place.cluster)
    if not place.cluster.exists():
        await _make_cluster(place, bin_, account)
    socket = _socket_directory(place, account)
    options = SETTINGS | {"unix_socket_directories": "../run" if socket == place.run else str(socket)}
    command = Command(
        name="postgres",
        argv=(
            str(bin_ / "postgres"),
            "-D",
            "/proc/self/cwd",
            *(f"--{name}={value}" for name, value in options.items()),
        ),
        env=ENVIRONMENT,
        cwd=place.cluster,
        account=account,
        holds_stdin=False,
        stop_signal=signal.SIGINT,
        last_signal=signal.SIGQUIT,
    )
    password = place.secret(f"role.{SUPERUSER}")
    dsn = f"postgresql://{SUPERUSER}:{quote(password)}@/postgres?host={quote(str(socket))}"
    return Postgres(command, Server(dsn, ours=True), socket)


async def answers(server: Server) -> bool:
    """Whether the server answers by now, be it with a refusal."""
    try:
        connection = await asyncpg.connect(server.dsn, timeout=5)
    except (OSError, asyncpg.CannotConnectNowError, TimeoutError):
        return False
    except asyncpg.InvalidAuthorizationSpecificationError:
        return True
    await connection.close()
    return True


@asynccontextmanager
async def embedded(data: Path) -> AsyncIterator[Server]:
    """A PostgreSQL of its own in `data`, which may not exist yet; stopped at the end, and its data kept.

    For tests and tools: `databases.furnish(server, Place(data), name)` then makes databases on it.
    """
    data = data.absolute()
    place = Place(data)
    make_data(data, database_account(place.cluster))
    place.furnish()
    postgres = await prepare(place)
    child = await Child.start(postgres.command, place.logs)
    try:
        await _until_answering(postgres.server, child)
        await close_to_public(postgres.server)
        yield postgres.server
    finally:
        await child.stop(within=5.0)
        leave_socket(postgres, place)


def leave_socket(postgres: Postgres, place: Place) -> None:
    """Removes the socket's fallback directory, where there was one."""
    if postgres.socket != place.run:
        shutil.rmtree(postgres.socket, ignore_errors=True)


async def _until_answering(server: Server, child: Child, within: float = 30.0) -> None:
    async with asyncio.timeout(within):
        while not await answers(server):
            if child.ended:
                raise Halt("\n".join(("PostgreSQL ended before it was ready:", *child.last_lines())))
            await asyncio.sleep(0.02)


async def _make_cluster(place: Place, bin_: Path, account: Account | None) -> None:
    """initdb in a directory beside, which becomes the cluster when it is whole."""
    new = place.data / "postgres.new"
    shutil.rmtree(new, ignore_errors=True)
    _own(new, account)
    password = place.run / f".password.{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(place.secret(f"role.{SUPERUSER}"))
        _give(password, account)
        await run(_initdb(bin_, new, password.name, account), place.logs)
    finally:
        password.unlink(missing_ok=True)
    new.rename(place.cluster)


def _initdb(bin_: Path, new: Path, password: str, account: Account | None) -> Command:
    options = (
        f"--username={SUPERUSER}",
        f"--pwfile=../run/{password}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
    )
    argv = (str(bin_ / "initdb"), "--pgdata=/proc/self/cwd", *options)
    return Command("initdb", argv, ENVIRONMENT, cwd=new, account=account, holds_stdin=False)


def _socket_directory(place: Place, account: Account | None) -> Path:
    if len(os.fsencode(place.run / SOCKET)) <= LONGEST_SOCKET_PATH:
        return place.run
    short = Path(tempfile.mkdtemp(prefix="watchword-", dir="/tmp"))
    _give(short, account)
    return short


def _own(directory: Path, account: Account | None) -> None:
    """Makes the directory for PostgreSQL alone."""
    if not directory.exists():
        directory.mkdir(mode=0o700)
        _give(directory, account)


def _give(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)
