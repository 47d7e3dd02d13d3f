"""Token's side of WatchRevocations, under the test's hands, behind a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from tests.unit.sdk.fakes import MICROSECONDS, NOW
from watchword import Revocation
from watchword.token.v1 import token_pb2
from watchword.wire import to_message, to_timestamp

Request = token_pb2.WatchRevocationsRequest
Response = token_pb2.WatchRevocationsResponse


def revocation(position: int, session_id: str = "ses_1") -> Revocation:
    return Revocation("session", session_id, position, NOW * MICROSECONDS, (NOW + 3600) * MICROSECONDS)


@dataclass
class Owner:
    """Token's side of the stream, under the test's hands: it answers what `say` puts and echoes while `echoing`."""

    head: int = 0
    echoing: bool = True
    active: bool = True
    opens: list[token_pb2.WatchOpen] = field(default_factory=list)
    progress: list[token_pb2.WatchProgress] = field(default_factory=list)
    streams: list["asyncio.Queue[Response | None]"] = field(default_factory=list)

    def say(self, response: Response) -> None:
        self.streams[-1].put_nowait(response)

    def hang_up(self) -> None:
        self.streams[-1].put_nowait(None)

    def snapshot(self, *revocations: Revocation) -> None:
        self.say(
            Response(
                snapshot_begins=True,
                revocations=map(to_message, revocations),
                snapshot_complete=True,
                position=self.head,
            )
        )

    async def watch_revocations(self, requests: AsyncIterator[Request], context: object) -> AsyncIterator[Response]:
        said: asyncio.Queue[Response | None] = asyncio.Queue()
        listening = asyncio.create_task(self._listen(requests, said))
        self.streams.append(said)
        try:
            while (response := await said.get()) is not None:
                yield response
        finally:
            listening.cancel()

    async def _listen(self, requests: AsyncIterator[Request], said: "asyncio.Queue[Response | None]") -> None:
        async for request in requests:
            if request.HasField("open"):
                self.opens.append(request.open)
                self.opened(request.open)
                continue
            self.progress.append(request.progress)
            if self.echoing:
                said.put_nowait(self.echo(request.progress.stamp))

    def opened(self, opened: token_pb2.WatchOpen) -> None:
        """A stream begins."""

    def echo(self, stamp: int) -> Response:
        return echo(self.head, stamp)

    async def introspect(self, request: token_pb2.IntrospectRequest, context: object) -> token_pb2.IntrospectResponse:
        return token_pb2.IntrospectResponse(active=self.active)

    def handler(self) -> grpc.GenericRpcHandler:
        rpcs: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "WatchRevocations": grpc.stream_stream_rpc_method_handler(
                self.watch_revocations, Request.FromString, Response.SerializeToString
            ),
            "Introspect": grpc.unary_unary_rpc_method_handler(
                self.introspect,
                token_pb2.IntrospectRequest.FromString,
                token_pb2.IntrospectResponse.SerializeToString,
            ),
        }
        return grpc.method_handlers_generic_handler("watchword.token.v1.TokenService", rpcs)


def echo(head: int, stamp: int) -> Response:
    time = to_timestamp(NOW * MICROSECONDS)
    return Response(freshness=token_pb2.WatchFreshness(head=head, stamp=stamp, time=time))


@asynccontextmanager
async def served(owner: Owner) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((owner.handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(None)
