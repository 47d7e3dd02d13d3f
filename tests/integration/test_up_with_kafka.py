"""`up --kafka embedded` and `watchword kafka`: the broker is started again when it dies, and ends with what ran it."""

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import psutil
import pytest

from suite.fleet import UP
from suite.kafka.broker import answers
from suite.kafka.choice import controller
from suite.ports import Address
from tests.harness.kafka import free_address
from tests.harness.running import clean_environment
from tests.harness.topics import create, publish, read
from tests.integration.running_up import READY, free_ports, running_up

pytestmark = pytest.mark.timeout(300)  # several processes with a Java each, on a machine that may be busy


def brokers(data: Path) -> list[psutil.Process]:
    """The brokers that run for that DIR."""
    found = []
    for process in psutil.process_iter():
        try:
            if "kafka.Kafka" in process.cmdline() and process.environ().get(UP) == str(data):
                found.append(process)
        except psutil.Error:  # it may end meanwhile
            continue
    return found


async def test_up_keeps_a_broker_tells_its_services_and_takes_it_away_again(tmp_path: Path) -> None:
    address, data = free_address(), tmp_path / "data"
    bootstrap = str(address)
    chosen = (f"--kafka=embedded:{address.port}", "--kafka-topics=tested")
    async with running_up(data, "--no-demo", *chosen, *free_ports()) as up:
        assert up.demo["kafka"] == bootstrap
        assert any(bootstrap in line for line in up.lines)
        told = up.service("token").environ()
        assert (told["WATCHWORD_TOKEN_KAFKA"], told["WATCHWORD_TOKEN_KAFKA_TOPICS"]) == (bootstrap, "tested")
        await create(bootstrap, "kept")
        await publish(bootstrap, "kept", b"before")
        (killed,) = brokers(data)
        killed.kill()
        await up.line(r"kafka \(process \d+\) ended by SIGKILL; it is started again")
        await up.line("kafka is ready again")
        assert await read(bootstrap, "kept", 1) == [b"before"]
        assert await up.stop(signal.SIGINT) == 0
    assert brokers(data) == []
    assert not answers(address)


@asynccontextmanager
async def alone(data: Path, address: Address, *options: str) -> AsyncIterator[Process]:
    """`watchword kafka`, once it says that its broker listens."""
    command = (sys.executable, "-m", "suite", "kafka", f"--data={data}", f"--port={address.port}", "--heap=256m")
    process = await asyncio.create_subprocess_exec(
        *command, *options, stdout=PIPE, stderr=STDOUT, env=clean_environment()
    )
    try:
        assert process.stdout is not None
        said: list[str] = []
        async with asyncio.timeout(READY):
            while not said or f"listens on {address}" not in said[-1]:
                said.append((await process.stdout.readline()).decode())
                assert said[-1], "".join(said)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_a_killed_one_leaves_a_broker_that_the_next_one_ends_and_a_wiped_one_is_empty(tmp_path: Path) -> None:
    address, data = free_address(), tmp_path / "data"
    async with alone(data, address) as first:
        await create(str(address), "kept")
        (left,) = brokers(data)
        first.kill()
        await first.wait()
        assert left.is_running()
    async with alone(data, address, "--wipe") as second:
        assert not left.is_running()
        assert len(brokers(data)) == 1
        second.terminate()
        assert await second.wait() == 0
    assert brokers(data) == []


@pytest.mark.parametrize("which", ["the broker's", "its controller's"])
async def test_a_taken_port_is_named_with_the_option_that_moves_it(tmp_path: Path, which: str) -> None:
    address = free_address()
    taken = address if which == "the broker's" else controller(address)
    with closing(socket.create_server((taken.host, taken.port))):
        async with running_up(tmp_path / "data", f"--kafka=embedded:{address.port}", *free_ports(), ready=False) as up:
            assert await up.process.wait() == 1
    (said,) = up.lines
    assert said.startswith(f"{taken} is taken by process")
    assert said.endswith("or choose another address with --kafka embedded:PORT")
    assert not (tmp_path / "data" / "postgres").exists()
