"""Two processes of each service on one database each, behind nginx, as on two machines of a team."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx2

from suite.authority import Authority
from suite.children import run
from suite.contract import describe
from suite.databases import SERVICES, Database, furnish
from suite.demo import BACKEND, seed
from suite.fleet import Fleet
from suite.operator import OPERATOR, operator
from suite.place import Place
from suite.ports import Address
from suite.postgres import embedded
from suite.readiness import settled
from tests.harness.nginx import LISTENS, NAMED, Nginx, nginx, passing
from tests.harness.ports import free_ports
from tests.harness.running import START, Served, Suite, until

PAUSE = 2.5
"""Seconds of WATCHWORD_*_DRAIN_PAUSE: longer than nginx keeps an idle connection."""
BOTH = (0, 1)


@dataclass(frozen=True, slots=True)
class Release:
    """Code that runs services. An older one knows fewer settings, and no more than one address of each peer."""

    root: Path | None = None

    @property
    def path(self) -> dict[str, str]:
        return {} if self.root is None else {"PYTHONPATH": f"{self.root}:{self.root / 'sdk'}"}


NOW = Release()


@dataclass
class Replicas(Suite):
    """Of the ways to a service, 0 leads through nginx, 1 and 2 lead to its first and its second process."""

    fleets: tuple[Fleet, Fleet]
    front: Nginx
    behind_one: dict[str, str]
    """By service, the one address before its processes, for releases that know no more."""
    served: dict[tuple[str, int], Served] = field(default_factory=dict)

    def urls(self, name: str) -> list[str]:
        return [self.front.url, *(fleet.url(name) for fleet in self.fleets)]

    def targets(self, name: str) -> str:
        """Both processes, as their peers call them."""
        return ",".join(fleet.target(name) for fleet in self.fleets)

    def start(self, name: str, number: int, release: Release = NOW) -> Served:
        """Starts a process; does not wait for it."""
        fleet = self.fleets[number]
        command = self._command(name, fleet)
        argv, env = list(command.argv), dict(command.env) | release.path
        prefix = f"WATCHWORD_{name.upper()}_"
        # What stops with its stdin, and reads keys from its neighbour alone, is a suite on one machine.
        for one_machine in ("STOP_WITH_STDIN", "JWKS_URL"):
            del env[prefix + one_machine]
        if release is NOW:
            env[f"{prefix}DRAIN_PAUSE"] = str(PAUSE)
        for peer in SERVICES:
            if peer != name:
                env[f"{prefix}{peer.upper()}_GRPC"] = self.targets(peer) if release is NOW else self.behind_one[peer]
        with (self.place.logs / f"{name}.{number}.log").open("ab") as log:
            process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        served = self.served[name, number] = Served(name, fleet.url(name), fleet.target(name), process)
        return served

    async def started(self, name: str, number: int, release: Release = NOW) -> None:
        """Starts a process and waits until it is ready, in a thread: a load goes on meanwhile."""
        served = self.start(name, number, release)
        await asyncio.to_thread(until, served.ready, f"{name} {number} is ready", START)

    async def migrated(self) -> None:
        """Brings the databases to this release, beside whatever runs on them."""
        for name in SERVICES:
            secrets = self.place.secrets
            database = Database((secrets / f"{name}.owner.dsn").read_text(), (secrets / f"{name}.dsn").read_text())
            await run(self.fleet.migrate(name, self.place, Authority(self.place), database), self.place.logs)

    async def stopped(self, name: str, number: int) -> None:
        """As a rolling update stops one: SIGTERM; it ends by itself, with 0."""
        process = self.served.pop((name, number)).process
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, PAUSE + 6) == 0, f"{name} {number} ended in another way"

    async def restarted(self, name: str, number: int) -> None:
        await self.stopped(name, number)
        await self.started(name, number)

    async def replaced(self, name: str, number: int, release: Release = NOW) -> None:
        """Puts another release in a process's place, which need not know how to go: nginx is told first."""
        self.front.out.add(NAMED[name][number])
        await asyncio.to_thread(self.front.reload)
        await self.stopped(name, number)
        await self.started(name, number, release)
        await self.level()
        self.front.out.clear()
        await asyncio.to_thread(self.front.reload)

    def kill(self, name: str, number: int) -> None:
        """`kill -9`; whoever does so starts it again."""
        process = self.served.pop((name, number)).process
        process.kill()
        process.wait()

    async def level(self) -> None:
        """Returns when every process knows all logs."""
        async with httpx2.AsyncClient(timeout=5, trust_env=False) as http:
            for one in list(self.served.values()):
                await settled(http, one.rest, {})

    def end(self) -> None:
        for one in self.served.values():
            one.process.terminate()
        for one in self.served.values():
            one.stop()


@asynccontextmanager
async def replicas(data: Path, release: Release = NOW) -> AsyncIterator[Replicas]:
    """Everything of the release given, seeded, level and behind nginx; the data directory must not exist yet."""
    place, ports = Place(data), free_ports(16)
    fleets = (_fleet(ports[:6], ports[12]), _fleet(ports[6:12], ports[12]))
    places = {LISTENS: f"127.0.0.1:{ports[12]}"}
    places |= {NAMED[name][number]: str(fleets[number].rest[name]) for name in SERVICES for number in BOTH}
    async with embedded(data) as server:
        authority = Authority(place)
        authority.keep("operator", OPERATOR)
        for name in SERVICES:
            database = await furnish(server, place, name)
            fleets[0].serve(name, place, authority, database)
            migration = fleets[0].migrate(name, place, authority, database)
            as_ever = (*fleets[0].program, f"services.{name}", "migrate")
            await run(replace(migration, argv=as_ever, env=dict(migration.env) | release.path), place.logs)
        with ExitStack() as stack:
            front = stack.enter_context(nginx(data / "nginx", places))
            backend = authority.keep("backend", BACKEND)
            described = describe(fleets[0], authority.certificate, backend, None)
            behind_one = {name: f"127.0.0.1:{port}" for name, port in zip(SERVICES, ports[13:], strict=True)}
            suite = Replicas(place, fleets[0], described, fleets, front, behind_one)
            if release is not NOW:
                ways = {behind_one[name]: [fleet.target(name) for fleet in fleets] for name in SERVICES}
                stack.enter_context(passing(data / "passing", ways))
            stack.callback(suite.end)
            await asyncio.gather(*(suite.started(name, number, release) for name in SERVICES for number in BOTH))
            async with operator(place, suite.targets) as peers:
                demo, _ = await seed(peers, place)
            suite.contract = describe(fleets[0], authority.certificate, backend, demo)
            await suite.level()
            yield suite


def _fleet(ports: list[int], public: int) -> Fleet:
    addresses = [Address("127.0.0.1", port) for port in ports]
    return Fleet(
        rest=dict(zip(SERVICES, addresses[:3], strict=True)),
        grpc=dict(zip(SERVICES, addresses[3:], strict=True)),
        public_url=f"http://127.0.0.1:{public}",
        trusted_proxies=("127.0.0.1",),
    )
