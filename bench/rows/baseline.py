"""The same requests to the program that a team would write without Watchword (bench/baseline.py), in the same run."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

import asyncpg
from httpx2 import AsyncClient

from bench.baseline import SCHEMA, hashed, start_family
from bench.figures import Figure
from bench.house import Bare, House, run
from bench.jobs import HttpJob
from bench.machine import SERVICE, pin
from bench.rows.tokens import CONNECTIONS, TOKENS, introspection_job, refresh_job, token_job
from tests.harness.applications import Application
from tests.harness.ports import free_ports
from tests.harness.running import until

CLIENT = Application("cli_0123456789abcdef", "a-secret-of-the-baseline")
SCOPE = "orders:read orders:write"
PREFIX = "without Watchword: "


@dataclass(frozen=True, slots=True)
class Baseline:
    """Where it is, what it holds, and its processes by name."""

    url: str
    refresh_tokens: list[str]
    pids: dict[str, int]


def baseline(house: House) -> list[Figure]:
    """The same for what a team would write without Watchword (bench/baseline.py), and how many times that is."""
    with house.bare() as bare, _served(bare) as served:
        tokens = run(_tokens(served.url))
        jobs: dict[str, HttpJob] = {
            "client_credentials": token_job(house, served.url, CLIENT),
            "refresh with rotation": refresh_job(house, served.url, CLIENT.client_id, served.refresh_tokens),
            "introspection, REST": introspection_job(house, served.url, CLIENT, tokens),
        }
        found: list[Figure] = []
        for name, job in jobs.items():
            (figure,) = house.drive(job, served.pids).figures(PREFIX + name, None)
            found.append(figure)
            if name in house.rates:
                ratio = house.rates[name] / figure.value
                found.append(Figure(f"Watchword ÷ that: {name}", ratio, "times"))
    return found


@contextmanager
def _served(bare: Bare) -> Iterator[Baseline]:
    dsn = bare.database.owner_dsn
    refresh_tokens = run(_seeded(dsn))
    port = free_ports(1)[0]
    with _program(dsn, port) as process:
        pin([process.pid], SERVICE)
        yield Baseline(f"http://127.0.0.1:{port}", refresh_tokens, {"baseline": process.pid, "postgres": bare.postgres})


async def _seeded(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(SCHEMA)
        await connection.execute(
            "INSERT INTO clients VALUES ($1, $2, $3)", CLIENT.client_id, hashed(CLIENT.secret), SCOPE
        )
        return [
            await start_family(connection, f"fam_{number}", CLIENT.client_id, "acc_0123456789", SCOPE)
            for number in range(CONNECTIONS)
        ]
    finally:
        await connection.close()


@contextmanager
def _program(dsn: str, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-m", "bench.baseline", dsn, str(port)])

    def listening() -> bool:
        assert process.poll() is None, "the baseline has ended"
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), 1)):
            return True
        return False

    try:
        until(listening, "the baseline listens", 30)
        yield process
    finally:
        process.terminate()
        process.wait(10)


async def _tokens(url: str) -> list[str]:
    async with AsyncClient(trust_env=False) as http:
        form = {"grant_type": "client_credentials"}
        answers = [await http.post(f"{url}/oauth2/token", data=form, auth=CLIENT.auth) for _ in range(TOKENS)]
        return [one.raise_for_status().json()["access_token"] for one in answers]
