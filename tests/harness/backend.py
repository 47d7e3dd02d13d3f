"""A backend service of somebody else: a process that verifies tokens with the SDK and the demo's certificate."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil

from tests.harness.running import GaveUp, Running, clean_environment
from watchword.kafka import Kafka

PATIENCE = 60.0
PROGRAM = Path(__file__).with_name("backend_process.py")
RX_QUEUE, LOCAL, REMOTE = 4, 1, 2


class Backend:
    """`ask` and `answer` are apart, so that a question can wait where the process is stopped."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def put(self, token: str) -> None:
        """Asks about a token."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{token}\n".encode())

    async def answer(self) -> str:
        """The next answer: `accepted`, or why not."""
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE)
        assert line, "the backend has ended"
        return line.decode().strip()

    async def says(self, token: str) -> str:
        self.put(token)
        return await self.answer()

    async def transport(self) -> str:
        """Which way its revocations come now."""
        return await self.says("transport?")

    async def until_it_says(self, token: str, wanted: str) -> None:
        """Returns at the first such answer. Raises GaveUp."""
        said = ""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while (said := await self.says(token)) != wanted:
                    await asyncio.sleep(0.02)
                return
        raise GaveUp(f"it says {said} and not {wanted}")

    async def stop(self) -> None:
        """As a debugger stops a process, or a machine that runs out of breath; returns once none of it runs."""
        self._process.send_signal(signal.SIGSTOP)
        async with asyncio.timeout(PATIENCE):
            while any(_state(task) != "T" for task in Path(f"/proc/{self._process.pid}/task").iterdir()):
                await asyncio.sleep(0.01)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def unread(self, target: str) -> int:
        """Bytes that lie in its sockets from HOST:PORT, which it has not read."""
        port = int(target.rpartition(":")[2])
        pairs = {
            (one.laddr.port, one.raddr.port)
            for one in psutil.Process(self._process.pid).net_connections("tcp")
            if one.raddr and one.raddr.port == port
        }
        sockets = [row for row in _tcp_sockets(self._process.pid) if (_port(row[LOCAL]), _port(row[REMOTE])) in pairs]
        return sum(int(row[RX_QUEUE].split(":")[1], 16) for row in sockets)


def _tcp_sockets(pid: int) -> list[list[str]]:
    """The lines of /proc/PID/net/tcp and tcp6, in words."""
    tables = [Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6")]
    return [line.split() for table in tables for line in table]


def _state(task: Path) -> str:
    return (task / "stat").read_text().rpartition(")")[2].split()[0]


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


@asynccontextmanager
async def backend(
    suite: Running, reader: str, max_staleness: float, token_grpc: str, kafka: Kafka | None = None
) -> AsyncIterator[Backend]:
    """A backend for the suite's own audience while the context lasts, which reaches token at HOST:PORT."""
    told = {
        "issuer": suite.contract.issuer,
        "audience": suite.contract.issuer,
        "token_grpc": token_grpc,
        "ca": suite.contract.ca,
        "cert": suite.contract.backend.cert,
        "key": suite.contract.backend.key,
        "reader": reader,
        "max_staleness": max_staleness,
        "kafka": None if kafka is None else {"servers": kafka.servers, "topics": kafka.topics},
    }
    command = (sys.executable, str(PROGRAM), json.dumps(told))
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, env=clean_environment())
    try:
        yield Backend(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
