"""A suite under a campaign: two processes of token and one of each other service, PostgreSQL, perhaps Kafka, and
backends that verify; between any two of them a way that can be broken."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, quote, urlsplit

import httpx2

from suite.account import database_account, make_data
from suite.authority import Authority
from suite.children import Command, run
from suite.contract import Contract, describe
from suite.databases import SERVICES, Database, Server, close_to_public, furnish
from suite.demo import BACKEND, seed
from suite.fleet import Fleet
from suite.operator import OPERATOR, operator
from suite.place import Place, write_private
from suite.postgres import SOCKET, answers, leave_socket, prepare
from suite.readiness import settled
from tests.fault.campaign.network import Network, Told, network
from tests.fault.campaign.parts import PATIENCE, Part, kept, without_leftovers
from tests.fault.campaign.schedule import CLOCKS
from tests.fault.campaign.watchman import Watchman, watchman
from tests.harness.kafka import OwnBroker, free_address, own_broker
from tests.harness.ports import free_ports
from tests.harness.running import GaveUp, Suite, clean_environment, free_fleet
from watchword.kafka import Kafka

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
LIBFAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
PLACES = {"identity.0": "identity", "token.0": "token", "token.1": "token", "policy.0": "policy"}
PEERS = {
    "identity.0": {"token": "identity.0-token", "policy": "identity.0-policy"},
    "token.0": {"identity": "token-identity.0", "policy": "token-policy.0"},
    "token.1": {"identity": "token-identity.0", "policy": "token-policy.0"},
    "policy.0": {"token": "policy.0-token", "identity": "policy.0-identity.0"},
}
"""By process, its peers and the way to each."""
BOUND = 5.0


@dataclass
class World(Suite):
    """`ways` are lists of names, since what goes to both processes of a service goes two ways."""

    fleets: Mapping[str, Fleet]
    server: Server
    broker: OwnBroker | None
    cluster: Kafka | None
    sockets: Path
    http: httpx2.AsyncClient
    network: Network
    parts: dict[str, Part] = field(default_factory=dict)
    ways: dict[str, list[str]] = field(default_factory=dict)
    doors: dict[str, str] = field(default_factory=dict)
    """Where the ways begin: HOST:PORT, or the directory of a socket; several joined by commas."""
    watchmen: dict[str, Watchman] = field(default_factory=dict)

    def urls(self, name: str) -> list[str]:
        """As clients reach them."""
        return [f"http://{self.doors[f'client-{one}']}" for one, service in PLACES.items() if service == name]

    def direct(self, process: str) -> str:
        return self.fleets[process].url(PLACES[process])

    def dsn(self, service: str) -> str:
        """Past all ways."""
        return (self.place.secrets / f"{service}.dsn").read_text()

    @property
    def orders(self) -> Path:
        """Where processes look whether they are to die."""
        return self.place.data / "orders"

    def clock(self, process: str) -> Path:
        """What the wall clock of a process is ahead by."""
        return self.place.data / f"{process}.clock"

    async def ready(self, process: str) -> bool:
        try:
            return (await self.http.get(f"{self.direct(process)}/readyz")).status_code == 200
        except httpx2.HTTPError:
            return False

    async def well(self) -> None:
        """Returns once every process is ready and knows all logs. Raises GaveUp."""
        for process, part in self.parts.items():
            if process not in PLACES:
                continue
            deadline = time.monotonic() + PATIENCE
            while not await self.ready(process):
                if time.monotonic() > deadline:
                    raise GaveUp(f"{process} was not ready again within {PATIENCE:.0f} s")
                await asyncio.sleep(0.05)
            part.became_ready = part.became_ready or time.time()
        for process in PLACES:
            await settled(self.http, self.direct(process), {}, PATIENCE)

    async def watching(self) -> None:
        """Notes, for ever, when each process becomes ready."""
        was = dict.fromkeys(PLACES, False)
        while True:
            for process in PLACES:
                is_ready = await self.ready(process)
                if is_ready and not was[process]:
                    self.parts[process].became_ready = time.time()
                was[process] = is_ready
            await asyncio.sleep(0.1)

    async def relay_of(self, service: str) -> str | None:
        """The process that holds a service's relay now."""
        for process, one in PLACES.items():
            with suppress(httpx2.HTTPError, ValueError):
                report = (await self.http.get(f"{self.direct(process)}/readyz?verbose")).json()
                if one == service and (report.get("relay") or {}).get("holding"):
                    return process
        return None


@asynccontextmanager
async def world(data: Path, with_kafka: bool) -> AsyncIterator[World]:
    """Everything started, seeded and level. The directory must not exist yet."""
    place = Place(data)
    make_data(data, database_account(place.cluster))
    place.furnish()
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=2.0, trust_env=False))
        net = await stack.enter_async_context(network())
        postgres = await prepare(place)
        stack.callback(leave_socket, postgres, place)
        database = Part("postgres", postgres.command, place.logs / "postgres.log", without_leftovers(place.cluster))
        await stack.enter_async_context(kept(database))
        await _until_answering(postgres.server)
        await close_to_public(postgres.server)
        broker, cluster = await _kafka(data, with_kafka, stack)
        sockets = Path(stack.enter_context(TemporaryDirectory(dir="/tmp", prefix="ways-")))
        first = free_fleet()
        fleets = dict.fromkeys(PLACES, first) | {"token.1": free_fleet()}
        authority = Authority(place)
        authority.keep("operator", OPERATOR)
        backend = authority.keep("backend", BACKEND)
        described = describe(first, authority.certificate, backend, None)
        made = World(place, first, described, fleets, postgres.server, broker, cluster, sockets, http, net)
        made.parts["postgres"] = database
        made.orders.mkdir()
        await _ways(made, postgres.socket)
        await _services(made, authority, stack)
        await _watchmen(made, described, stack)
        async with operator(place, first.target) as peers:
            demo, positions = await seed(peers, place)
        made.contract = describe(first, authority.certificate, backend, demo)
        for process in PLACES:
            await settled(http, made.direct(process), positions, PATIENCE)
        yield made


async def _until_answering(server: Server) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await answers(server):
            await asyncio.sleep(0.05)


async def _kafka(data: Path, wanted: bool, stack: AsyncExitStack) -> tuple[OwnBroker | None, Kafka | None]:
    """A broker that says of itself where the way to it begins."""
    if not wanted:
        return None, None
    door = free_address()
    broker = stack.enter_context(own_broker(data.with_name("broker"), {"advertised.listeners": f"PLAINTEXT://{door}"}))
    return broker, Kafka(str(door))


async def _ways(made: World, socket: Path) -> None:
    """Opens every way, at a door that keeps its place while what lies behind comes and goes."""

    async def opened(name: str, doors: Sequence[str], targets: Sequence[str]) -> None:
        made.ways[name] = [f"{name}/{number}" for number in range(len(targets))]
        for way, door, target in zip(made.ways[name], doors, targets, strict=True):
            await made.network.tell(Told(way, "open", door=door, far=target))

    async def over_tcp(name: str, *targets: str) -> None:
        doors = [f"127.0.0.1:{port}" for port in free_ports(len(targets))]
        made.doors[name] = ",".join(doors)
        await opened(name, doors, targets)

    grpc = {process: made.fleets[process].target(service) for process, service in PLACES.items()}
    for process, service in PLACES.items():
        await over_tcp(f"client-{process}", str(made.fleets[process].rest[service].from_here()))
        directory = made.sockets / process
        directory.mkdir()
        made.doors[f"{process}-postgres"] = str(directory)
        await opened(f"{process}-postgres", [str(directory / SOCKET)], [str(socket / SOCKET)])
    for process in ("identity.0", "policy.0"):
        await over_tcp(f"{process}-token", grpc["token.0"], grpc["token.1"])
    for process in ("token", "policy.0"):
        await over_tcp(f"{process}-identity.0", grpc["identity.0"])
    for way in ("identity.0-policy", "token-policy.0"):
        await over_tcp(way, grpc["policy.0"])
    for verifier in _verifiers(made):
        await over_tcp(f"{verifier}-token", grpc["token.0"])
    if made.broker is not None and made.cluster is not None:
        await opened("services-kafka", [made.cluster.servers], [made.broker.bootstrap])


async def _services(made: World, authority: Authority, stack: AsyncExitStack) -> None:
    databases: dict[str, Database] = {}
    for name in SERVICES:
        databases[name] = await furnish(made.server, made.place, name)
        await run(made.fleet.migrate(name, made.place, authority, databases[name]), made.place.logs)
    for process, service in PLACES.items():
        command = made.fleets[process].serve(service, made.place, authority, databases[service])
        command = replace(command, env=_environment(made, process, command))
        part = Part(process, command, made.place.logs / f"{process}.log")
        made.parts[process] = await stack.enter_async_context(kept(part))
    await made.well()
    watching = asyncio.create_task(made.watching())
    stack.callback(watching.cancel)


def _environment(made: World, process: str, command: Command) -> dict[str, str]:
    """What the process is told, each of its ways out leading over one that can be broken."""
    service = PLACES[process]
    prefix = f"WATCHWORD_{service.upper()}_"
    dsn = urlsplit(made.dsn(service))
    assert "host" in parse_qs(dsn.query)
    private = made.place.secrets / f"{process}.dsn"
    write_private(private, dsn._replace(query=f"host={quote(made.doors[f'{process}-postgres'])}").geturl())
    env = dict(command.env) | {
        f"{prefix}DATABASE_FILE": str(private),
        f"{prefix}ISSUER": made.fleet.issuer,
        "FAULT_POINTS": str(made.orders),
        "PYTHONPATH": f"{HERE / 'armed'}:{ROOT}",
    }
    del env[f"{prefix}JWKS_URL"]
    for peer, way in PEERS[process].items():
        env[f"{prefix}{peer.upper()}_GRPC"] = made.doors[way]
    if made.cluster is not None:
        env[f"{prefix}KAFKA"] = made.cluster.servers
    return env | _wall_clock(made, process)


def _wall_clock(made: World, process: str) -> dict[str, str]:
    """A wall clock that can be moved; the others show what the machine's shows."""
    if process not in CLOCKS or LIBFAKETIME is None:
        return {}
    made.clock(process).write_text("+0")
    return {
        "LD_PRELOAD": str(LIBFAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(made.clock(process)),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_CACHE_DURATION": "1",
        # Debian's build has a way around hangs of pthread_cond_timedwait: with it a process whose threads contend for
        # the interpreter stands still for seconds.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
    }


def _verifiers(made: World) -> tuple[str, ...]:
    return ("verifier.feed", *(("verifier.kafka",) if made.cluster else ()))


async def _watchmen(made: World, described: Contract, stack: AsyncExitStack) -> None:
    for name in _verifiers(made):
        kafka = name == "verifier.kafka" and made.cluster
        told = {
            "issuer": described.issuer,
            "audience": described.issuer,
            "token_grpc": made.doors[f"{name}-token"],
            "ca": described.ca,
            "cert": described.backend.cert,
            "key": described.backend.key,
            "reader": name,
            "max_staleness": BOUND,
            "kafka": {"servers": kafka.servers, "topics": kafka.topics} if kafka else None,
        }
        env = clean_environment() | _wall_clock(made, name)
        made.watchmen[name] = await stack.enter_async_context(watchman(name, told, env, made.place.logs))
        made.parts[name] = made.watchmen[name].part
