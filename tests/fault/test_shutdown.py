"""Ctrl-C and SIGTERM leave no process behind, with streams open that would never end by themselves; and after a
`kill -9` of `up` itself its children end, and the next `up` on the same directory goes on with all that was there."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from suite.databases import SERVICES
from suite.leftover import stop_leftover
from suite.place import Place
from tests.fault.breaking import eventually
from tests.fault.customers import busy, cookie_of
from tests.fault.logs import assert_verified, read_logs
from tests.harness.people import People
from tests.harness.running import Running, free_fleet, running_suite
from watchword.clock import boot_ns
from watchword.log.v1 import log_pb2, log_pb2_grpc
from watchword.token.v1 import token_pb2, token_pb2_grpc

STOPPED = 10.0


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A DIR of which no server is left, also where a test fails after a `kill -9`."""
    yield tmp_path / "data"
    stop_leftover(Place(tmp_path / "data").cluster)


def processes(suite: Running) -> list[psutil.Process]:
    """`up` and all below it."""
    up = psutil.Process(suite.up.pid)
    return [up, *up.children(recursive=True)]


def left(started: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; an ended one that nobody has waited for does not."""
    return [one for one in started if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@asynccontextmanager
async def open_streams(suite: Running) -> AsyncIterator[None]:
    """An operator reads every log and watches revocations, and has been answered; the streams stay open."""
    async with AsyncExitStack() as stack:
        for name in SERVICES:
            channel = await stack.enter_async_context(suite.channel(name))
            reading = log_pb2_grpc.EventLogServiceStub(channel).Read()
            await reading.write(log_pb2.ReadRequest(open=log_pb2.ReadOpen(reader="a-test")))
            await reading.write(log_pb2.ReadRequest(progress=log_pb2.Progress(stamp=boot_ns())))
            await answered(reading, lambda answer: answer.HasField("freshness"))
        channel = await stack.enter_async_context(suite.channel("token"))
        watching = token_pb2_grpc.TokenServiceStub(channel).WatchRevocations()
        await watching.write(token_pb2.WatchRevocationsRequest(open=token_pb2.WatchOpen(reader="a-test")))
        await answered(watching, lambda answer: answer.snapshot_complete)
        yield


async def answered(call: Any, condition: Callable[[Any], bool]) -> None:
    """Returns once an answer of the stream fulfils the condition."""
    async with asyncio.timeout(30):
        while not condition(await call.read()):
            pass


async def ended(suite: Running, sent: signal.Signals, repeatedly: bool) -> int:
    """The exit code of `up` after a signal, or after many."""
    deadline = time.monotonic() + STOPPED
    suite.up.send_signal(sent)
    while (code := suite.up.poll()) is None:
        assert time.monotonic() < deadline, f"`up` still runs {STOPPED} s after {sent.name}"
        if repeatedly:
            suite.up.send_signal(sent)
        await asyncio.sleep(0.05)
    return code


@pytest.mark.parametrize(("sent", "repeatedly"), [(signal.SIGINT, False), (signal.SIGTERM, True)])
async def test_nothing_is_left_after_10_s_though_streams_are_open(
    data: Path, sent: signal.Signals, repeatedly: bool
) -> None:
    with running_suite(data) as suite:
        async with open_streams(suite):
            started = processes(suite)
            assert await ended(suite, sent, repeatedly) == 0
            assert left(started) == []


async def test_after_a_killed_up_its_children_end_and_the_next_goes_on_with_nothing_lost(data: Path) -> None:
    fleet = free_fleet()
    with running_suite(data, fleet=fleet) as suite:
        async with busy(suite) as load, open_streams(suite):
            await load.goes_on()
            services = [psutil.Process(suite.pid(name)) for name in SERVICES]
        before = await read_logs(suite)
        async with open_streams(suite):
            os.kill(suite.up.pid, signal.SIGKILL)

            async def condition() -> bool:
                return left(services) == []

            await eventually(condition, "the services have ended", within=STOPPED)
    with running_suite(data, fleet=fleet) as again:
        logs = await read_logs(again)
        await assert_verified(again)
        assert {name: logs[name][: len(rows)] for name, rows in before.items()} == before
        async with People.of(again) as people:
            for customer in load.customers:
                assert (await people.refresh(customer.refresh_token)).status_code == 200
                headers = {"Cookie": cookie_of(customer.login)}
                assert (await people.get("identity", "/v1/account", headers=headers)).status_code == 200


async def test_the_next_up_takes_over_at_once_from_a_killed_one_whose_children_still_drain(data: Path) -> None:
    fleet = free_fleet()
    with running_suite(data, fleet=fleet) as suite:
        async with People.of(suite) as people, open_streams(suite):
            login = await people.login(await people.register())
            started = processes(suite)
            os.kill(suite.up.pid, signal.SIGKILL)
            suite.up.wait()
            with running_suite(data, fleet=fleet) as again:
                assert left(started) == []
                assert (await people.refresh(login.refresh_token)).status_code == 200
                assert again.contract == suite.contract
                now = processes(again)
    assert left(now) == []
    assert not (Place(data).cluster / "postmaster.pid").exists()
