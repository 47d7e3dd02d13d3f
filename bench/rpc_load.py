"""The load over gRPC, in a process of its own: unary calls of one method with mutual TLS, over several channels.

Messages go as bytes that were encoded before. `python -m bench.rpc_load` reads an RpcJob from stdin.
"""

import asyncio
import sys
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import msgspec

from bench.http_load import tell
from bench.jobs import Broken, Done, Ready, RpcJob, Told


class Load:
    """One run."""

    def __init__(self, job: RpcJob) -> None:
        self._job = job
        self._latencies: list[float] = []
        self._counting = False
        self._over = False
        self._requests = cycle(job.requests)

    async def run(self) -> Told:
        channels = [self._channel() for _ in range(self._job.channels)]
        clients = [
            asyncio.ensure_future(self._client(channels[number % len(channels)]))
            for number in range(self._job.connections)
        ]
        await asyncio.sleep(self._job.warm_up)
        tell(Ready())
        begun, spent = time.perf_counter(), time.process_time()
        self._counting = True
        await asyncio.sleep(self._job.seconds)
        self._counting = False
        seconds, spent = time.perf_counter() - begun, time.process_time() - spent
        self._over = True
        try:
            await asyncio.gather(*clients)
        except grpc.aio.AioRpcError as error:
            return Broken(f"{error.code()} {error.details()}")
        return Done(len(self._latencies), seconds, self._latencies, spent)

    def _channel(self) -> grpc.aio.Channel:
        ca, key, cert = (Path(path).read_bytes() for path in (self._job.ca, self._job.key, self._job.cert))
        options = [
            ("grpc.ssl_target_name_override", f"{self._job.peer}.watchword"),
            # Else all channels share one connection.
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", 64 * 1024 * 1024),
        ]
        return grpc.aio.secure_channel(self._job.target, grpc.ssl_channel_credentials(ca, key, cert), options)

    async def _client(self, channel: grpc.aio.Channel) -> None:
        call: Any = channel.unary_unary(self._job.method)
        while not self._over:
            sent = time.perf_counter()
            await call(next(self._requests))
            if self._counting:
                self._latencies.append((time.perf_counter() - sent) * 1000)


if __name__ == "__main__":
    wanted = msgspec.json.decode(sys.stdin.buffer.readline(), type=RpcJob)
    tell(asyncio.run(Load(wanted).run()))
