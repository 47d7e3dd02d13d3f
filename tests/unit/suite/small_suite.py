"""Three services in one thread, with logs and registers in memory, behind real gRPC, real certificates and real HTTP.

What the commands say to them can be looked at; what they do behind it is tested where it lives.
"""

import asyncio
import json
import threading
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

from typer.testing import CliRunner, Result

from chassis.addresses import Address
from chassis.http import HttpServer, http_server, listen
from chassis.readiness import Readiness
from chassis.rpc import Admission, RpcServer, Tls
from chassis.web import application
from eventlog.feed import EventLogFeed
from eventlog.readers import MemoryReaders
from eventlog.store import Command, MemoryStore, NewEvent, Write
from suite import contract
from suite.authority import Authority
from suite.cli import app
from suite.contract import Api, Backend, Contract
from suite.databases import SERVICES
from suite.place import Place
from tests.unit.suite.small_services import Accounts, Projected, Relayed, Roles, Tokens
from watchword.identity.v1 import identity_pb2, identity_pb2_grpc
from watchword.log.v1 import log_pb2, log_pb2_grpc
from watchword.policy.v1 import policy_pb2, policy_pb2_grpc
from watchword.token.v1 import token_pb2, token_pb2_grpc

T = TypeVar("T")
OPERATORS = {"operator/*"}


class Small:
    """The running services, and the place that the commands are told of."""

    def __init__(self, data: Path, loop: asyncio.AbstractEventLoop, policy: Any = None) -> None:
        self.place = Place(data)
        self.place.furnish()
        self.authority = Authority(self.place)
        self.authority.keep("operator", "admin")
        # What no command asks stays as the stubs have it, unimplemented; to mypy that is abstract.
        self.identity: Accounts = cast(Any, Accounts)()
        self.token: Tokens = cast(Any, Tokens)()
        self.policy: Roles = policy or cast(Any, Roles)()
        self.stores = {name: MemoryStore() for name in SERVICES}
        self.projections = {name: Projected() for name in SERVICES}
        self.relays = {name: Relayed() for name in SERVICES}
        self.unready: dict[str, str | None] = dict.fromkeys(SERVICES)
        self._loop = loop
        self._servers: list[RpcServer] = []
        self._http: list[HttpServer] = []
        self._serving: list[asyncio.Task[None]] = []

    def watchword(self, *arguments: str, stdin: str | bytes | None = None) -> Result:
        """Runs a command on this suite."""
        return CliRunner().invoke(app, [*arguments, "--data", str(self.place.data)], input=stdin)

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a command says to scripts, where it ends with `code`."""
        result = self.watchword(*arguments, "--json")
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    def append(self, log: str, stream: str, *types: str) -> None:
        """Events on a new stream."""
        events = [NewEvent(f"watchword.{log}.{one}.v1", b'{"n":1}') for one in types]
        self._wait(self.stores[log].append(Command(stream, "operator/admin", "c", [Write(stream, 0, events)])))

    async def start(self) -> None:
        identity, token, policy = [await self._service(name) for name in SERVICES]
        contract.write(Contract("http://issuer", identity, token, policy, "", Backend("", "")), self.place)

    async def stop(self) -> None:
        for http in self._http:
            http.should_exit = True
        await asyncio.gather(*self._serving, *(server.stop(0.1) for server in self._servers))

    async def _service(self, name: str) -> Api:
        issued = self.authority.keep("service", name)
        admission = Admission(is_revoked=self.token.certificates.__contains__)
        server = RpcServer(Tls.load(self.authority.certificate, issued.cert, issued.key), admission)
        feed = EventLogFeed(self.stores[name], MemoryReaders(), lambda: 0, str)
        server.add(log_pb2_grpc.add_EventLogServiceServicer_to_server, feed, _all("log.v1.EventLogService"))
        served = self.projections[name]
        server.add(log_pb2_grpc.add_ProjectionServiceServicer_to_server, served, _all("log.v1.ProjectionService"))
        relay = self.relays[name]
        server.add(log_pb2_grpc.add_RelayServiceServicer_to_server, relay, _all("log.v1.RelayService"))
        add: Any = {
            "identity": identity_pb2_grpc.add_IdentityServiceServicer_to_server,
            "token": token_pb2_grpc.add_TokenServiceServicer_to_server,
            "policy": policy_pb2_grpc.add_PolicyServiceServicer_to_server,
        }[name]
        server.add(add, getattr(self, name), _all(f"{name}.v1.{name.title()}Service"))
        self._servers.append(server)
        return Api(self._rest(name), f"127.0.0.1:{await server.start('127.0.0.1:0')}")

    def _rest(self, name: str) -> str:
        readiness = Readiness()

        async def database() -> str | None:
            return self.unready[name]

        readiness.add("database", database)
        listener = listen(Address("127.0.0.1", 0))
        server = http_server(application(title=name, readiness=readiness, origins=frozenset()))
        self._http.append(server)
        self._serving.append(asyncio.create_task(server.serve([listener])))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def _wait(self, work: Awaitable[T]) -> T:
        async def waited() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(waited(), self._loop).result(10)


def _all(service: str) -> dict[str, set[str]]:
    modules = (identity_pb2, token_pb2, policy_pb2, log_pb2)
    name = service.rpartition(".")[2]
    found = next(each.DESCRIPTOR.services_by_name[name] for each in modules if name in each.DESCRIPTOR.services_by_name)
    return {f"{found.full_name}/{method.name}": OPERATORS for method in found.methods}


@contextmanager
def small_suite(data: Path, policy: Any = None) -> Iterator[Small]:
    """Runs until the block ends. `policy` may be another servicer than Roles."""
    loop = asyncio.new_event_loop()
    small = Small(data, loop, policy)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(small.start(), loop).result(20)
        yield small
    finally:
        asyncio.run_coroutine_threadsafe(small.stop(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
