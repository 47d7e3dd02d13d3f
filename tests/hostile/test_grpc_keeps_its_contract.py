"""Whatever is sent over gRPC, by whomever, to whichever method: an answer, or a Status with a code that is known."""

import asyncio
import contextlib
import re
import threading
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

import grpc
import grpc.aio
import psutil
import pytest
import pytest_asyncio
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from chassis.rpc import Tls
from suite.authority import Authority, Kind
from suite.databases import SERVICES
from tests.harness.calls import bearer, reason_of
from tests.harness.people import People, claims
from tests.harness.running import Running
from tests.harness.seeds import SEED, times
from tests.hostile.messages import Forger
from watchword.identity.v1 import identity_pb2
from watchword.log.v1 import log_pb2, log_pb2_grpc
from watchword.policy.v1 import policy_pb2, rules_pb2
from watchword.token.v1 import authorization_pb2, token_pb2

CONTRACTS = (identity_pb2, token_pb2, authorization_pb2, policy_pb2, rules_pb2, log_pb2)
CALLERS: tuple[tuple[Kind, str], ...] = (("operator", "fuzz"), ("backend", "fuzz"), ("service", "identity"))
MESSAGES = 8
STREAMS = 6
AT_ONCE = 16
DEADLINE = 20.0
OPEN = 0.5
GROWTH = 96 * 1024 * 1024
TOO_LARGE = 4 * 1024 * 1024
# Of the taxonomy (eventlog/errors.py), what a caller can bring about.
KNOWN = frozenset(
    {
        "INVALID_ARGUMENT",
        "UNAUTHENTICATED",
        "PERMISSION_DENIED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "FAILED_PRECONDITION",
        "RESOURCE_EXHAUSTED",
    }
)
# Said to whoever revokes, where this process has not applied it within 2 s: as documented, and right where it is busy.
LATE = ("UNAVAILABLE", "not_yet_applied")
REASON = re.compile(r"[a-z][a-z_]{2,40}")


@dataclass(frozen=True)
class Method:
    """One method of one service of the suite."""

    service: str
    path: str
    described: MethodDescriptor


async def methods(suite: Running) -> list[Method]:
    """All that the three services offer, by their own word."""
    assert CONTRACTS, "imported, so that the pool of descriptors has them"
    found = []
    for service in SERVICES:
        async with suite.channel(service) as channel:
            stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast(Any, channel))
            asked = reflection_pb2.ServerReflectionRequest(list_services="")
            async for answer in stub.ServerReflectionInfo(iter([asked]), timeout=DEADLINE):
                names = [one.name for one in answer.list_services_response.service]
        for name in names:
            described = descriptor_pool.Default().FindServiceByName(name)
            found += [Method(service, f"/{name}/{one.name}", one) for one in described.methods]
    return found


@pytest_asyncio.fixture
async def forger(suite: Running, people: People) -> Forger:
    """Knows what there is: so much of what it makes is nearly right."""
    signed = await people.login(await people.register())
    said = claims(signed.access_token)
    async with suite.channel("token") as channel:
        stub: Any = log_pb2_grpc.ProjectionServiceStub(channel)
        shown = (await stub.ListProjections(log_pb2.ListProjectionsRequest(), timeout=DEADLINE)).projections
    words = [signed.access_token, signed.refresh_token, signed.account_id, signed.session_id, said["fam"], said["jti"]]
    words += ["account", "client", "identity.account.disable", "refresh_token", "ES256", "family"]
    words += ["watchword.log.v1.EventLogService/Read", "introspect:any", "spiffe://watchword/backend/fuzz-2"]
    return Forger(SEED, [*words, *(one.name for one in shown)])


@pytest_asyncio.fixture
async def channels(suite: Running) -> AsyncIterator[dict[tuple[str, str], grpc.aio.Channel]]:
    opened: dict[tuple[str, str], grpc.aio.Channel] = {
        (name, kind): suite.channel(name, kind, who) for name in SERVICES for kind, who in CALLERS
    }
    yield opened
    for channel in opened.values():
        await channel.close()


def memory(suite: Running) -> int:
    return sum(int(psutil.Process(suite.pid(name)).memory_info().rss) for name in SERVICES)


@dataclass
class Heard:
    """What was answered how often, and what of it nobody may be told."""

    said: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def error(self, error: Any, method: Method, sent: object) -> None:
        code, reason = error.code().name, reason_of(error)
        self.said[code, reason] += 1
        # What gRPC refuses itself has a code, and no reason of ours: its own services, and what it does not read.
        its_own = method.path.startswith("/grpc.") or (isinstance(sent, bytes) and len(sent) > TOO_LARGE)
        known = code in KNOWN and (its_own or REASON.fullmatch(reason))
        if not known and (code, reason) != LATE:
            self.wrong.append(
                f"{method.path} of {method.service}: {code} {reason} {error.details()} to {str(sent)[:300]}"
            )

    def stream(self, error: Any, method: Method, talk: "Talk") -> None:
        """Who says nothing more is listened to, until its own deadline; who has said so must get an end."""
        own = {"silence": "DEADLINE_EXCEEDED", "hang up": "CANCELLED"}.get(talk.end)
        if error.code().name == own:
            self.said[error.code().name, talk.end] += 1
        else:
            self.error(error, method, talk)

    def settle(self) -> None:
        print(sorted(self.said.items()))
        assert not self.wrong, self.wrong[:5]


async def test_every_method_answers_whatever_it_is_sent(
    suite: Running, channels: dict[tuple[str, str], grpc.aio.Channel], forger: Forger
) -> None:
    found = await methods(suite)
    unary = [one for one in found if not one.described.client_streaming and not one.described.server_streaming]
    assert len(unary) > 25
    # The operator is let in to most of them.
    kinds = ["operator", "operator", *(kind for kind, _ in CALLERS)]
    turns = [(method, kind) for method in unary for kind in kinds for _ in range(times(MESSAGES))]
    forger.random.shuffle(turns)
    heard, third = Heard(), len(turns) // 3
    await all_of(ask(channels[method.service, kind], method, forger, heard) for method, kind in turns[:third])
    before = memory(suite)
    await all_of(ask(channels[method.service, kind], method, forger, heard) for method, kind in turns[third:])
    heard.settle()
    assert heard.said["OK", ""], "nothing of it was ever right"
    grown = memory(suite) - before
    print(f"grown by {grown >> 20} MiB")
    assert grown < GROWTH


async def all_of(asking: Iterable[Coroutine[Any, Any, None]]) -> None:
    """A few at a time."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(asked: Coroutine[Any, Any, None]) -> None:
        async with places:
            await asked

    async with asyncio.TaskGroup() as group:
        for asked in asking:
            group.create_task(one(asked))


async def ask(channel: grpc.aio.Channel, method: Method, forger: Forger, heard: Heard) -> None:
    sent = forger.encoded(method.described.input_type)
    metadata = bearer("a.b.c") if forger.random.random() < 0.1 else None
    call: Any = channel.unary_unary(method.path)
    try:
        await call(sent, timeout=DEADLINE, metadata=metadata)
    except grpc.aio.AioRpcError as error:
        heard.error(error, method, sent)
    else:
        heard.said["OK", ""] += 1


async def test_every_stream_ends_or_goes_on_whatever_is_sent_into_it(suite: Running, forger: Forger) -> None:
    streams = [one for one in await methods(suite) if one.described.client_streaming]
    assert {one.service for one in streams} == set(SERVICES)
    heard, lines = Heard(), {}
    with contextlib.ExitStack() as stack:
        for name in SERVICES:
            for kind, who in CALLERS:
                lines[name, kind] = stack.enter_context(blocking_channel(suite, name, kind, who))
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for method in streams:
                for kind, _ in CALLERS:
                    for _ in range(times(STREAMS)):
                        threads.submit(converse, lines[method.service, kind], method, plan(forger, method), heard)
    heard.settle()
    assert heard.said.total() == len(streams) * len(CALLERS) * times(STREAMS)


@dataclass(frozen=True)
class Talk:
    """What is said into a stream, and how it stops half-way: by an end, by hanging up, or by silence."""

    messages: tuple[bytes, ...]
    end: str


def plan(forger: Forger, method: Method) -> Talk:
    count = forger.random.randint(0, 4)
    messages = tuple(forger.encoded(method.described.input_type) for _ in range(count))
    return Talk(messages, forger.random.choice(("done", "hang up", "silence")))


def blocking_channel(suite: Running, name: str, kind: Kind, who: str) -> grpc.Channel:
    """As suite.channel. The asynchronous client says INTERNAL by itself where a stream was refused while it writes."""
    issued = Authority(suite.place).keep(kind, who)
    tls = Tls.load(suite.place.ca / "ca.pem", issued.cert, issued.key)
    options = [("grpc.ssl_target_name_override", f"{name}.watchword")]
    return grpc.secure_channel(suite.fleet.target(name), tls.for_client(), options)


def converse(channel: grpc.Channel, method: Method, talk: Talk, heard: Heard) -> None:
    over = threading.Event()

    def speak() -> Iterator[bytes]:
        yield from talk.messages
        if talk.end != "done":
            over.wait(DEADLINE)

    talking: Any = channel.stream_stream(method.path)
    call = talking(speak(), timeout=OPEN if talk.end == "silence" else DEADLINE)
    if talk.end == "hang up":
        call.cancel()
    try:
        for _ in call:
            pass
        heard.said["ended", ""] += 1
    except grpc.RpcError as error:
        heard.stream(error, method, talk)
    finally:
        over.set()


async def test_every_method_tells_a_bearer_that_is_none(
    suite: Running, channels: dict[tuple[str, str], grpc.aio.Channel]
) -> None:
    """Also one that none but administrators may call."""
    heard = Heard()
    for method in await methods(suite):
        if method.path.startswith("/watchword.") and not method.described.client_streaming:
            call: Any = channels[method.service, "backend"].unary_unary(method.path)
            try:
                await call(b"", timeout=DEADLINE, metadata=bearer("a.b.c"))
            except grpc.aio.AioRpcError as error:
                heard.error(error, method, b"")
    heard.settle()
    assert heard.said["UNAUTHENTICATED", "invalid_token"] > 15


async def test_a_message_beyond_every_limit_is_refused(
    suite: Running, channels: dict[tuple[str, str], grpc.aio.Channel]
) -> None:
    """gRPC itself says so, before a byte of it is read: so with a code, and no reason of ours."""
    for service in SERVICES:
        call: Any = channels[service, "operator"].unary_unary("/watchword.log.v1.ProjectionService/RetryParked")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"\x0a" + b"\xff\xff\xff\x02" + b"x" * (5 * 1024 * 1024), timeout=DEADLINE)
        assert caught.value.code().name == "RESOURCE_EXHAUSTED"


async def test_nobody_calls_without_a_certificate(suite: Running) -> None:
    ca = grpc.ssl_channel_credentials((suite.place.ca / "ca.pem").read_bytes())
    for method in await methods(suite):
        options = [("grpc.ssl_target_name_override", f"{method.service}.watchword")]
        async with grpc.aio.secure_channel(suite.fleet.target(method.service), ca, options=options) as channel:
            call: Any = channel.unary_unary(method.path)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(b"", timeout=DEADLINE)
            assert caught.value.code().name == "UNAVAILABLE", "TLS lets nobody in"
