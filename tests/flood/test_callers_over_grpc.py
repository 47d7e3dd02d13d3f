"""What is done to a gRPC port, without a certificate and with one, costs bounded memory, and others are answered."""

import asyncio
from typing import Any

import grpc.aio
import pytest

from chassis.rpc.server import CONNECTIONS
from tests.flood.floods import all_ended, flood, peers_of, watched
from tests.flood.frames import END_HEADERS, HEADERS, PING, RST_STREAM, frame, headers, spoken, written
from tests.harness.running import Running
from watchword.token.v1 import token_pb2, token_pb2_grpc

HANDSHAKE = 10.0
OTHERS = 100
"""Connections that a service has besides."""
SLACK = 20.0
STREAMS = 1_500
CHANNELS = 60
WATCH = "/watchword.token.v1.TokenService/WatchRevocations"


async def honest(suite: Running) -> None:
    """Another backend is answered meanwhile, on a connection of its own."""
    async with suite.channel("token", "backend", "honest") as channel:
        await answered(channel)


async def answered(channel: grpc.aio.Channel) -> None:
    stub = token_pb2_grpc.TokenServiceStub(channel)
    answer = await stub.Introspect(token_pb2.IntrospectRequest(token="none"), timeout=30, wait_for_ready=True)
    assert not answer.active


async def test_who_connects_and_begins_no_handshake_is_let_go(suite: Running, crowd: int) -> None:
    """Those that are more than CONNECTIONS at once; whoever is connected is served on."""
    async with suite.channel("token", "backend", "connected") as connected:
        await answered(connected)
        with watched(suite, "token") as service:
            async with flood(suite.fleet.grpc["token"], crowd, b"") as floods:
                await answered(connected)
                assert len(peers_of(suite, "token")) <= CONNECTIONS + OTHERS
                service.look()
                await all_ended(floods, HANDSHAKE + SLACK)
            assert service.grown < 16 + (min(crowd, CONNECTIONS) * 48 + crowd * 24) / 1024
    await honest(suite)


async def test_channels_that_are_idle(suite: Running) -> None:
    channels = [suite.channel("token", "backend", "demo") for _ in range(CHANNELS)]
    with watched(suite, "token") as service:
        try:
            await asyncio.gather(*(channel.channel_ready() for channel in channels))
            await honest(suite)
        finally:
            await asyncio.gather(*(channel.close() for channel in channels))
        assert service.grown < 48


async def test_streams_that_are_opened_and_never_read(suite: Running) -> None:
    """More than one connection may have: the others wait, on the side of whoever opens them."""
    with watched(suite, "token") as service:
        async with suite.channel("token", "backend", "demo") as channel:
            stub = token_pb2_grpc.TokenServiceStub(channel)
            streams: list[Any] = [stub.WatchRevocations() for _ in range(STREAMS)]
            opened = token_pb2.WatchRevocationsRequest(open=token_pb2.WatchOpen(reader="never-reads"))
            writing = [asyncio.ensure_future(stream.write(opened)) for stream in streams]
            await asyncio.wait(writing, timeout=3)
            await honest(suite)
            for one in (*streams, *writing):
                one.cancel()
        assert service.grown < 64
    await honest(suite)


@pytest.mark.parametrize("reads", [True, False], ids=["answers are read", "answers are not read"])
async def test_a_flood_of_pings(suite: Running, reads: bool) -> None:
    with watched(suite, "token") as service:
        async with spoken(suite, "token") as (reader, writer):
            reading = asyncio.ensure_future(drained(reader)) if reads else None
            await written(writer, frame(PING, 0, 0, b"12345678") * 1_000, 200)
            await honest(suite)
            if reading is not None:
                reading.cancel()
        assert service.grown < 32
    await honest(suite)


async def test_calls_that_are_begun_and_reset_at_once(suite: Running) -> None:
    """CVE-2023-44487, "rapid reset"."""
    called = headers(WATCH)
    with watched(suite, "token") as service:
        async with spoken(suite, "token") as (reader, writer):
            reading = asyncio.ensure_future(drained(reader))
            for begun in range(20):
                numbers = range(1 + 1_000 * begun, 1_000 * (begun + 1), 2)
                piece = b"".join(
                    frame(HEADERS, END_HEADERS, number, called) + frame(RST_STREAM, 0, number, b"\0\0\0\x08")
                    for number in numbers
                )
                await written(writer, piece, 1)
            await honest(suite)
            reading.cancel()
        assert service.grown < 64
    await honest(suite)


async def drained(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass
