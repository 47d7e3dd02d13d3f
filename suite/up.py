"""`watchword up`: the whole suite on one machine, until it is told to stop."""

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2

from suite import contract
from suite.account import database_account, make_data
from suite.authority import Authority
from suite.children import run
from suite.contract import Contract, Demo
from suite.databases import SERVICES, Server, close_to_public, furnish
from suite.demo import BACKEND, seed
from suite.fleet import UP, Fleet, has_former_key
from suite.kafka.broker import prepare as prepare_broker
from suite.kafka.broker import ready_at as broker_at
from suite.kafka.jars import VERSION
from suite.kafka.java import require_extra
from suite.leftover import stop_services
from suite.operator import OPERATOR, operator
from suite.place import Place, sole_use
from suite.ports import Address, refuse_shared, refuse_taken
from suite.postgres import answers, leave_socket, prepare
from suite.readiness import ready_at, settled
from suite.report import Report
from suite.signals import until_stopped
from suite.supervisor import Supervisor


@dataclass(frozen=True, slots=True, repr=False)
class Options:
    """What `watchword up` was asked for."""

    data: Path
    fleet: Fleet
    postgres: str | None = None
    """The DSN of one's own server; None starts one in DIR. Secret."""
    demo: bool = True


def up(options: Options, report: Report) -> None:
    """Runs the suite until SIGINT, SIGTERM or SIGHUP; then no process is left behind.

    Raises Halt where it cannot start or go on, and Refusal where a service refuses the demo: nothing is left either.
    """
    asyncio.run(until_stopped(lambda stack: _run(options, report, stack), report))


async def _run(options: Options, report: Report, stack: AsyncExitStack) -> None:
    kafka = options.fleet.kafka
    wanted = [*options.fleet.listeners(), *(kafka.listeners() if kafka else ())]
    refuse_shared(wanted)
    if kafka and kafka.embedded:
        require_extra()
    place = Place(options.data.resolve())
    make_data(place.data, database_account(place.cluster))
    stack.enter_context(sole_use(place.data))
    place.furnish()
    if left := await asyncio.to_thread(stop_services, UP, place.data):
        report.line(f"Ended what a killed `up` had left: processes {', '.join(map(str, left))}")
    refuse_taken(wanted)
    http = await stack.enter_async_context(httpx2.AsyncClient(timeout=2.0, trust_env=False))
    supervisor = Supervisor(place.logs, report)
    server = await _server(options.postgres, place, supervisor, stack, report)
    if kafka and kafka.embedded:
        with report.step(f"Apache Kafka {VERSION}"):
            await _broker(kafka.brokers[0], place, supervisor)
    await _Start(options, place, server, supervisor, http, report).run()
    await supervisor.broken()


async def _server(
    dsn: str | None, place: Place, supervisor: Supervisor, stack: AsyncExitStack, report: Report
) -> Server:
    """The caller's own server, or one that is started now and ends with the stack, after all that stands on it."""
    if dsn is not None:
        stack.push_async_callback(supervisor.stop)
        return Server(dsn, ours=False)
    with report.step("PostgreSQL"):
        postgres = await prepare(place)
        stack.callback(leave_socket, postgres, place)
        stack.push_async_callback(supervisor.stop)
        await supervisor.keep(postgres.command, lambda _: answers(postgres.server), foundation=True)
        await close_to_public(postgres.server)
        return postgres.server


async def _broker(address: Address, place: Place, supervisor: Supervisor) -> None:
    """A broker of our own, which ends with the database."""
    command = await prepare_broker(place, address, {UP: str(place.data)})
    await supervisor.keep(command, broker_at(address), foundation=True)


@dataclass(frozen=True, slots=True, repr=False)
class _Start:
    """The services, from nothing to ready."""

    options: Options
    place: Place
    server: Server
    supervisor: Supervisor
    http: httpx2.AsyncClient
    report: Report

    async def run(self) -> None:
        """Starts the services, seeds, writes demo.json and says ready."""
        fleet, authority = self.options.fleet, Authority(self.place)
        authority.keep("operator", OPERATOR)
        backend = authority.keep("backend", BACKEND)
        with self.report.step(", ".join(SERVICES)):
            await _together(self._service(name, authority) for name in SERVICES)
        demo: Demo | None = None
        positions: dict[str, int] = {}
        if self.options.demo:
            with self.report.step("demo: an administrator, a user, two clients"):
                async with operator(self.place, fleet.target) as peers:
                    demo, positions = await seed(peers, self.place)
        with self.report.step("what each service knows of the others"):
            await _together(settled(self.http, fleet.url(name), positions) for name in SERVICES)
        described = contract.describe(fleet, authority.certificate, backend, demo)
        contract.write(described, self.place)
        self._say_ready(described)

    async def _service(self, name: str, authority: Authority) -> None:
        fleet = self.options.fleet
        database = await furnish(self.server, self.place, name)
        await run(fleet.migrate(name, self.place, authority, database), self.place.logs)
        if has_former_key(self.place, name):
            await run(fleet.rewrap(name, self.place, authority, database), self.place.logs)
        command = fleet.serve(name, self.place, authority, database)
        await self.supervisor.keep(command, ready_at(self.http, fleet.url(name), fleet.rest[name]))

    def _say_ready(self, described: Contract) -> None:
        lines = [f"{name:<9} {described.api(name).rest}   gRPC {described.api(name).grpc}" for name in SERVICES]
        lines.append(f"{'issuer':<9} {described.issuer}")
        if described.kafka is not None:
            lines.append(f"{'kafka':<9} {described.kafka}")
        for who, login in (("admin", described.admin), ("user", described.user)):
            if login is not None:
                lines.append(f"{who:<9} {login.username} / {login.password}")
        lines.append(f"{'data':<9} {self.place.data} (demo.json, logs/, certs/)")
        for line in ("", *lines, "", "Watchword is ready. Ctrl-C stops it."):
            self.report.line(line)


async def _together(coroutines: Iterable[Coroutine[None, None, None]]) -> None:
    """Runs them at once; where one fails the others are ended, and its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
