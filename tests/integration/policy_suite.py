"""Policy as real processes, between logs of identity and token that a test writes."""

import asyncio
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc.aio
import httpx2

from chassis.rpc import Admission, RpcServer, Tls, connect
from eventlog.events import Event, encode
from eventlog.feed import EventLogFeed
from eventlog.readers import MemoryReaders
from eventlog.store import Command, MemoryStore, NewEvent, Write
from tests.harness.database import Database
from tests.harness.ports import free_ports
from tests.unit.chassis.authority import Authority
from tests.unit.sdk.fakes import jwk, sign
from watchword.clock import boot_ns
from watchword.log.v1 import log_pb2_grpc
from watchword.policy.v1 import policy_pb2 as pb
from watchword.policy.v1 import policy_pb2_grpc

READ = {"watchword.log.v1.EventLogService/Read": {"service/policy"}}
START = 45.0
ADMIN = "acc_admin"
SUITE = "suite/policy"


@dataclass
class Peer:
    """Another service's log, and its feed while it is up."""

    name: str
    tls: Tls
    port: int = field(default_factory=lambda: free_ports(1)[0])
    store: MemoryStore = field(default_factory=MemoryStore)
    server: RpcServer | None = None

    async def up(self) -> None:
        self.server = RpcServer(self.tls, Admission())
        feed = EventLogFeed(self.store, MemoryReaders(), lambda: boot_ns() // 1000, str)
        self.server.add(log_pb2_grpc.add_EventLogServiceServicer_to_server, feed, READ)
        await self.server.start(f"127.0.0.1:{self.port}")

    async def down(self) -> None:
        if self.server is not None:
            await self.server.stop(0)
        self.server = None

    async def says(self, event: Event, stream: str = "") -> int:
        """Appends the event; its position."""
        stream = stream or f"test/{secrets.token_hex(4)}"
        version = len(self.store.streams.get(stream, []))
        new = NewEvent(event.type, encode(event)[0])
        appended = await self.store.append(Command(secrets.token_hex(8), "test", "c", [Write(stream, version, [new])]))
        return appended.last


@dataclass
class Policy:
    """One process of policy."""

    process: asyncio.subprocess.Process
    rest: str
    grpc: str
    log: Path

    async def ready(self) -> None:
        async with asyncio.timeout(START), httpx2.AsyncClient(trust_env=False) as client:
            while self.process.returncode is None:
                try:
                    if (await client.get(f"{self.rest}/readyz")).status_code == 200:
                        return
                except httpx2.TransportError:
                    pass
                await asyncio.sleep(0.05)
        raise AssertionError(self.log.read_text())

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(10):
            return await self.process.wait()


@dataclass
class Suite:
    """Certificates, keys, peers and settings that processes of policy share."""

    database: Database
    directory: Path
    authority: Authority = field(default_factory=Authority)
    jwks_port: int = 0
    processes: list[Policy] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.identity = Peer("identity", self.authority.service("identity"))
        self.token = Peer("token", self.authority.service("token"))

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.jwks_port}"

    def environment(self, rest: int, rpc: int) -> dict[str, str]:
        tls = self.authority.service("policy")
        files = {"ca": tls.ca, "cert": tls.cert, "key": tls.key}
        for name, content in files.items():
            (self.directory / name).write_bytes(content)
        kek = self.directory / "kek"
        kek.write_text("A" * 43)
        kek.chmod(0o600)
        settings = {
            "DATABASE": self.database.dsn,
            "REST": f"127.0.0.1:{rest}",
            "GRPC": f"127.0.0.1:{rpc}",
            "ISSUER": self.issuer,
            "IDENTITY_GRPC": f"127.0.0.1:{self.identity.port}",
            "TOKEN_GRPC": f"127.0.0.1:{self.token.port}",
            "KEY_ENCRYPTION_KEY_FILE": str(kek),
            **{name.upper(): str(self.directory / name) for name in files},
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}
        return inherited | {f"WATCHWORD_POLICY_{name}": value for name, value in settings.items()}

    async def start(self) -> Policy:
        """A process of policy, ready."""
        rest, rpc = free_ports(2)
        log = self.directory / f"policy-{rpc}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.policy", env=self.environment(rest, rpc), stdout=output, stderr=output
            )
        policy = Policy(process, f"http://127.0.0.1:{rest}", f"127.0.0.1:{rpc}", log)
        self.processes.append(policy)
        await policy.ready()
        return policy

    @asynccontextmanager
    async def caller(self, policy: Policy, label: str = "backend/demo") -> AsyncIterator["Asking"]:
        """A channel of the certificate's holder."""
        channel = connect(policy.grpc, self.authority.issue(f"spiffe://watchword/{label}"), "policy")
        async with channel:
            yield Asking(channel)

    def bearer(self, subject: str, scope: str = "watchword:admin", **claims: object) -> str:
        """An access token of the suite's issuer."""
        now = int(time.time())
        payload: dict[str, Any] = {
            "iss": self.issuer,
            "sub": subject,
            "aud": self.issuer,
            "iat": now,
            "exp": now + 600,
            "jti": secrets.token_hex(8),
            "client_id": "app",
            "scope": scope,
            "pos": 1_000,
            **claims,
        }
        return sign(payload)


@dataclass
class Asking:
    """One caller of policy."""

    channel: grpc.aio.Channel

    @property
    def policy(self) -> Any:
        """The stub, whose types know of no asynchronous channel."""
        return policy_pb2_grpc.PolicyServiceStub(self.channel)

    async def code(self, subject: str, action: str, **how: Any) -> str:
        """The code of the answer; subject and resource are `type/id`."""
        answer = await self.policy.Check(question(subject, action, **how), timeout=10, wait_for_ready=True)
        assert answer.allowed == (answer.code == "allowed")
        return str(answer.code)

    async def until(self, code: str, subject: str, action: str, **how: Any) -> None:
        """Asks again until this is the answer."""
        async with asyncio.timeout(30):
            while (last := await self.code(subject, action, **how)) != code:
                assert last != "failed"
                await asyncio.sleep(0.02)


def entity(text: str) -> pb.Entity:
    type_, _, id_ = text.partition("/")
    return pb.Entity(type=type_, id=id_)


def question(subject: str, action: str, resource: str | None = None, **how: Any) -> pb.CheckRequest:
    about = None if resource is None else entity(resource)
    return pb.CheckRequest(subject=entity(subject), action=action, resource=about, **how)


@asynccontextmanager
async def policy_suite(database: Database, directory: Path) -> AsyncIterator[Suite]:
    """Ends every process that was started."""
    suite = Suite(database, directory)
    async with AsyncExitStack() as stack:
        server = await asyncio.start_server(_jwks, "127.0.0.1", 0)
        stack.callback(server.close)
        suite.jwks_port = server.sockets[0].getsockname()[1]
        try:
            yield suite
        finally:
            for process in suite.processes:
                await process.end(signal.SIGKILL)
            await suite.identity.down()
            await suite.token.down()


async def _jwks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    body = json.dumps({"keys": [jwk("ES256")]}).encode()
    head = ["HTTP/1.1 200 OK", "content-type: application/json", f"content-length: {len(body)}", "connection: close"]
    writer.write("\r\n".join([*head, "", ""]).encode() + body)
    await writer.drain()
    writer.close()
