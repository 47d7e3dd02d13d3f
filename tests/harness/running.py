"""One suite for many tests: `watchword up` as its users start it, and second processes of its services beside it.

Everything is reached as from outside: REST over loopback, gRPC with certificates of the suite's own authority.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import grpc.aio
import httpx2
import psutil

from chassis.rpc import Tls, connect
from suite import contract
from suite.authority import Authority, Kind
from suite.children import Command
from suite.contract import ConfidentialClient, Contract, Login
from suite.databases import SERVICES, Database
from suite.fleet import Fleet
from suite.place import Place
from suite.ports import Address
from tests.harness.ports import free_ports

T = TypeVar("T")

START = 90.0
PATIENCE = 10.0


class GaveUp(AssertionError):
    """A condition did not come true in time."""


def until(condition: Callable[[], T], what: str, within: float = PATIENCE) -> T:
    """The condition's first true value. Raises GaveUp after `within` seconds."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise GaveUp(f"not within {within} s: {what}")
        time.sleep(0.02)
    return value


def free_fleet() -> Fleet:
    """Addresses that are free now."""
    ports = free_ports(6)
    rest = {name: Address("127.0.0.1", port) for name, port in zip(SERVICES, ports[:3], strict=True)}
    grpc_ = {name: Address("127.0.0.1", port) for name, port in zip(SERVICES, ports[3:], strict=True)}
    return Fleet(rest=rest, grpc=grpc_)


def listeners(fleet: Fleet) -> list[str]:
    """The options of `up` that put its listeners there."""
    return [f"{option}={address}" for option, address in fleet.listeners()]


@dataclass
class Served:
    """One process of a service, beside another on the same database."""

    name: str
    rest: str
    grpc: str
    process: subprocess.Popen[bytes]

    def ready(self) -> bool:
        assert self.process.poll() is None, f"a process of {self.name} has ended"
        with contextlib.suppress(httpx2.HTTPError):
            return httpx2.get(f"{self.rest}/readyz").status_code == 200
        return False

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Suite:
    """A suite that runs, however it was started."""

    place: Place
    fleet: Fleet
    contract: Contract

    @property
    def admin(self) -> Login:
        assert self.contract.admin is not None
        return self.contract.admin

    @property
    def user(self) -> Login:
        assert self.contract.user is not None
        return self.contract.user

    @property
    def app(self) -> str:
        """The id of the public client with direct login."""
        assert self.contract.clients is not None
        return self.contract.clients.app.client_id

    @property
    def service(self) -> ConfidentialClient:
        """The client that may introspect any token."""
        assert self.contract.clients is not None
        return self.contract.clients.service

    def url(self, name: str) -> str:
        return self.fleet.url(name)

    def urls(self, name: str) -> list[str]:
        """The ways to a service, by the number that tests call them."""
        return [self.url(name)]

    def channel(
        self, name: str, kind: Kind = "operator", who: str = "admin", target: str | None = None
    ) -> grpc.aio.Channel:
        """A channel to a service with a certificate that the suite's authority made. Within an event loop."""
        issued = Authority(self.place).keep(kind, who)
        tls = Tls.load(self.place.ca / "ca.pem", issued.cert, issued.key)
        return connect(target or self.fleet.target(name), tls, name)

    def _command(self, name: str, fleet: Fleet) -> Command:
        dsns = Database(
            running=(self.place.secrets / f"{name}.dsn").read_text(),
            owner=(self.place.secrets / f"{name}.owner.dsn").read_text(),
        )
        return fleet.serve(name, self.place, Authority(self.place), dsns)


@dataclass
class Running(Suite):
    """A suite that `up` runs, with second processes of identity and token where a test asked for them."""

    up: subprocess.Popen[bytes]
    seconds: dict[str, Served] = field(default_factory=dict)

    def urls(self, name: str) -> list[str]:
        """Of every process of a service."""
        return [self.url(name), *([self.seconds[name].rest] if name in self.seconds else [])]

    def second(self, name: str) -> Served:
        """A second process of a service, started at its first use; all share it."""
        if name not in self.seconds:
            self.seconds[name] = self.start_second(name)
        return self.seconds[name]

    def start_second(self, name: str, environment: Mapping[str, str] = MappingProxyType({})) -> Served:
        """One more process of a service on the same database; the caller stops it. `environment` is added."""
        fleet, peers = free_fleet(), self.fleet
        command = self._command(name, peers)
        env = dict(command.env)
        prefix = f"WATCHWORD_{name.upper()}_"
        env |= {f"{prefix}REST": str(fleet.rest[name]), f"{prefix}GRPC": str(fleet.grpc[name])}
        env |= {f"{prefix}ISSUER": peers.issuer, f"{prefix}STOP_WITH_STDIN": "false", **environment}
        with (self.place.logs / f"{name}.second.log").open("ab") as log:
            process = subprocess.Popen(command.argv, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        served = Served(name, fleet.url(name), fleet.target(name), process)
        until(served.ready, f"a second {name} is ready", START)
        return served

    def pid(self, name: str) -> int:
        """The process of a service (or of `postgres`) that `up` runs."""
        marks = {"postgres": "postgres"} | {one: f"services.{one}" for one in SERVICES}
        for child in psutil.Process(self.up.pid).children():
            with contextlib.suppress(psutil.Error):  # it may end meanwhile
                if any(marks[name] in part for part in child.cmdline()):
                    return int(child.pid)
        raise LookupError(f"up runs no {name} now")

    def ready(self, name: str) -> bool:
        with contextlib.suppress(httpx2.HTTPError):
            return httpx2.get(f"{self.url(name)}/readyz").status_code == 200
        return False


@contextlib.contextmanager
def running_suite(
    data: Path, *arguments: str, fleet: Fleet | None = None, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Running]:
    """`watchword up`, on free ports where no fleet says which, ended as a user ends it where the test has not.

    `environment` is added to its own.
    """
    fleet, place = fleet or free_fleet(), Place(data)
    watchword = str(Path(sys.executable).with_name("watchword"))
    command = [watchword, "up", f"--data={data}", *listeners(fleet), *arguments]
    log = data.with_name(f"{data.name}.up.log")
    with log.open("wb") as output:
        env = clean_environment() | dict(environment)
        up = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    running: Running | None = None
    try:
        try:
            until(lambda: said_ready(up, log), "the suite is ready", START)
        except GaveUp as late:
            raise GaveUp(f"{late}; it said:\n{log.read_text()}") from None
        running = Running(place, fleet, contract.read(place), up)
        yield running
    finally:
        for second in running.seconds.values() if running else ():
            second.stop()
        up.send_signal(signal.SIGINT)
        try:
            up.wait(15)
        except subprocess.TimeoutExpired:
            up.kill()
            up.wait()


def said_ready(up: subprocess.Popen[bytes], log: Path) -> bool:
    assert up.poll() is None, f"`up` ended with {up.returncode}:\n{log.read_text()}"
    return "Watchword is ready" in log.read_text()


def clean_environment() -> dict[str, str]:
    """The environment without settings of another suite."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}
