"""How a service's process starts, says that it is not ready, drains and ends."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import grpc.aio
import httpx2
import pytest

from chassis.rpc import connect
from tests.harness.database import Database, fresh_database
from tests.harness.ports import free_ports
from tests.integration.conftest import Cluster
from tests.unit.chassis.rpc_served import DEMO, TOKEN
from watchword.log.v1 import log_pb2, log_pb2_grpc

DEADLINE = 20.0


@dataclass(frozen=True, slots=True)
class Tiny:
    process: asyncio.subprocess.Process
    rest: int
    grpc: int

    async def get(self, path: str) -> httpx2.Response:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.rest}", timeout=DEADLINE) as client:
            return await client.get(path)

    async def until(self, path: str, status: int) -> httpx2.Response:
        async with asyncio.timeout(DEADLINE):
            while True:
                try:
                    answer = await self.get(path)
                    if answer.status_code == status:
                        return answer
                except httpx2.TransportError:
                    assert self.process.returncode is None, await self.ended()
                await asyncio.sleep(0.02)

    async def ended(self) -> tuple[int | None, str]:
        async with asyncio.timeout(DEADLINE):
            _, told = await self.process.communicate()
        return self.process.returncode, told.decode()


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    for name, text in (("ca", TOKEN.ca), ("cert", TOKEN.cert), ("key", TOKEN.key), ("kek", b"A" * 43)):
        (tmp_path / name).write_bytes(text)
    (tmp_path / "kek").chmod(0o600)
    told = {
        "DATABASE": "postgresql://tiny:hunter2@/tiny",
        "REST": "127.0.0.1:0",
        "GRPC": "127.0.0.1:0",
        "ISSUER": "http://127.0.0.1:8402",
        "CA": str(tmp_path / "ca"),
        "CERT": str(tmp_path / "cert"),
        "KEY": str(tmp_path / "key"),
        "KEY_ENCRYPTION_KEY_FILE": str(tmp_path / "kek"),
    } | more
    return {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")} | {
        f"WATCHWORD_TINY_{name}": value for name, value in told.items()
    }


@asynccontextmanager
async def running(tmp_path: Path, **more: str) -> AsyncIterator[Tiny]:
    rest, rpc = free_ports(2)
    told = environment(tmp_path, REST=f"127.0.0.1:{rest}", GRPC=f"127.0.0.1:{rpc}", **more)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.tiny_service"),
        env=told,
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Tiny(process, rest, rpc)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_signal_drains_and_a_repeated_one_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as tiny:
        await tiny.until("/readyz", 200)
        slow = asyncio.create_task(tiny.get("/v1/slow"))
        async with connect(f"127.0.0.1:{tiny.grpc}", DEMO, "token") as channel:
            stream = log_pb2_grpc.EventLogServiceStub(channel).Read()
            await stream.write(log_pb2.ReadRequest())
            await stream.read()
            tiny.process.send_signal(signal.SIGTERM)
            tiny.process.send_signal(signal.SIGTERM)
            with pytest.raises(grpc.aio.AioRpcError):
                await stream.read()
        assert (await slow).json() == {"finished": True}
        code, told = await tiny.ended()
    assert code == 0, told


async def test_it_ends_with_the_pipe_to_its_parent(tmp_path: Path) -> None:
    async with running(tmp_path, STOP_WITH_STDIN="true") as tiny:
        await tiny.until("/readyz", 200)
        assert tiny.process.stdin is not None
        tiny.process.stdin.close()
        code, told = await tiny.ended()
    assert code == 0, told


async def test_it_lives_before_it_is_ready_and_says_what_it_waits_for(tmp_path: Path) -> None:
    async with running(tmp_path, MODE="waits") as tiny:
        assert (await tiny.until("/livez", 200)).text == "alive\n"
        await tiny.until("/readyz", 503)
        async with asyncio.timeout(DEADLINE):
            while "not_there" not in (await tiny.get("/readyz?verbose")).text:
                await asyncio.sleep(0.02)
        tiny.process.send_signal(signal.SIGTERM)
        assert (await tiny.ended())[0] == 0


@pytest.mark.parametrize(("mode", "said"), [("dies", "weak ended unexpectedly"), ("cannot", "run migrate")])
async def test_a_part_that_fails_ends_the_process_and_says_why(tmp_path: Path, mode: str, said: str) -> None:
    async with running(tmp_path, MODE=mode) as tiny:
        code, told = await tiny.ended()
    assert code == 1
    assert said in told


async def test_a_taken_port_is_said_in_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = await asyncio.gather(*(run(tmp_path, **{name: f"127.0.0.1:{port}"}) for name in ("REST", "GRPC")))
    for code, told in said:
        assert code == 1
        assert f"cannot listen on 127.0.0.1:{port}" in told


async def run(tmp_path: Path, *arguments: str, **more: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.tiny_service", *arguments),
        env=environment(tmp_path, **more),
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await asyncio.wait_for(process.communicate(), DEADLINE)
    return process.returncode, told.decode()


async def test_a_wrong_setting_ends_the_start_with_its_name_and_an_example(tmp_path: Path) -> None:
    async with running(tmp_path, ISSUER="here") as tiny:
        code, told = await tiny.ended()
    assert code == 2
    assert "WATCHWORD_TINY_ISSUER" in told
    assert "Example: WATCHWORD_TINY_ISSUER=http" in told
    assert "Traceback" not in told
    assert "hunter2" not in told


async def test_a_database_that_is_not_migrated_says_what_to_run(tmp_path: Path, cluster: Cluster) -> None:
    async with fresh_database(cluster.server, cluster.data) as database:
        code, told = await run(tmp_path, MODE="database", DATABASE=database.dsn)
        assert code == 1
        assert "run `python -m services.tiny migrate`" in told
        code, told = await run(tmp_path, "migrate", DATABASE=database.dsn, OWNER_DATABASE=database.owner_dsn)
        assert code == 0, told
        async with running(tmp_path, MODE="database", DATABASE=database.dsn) as tiny:
            await tiny.until("/readyz", 200)


async def test_a_database_that_refuses_says_which_setting_to_look_at(tmp_path: Path, database: Database) -> None:
    wrong = urlsplit(database.dsn)
    netloc = f"{wrong.username}:hunter2@{wrong.netloc.rpartition('@')[2]}"
    code, told = await run(tmp_path, MODE="database", DATABASE=urlunsplit(wrong._replace(netloc=netloc)))
    assert code == 1
    assert "see WATCHWORD_TINY_DATABASE" in told
    assert "hunter2" not in told


async def test_a_database_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    async with running(tmp_path, MODE="database", DATABASE=f"postgresql://tiny:x@/tiny?host={tmp_path}") as tiny:
        answer = await tiny.until("/readyz?verbose", 503)
        assert answer.json()["checks"]["database"]["reason"] == "the database does not answer"
        tiny.process.send_signal(signal.SIGTERM)
        code, told = await tiny.ended()
    assert code == 0, told


async def test_migrating_without_the_owners_role_says_so(tmp_path: Path) -> None:
    code, told = await run(tmp_path, "migrate")
    assert code == 2
    assert "WATCHWORD_TINY_OWNER_DATABASE" in told
