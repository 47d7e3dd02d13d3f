"""`watchword up` starts everything, says what happens to it, loses nothing, and leaves nothing behind."""

import asyncio
import os
import signal
import socket
import stat
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import grpc.aio
import httpx2
import psutil
import pytest
import pytest_asyncio

from chassis.rpc import Tls, connect
from suite.databases import SERVICES
from suite.operator import operator
from suite.place import Place
from suite.postgres import answers, embedded
from tests.integration.running_up import WATCHWORD, Up, free_ports, running_up
from watchword.log.v1.log_pb2 import Progress, ReadOpen, ReadRequest
from watchword.token.v1.token_pb2 import IntrospectRequest, IntrospectResponse
from watchword.token.v1.token_pb2_grpc import TokenServiceStub

pytestmark = [pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

PUBLIC = "https://id.example.org"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def empty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    """One suite for the tests that leave it running, with nobody in it, behind a proxy."""
    data = tmp_path_factory.mktemp("up") / "data"
    async with running_up(data, *free_ports(), "--no-demo", "--public-url", f"{PUBLIC}/") as up:
        yield up


async def get(url: str) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as http:
        return await http.get(url)


def postmaster(data: Path) -> psutil.Process:
    return psutil.Process(int((data / "postgres" / "postmaster.pid").read_text().split()[0]))


def left(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; an ended one that nobody has waited for does not."""
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


async def until(condition: Callable[[], bool], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)


async def log_in(up: Up) -> httpx2.Response:
    demo = up.demo
    body = dict(demo["admin"]) | {"client_id": demo["clients"]["app"]["client_id"]}
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as http:
        return await http.post(f"{demo['identity']['rest']}/v1/login", json=body)


@asynccontextmanager
async def open_streams(up: Up) -> AsyncIterator[None]:
    """A reader of each log who has been answered and goes on listening."""
    place, demo = Place(up.data), up.demo
    async with operator(place, lambda name: str(demo[name]["grpc"])) as peers:
        reads = []
        for name, log in peers.logs.items():
            read = log.Read()
            await read.write(ReadRequest(open=ReadOpen(reader=f"test/{name}")))
            await read.write(ReadRequest(progress=Progress(applied=0, stamp=1)))
            await read.read()
            reads.append(read)
        yield
        for read in reads:
            read.cancel()


async def test_no_demo_seeds_nobody(empty: Up) -> None:
    assert empty.demo.keys() == {"issuer", "identity", "token", "policy", "ca", "backend"}
    assert [(await get(f"{empty.demo[name]['rest']}/readyz")).status_code for name in SERVICES] == [200, 200, 200]


async def test_a_public_url_is_the_issuer_and_rest_stays_on_loopback(empty: Up) -> None:
    token = empty.demo["token"]["rest"]
    assert token.startswith("http://127.0.0.1:")
    found = (await get(f"{token}/.well-known/openid-configuration")).json()
    assert found["issuer"] == empty.demo["issuer"] == PUBLIC


async def test_a_directory_in_use_is_refused(empty: Up) -> None:
    async with running_up(empty.data, *free_ports(), ready=False) as second:
        said = await second.line("is in use by another `watchword up`")
        assert f"process {empty.process.pid}" in said
        assert await asyncio.wait_for(second.process.wait(), 10) == 1


async def test_an_issued_certificate_may_call_and_a_revoked_one_may_not(empty: Up) -> None:
    grant = "watchword.log.v1.EventLogService/Read"
    issued = await watchword("certs", "issue", "billing", "--grant", grant, "--data", str(empty.data))
    assert "spiffe://watchword/backend/billing" in issued
    async with introspecting(empty, "billing") as introspect:
        assert not (await introspect(IntrospectRequest(token="nothing"))).active
        revoked = await watchword("certs", "revoke", "billing", "--data", str(empty.data))
        assert "is revoked, at position" in revoked
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await introspect(IntrospectRequest(token="nothing"))
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


@asynccontextmanager
async def introspecting(
    up: Up, name: str
) -> AsyncIterator[grpc.aio.UnaryUnaryMultiCallable[IntrospectRequest, IntrospectResponse]]:
    """Introspect, called with the certificate of that name."""
    certs = Place(up.data.resolve()).certs
    tls = Tls.load(Path(up.demo["ca"]), certs / f"{name}.pem", certs / f"{name}.key")
    async with connect(up.demo["token"]["grpc"], tls, "token") as channel:
        yield TokenServiceStub(channel).Introspect


async def watchword(*args: str) -> str:
    """What the command says on stdout. Fails where it fails."""
    process = await asyncio.create_subprocess_exec(*WATCHWORD, *args, stdout=PIPE)
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0
    return said


async def test_a_service_that_dies_is_said_and_started_again(empty: Up) -> None:
    for name in SERVICES:
        dead = empty.service(name)
        dead.kill()
        await empty.line(rf"^{name} \(process {dead.pid}\) ended by SIGKILL; it is started again")
        await empty.line(f"^{name} is ready again")
        assert empty.service(name).pid != dead.pid


async def test_postgres_that_dies_is_started_again_and_the_services_come_back(empty: Up) -> None:
    dead = postmaster(empty.data)
    dead.kill()
    await empty.line(rf"^postgres \(process {dead.pid}\) ended by SIGKILL")
    await empty.line("^postgres is ready again")
    async with asyncio.timeout(20):
        for name in SERVICES:
            while (await get(f"{empty.demo[name]['rest']}/readyz")).status_code != 200:
                await asyncio.sleep(0.05)


async def test_a_restart_keeps_the_demo_and_a_repeated_sigterm_leaves_no_process(tmp_path: Path) -> None:
    data, ports = tmp_path / "data", free_ports()
    async with running_up(data, *ports) as up:
        first, written = up.demo, (data / "demo.json").stat()
        assert stat.S_IMODE(written.st_mode) == 0o600
        assert up.lines[-1].startswith("Watchword is ready")
        assert (await log_in(up)).status_code == 200
        processes = up.processes()
        async with open_streams(up), asyncio.timeout(10):
            while up.process.returncode is None:
                with suppress(ProcessLookupError):  # it has ended, and is heard of at the loop's next turn
                    os.killpg(up.process.pid, signal.SIGTERM)
                await asyncio.sleep(0.02)
        assert up.process.returncode == 0
        assert left(processes) == []
    async with running_up(data, *ports) as up:
        assert up.demo == first
        assert (data / "demo.json").stat().st_ino != written.st_ino
        assert (await log_in(up)).status_code == 200
        processes = up.processes()
        assert await up.stop(signal.SIGINT) == 0
        assert left(processes) == []


async def test_the_services_of_a_killed_up_end_and_the_next_one_takes_over_its_postgres(tmp_path: Path) -> None:
    data, ports = tmp_path / "data", free_ports()
    async with running_up(data, *ports) as up:
        services, server = [up.service(name) for name in SERVICES], postmaster(data)
        up.process.kill()
        await until(lambda: left(services) == [])
        assert left([server]) == [server]
    async with running_up(data, *ports) as up:
        assert left([server]) == []
        assert (await log_in(up)).status_code == 200


async def test_ones_own_server_is_used_and_left_running(tmp_path: Path) -> None:
    async with (
        embedded(tmp_path / "own") as server,
        running_up(tmp_path / "data", *free_ports(), "--no-demo", "--postgres", server.dsn) as up,
    ):
        assert not (tmp_path / "data" / "postgres").exists()
        processes = up.processes()
        assert await up.stop() == 0
        assert left(processes) == []
        assert await answers(server)


async def test_a_taken_port_is_named_with_its_holder_before_anything_starts(tmp_path: Path) -> None:
    ports = free_ports()
    host, _, port = ports[0].partition("=")[2].rpartition(":")
    with socket.create_server((host, int(port))):
        async with running_up(tmp_path / "data", *ports, ready=False) as up:
            said = await up.line(f"{host}:{port} is taken")
            assert f"process {os.getpid()} (" in said
            assert "--identity-rest HOST:PORT" in said
            assert await asyncio.wait_for(up.process.wait(), 10) == 1
    assert not (tmp_path / "data" / "postgres").exists()
