"""A service that may open no more files accepts nobody for a while. It neither ends nor spins, those who are in are
served, and once there are descriptors again everybody is."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import psutil
import pytest

from suite.ports import Address
from tests.flood.floods import flood, honest, watched
from tests.harness.running import Running, until
from watchword.token.v1 import token_pb2, token_pb2_grpc

LEFT = 20
MANY = 120
WATCH = 2.0
"""Seconds; who spins takes as many of the processor."""


@contextmanager
def few_left(suite: Running, name: str) -> Iterator[psutil.Process]:
    """The service's process, which may open few more files."""
    process = psutil.Process(suite.pid(name))
    before = process.rlimit(resource.RLIMIT_NOFILE)
    process.rlimit(resource.RLIMIT_NOFILE, (process.num_fds() + LEFT, before[1]))
    try:
        yield process
    finally:
        process.rlimit(resource.RLIMIT_NOFILE, before)


def busy(process: psutil.Process) -> float:
    """The part of a processor that it takes."""
    process.cpu_percent()
    time.sleep(WATCH)
    return float(process.cpu_percent()) / 100


def port(suite: Running, door: str) -> Address:
    return suite.fleet.rest["token"] if door == "REST" else suite.fleet.grpc["token"]


@pytest.mark.parametrize("door", ["REST", "gRPC"])
async def test_at_the_door(suite: Running, door: str) -> None:
    with httpx2.Client(base_url=suite.url("token"), trust_env=False) as inside, watched(suite, "token") as service:
        assert inside.get("/livez").status_code == 200
        async with suite.channel("token", "backend", "demo") as channel:
            stub = token_pb2_grpc.TokenServiceStub(channel)
            await stub.Introspect(token_pb2.IntrospectRequest(token="none"))
            with few_left(suite, "token") as process:
                async with flood(port(suite, door), MANY, b""):
                    until(lambda: process.num_fds() >= process.rlimit(resource.RLIMIT_NOFILE)[0] - 1, "none is left")
                    assert busy(process) < 0.8
                    assert inside.get("/livez").status_code == 200
                    await stub.Introspect(token_pb2.IntrospectRequest(token="none"))
        await honest(suite.url("token"))
        assert service.grown < 32
