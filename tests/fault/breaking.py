"""Breaks parts of a running suite, and waits until they are mended."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx2

from suite.databases import SERVICES
from tests.harness.people import People
from tests.harness.running import GaveUp, Running

PATIENCE = 60.0


async def eventually(condition: Callable[[], Awaitable[bool]], what: str, within: float = PATIENCE) -> None:
    """Returns once the condition holds. Raises GaveUp after `within` seconds."""
    deadline = time.monotonic() + within
    while not await condition():
        if time.monotonic() > deadline:
            raise GaveUp(f"not within {within} s: {what}")
        await asyncio.sleep(0.05)


async def ready(people: People, name: str) -> bool:
    try:
        return (await people.get(name, "/readyz")).status_code == 200
    except httpx2.TransportError:
        return False


def pid_of(suite: Running, name: str) -> int | None:
    """The process that `up` runs, None while there is none."""
    try:
        return suite.pid(name)
    except LookupError:
        return None


async def logs_in(people: People) -> bool:
    """Whether the demo's user is given tokens: identity has found token again."""
    user = people.suite.user
    answer = await people.try_login(user.username, user.password, client=people.suite.app)
    people.http.cookies.clear()
    assert answer.status_code in (200, 503), answer.text
    return answer.status_code == 200


async def all_ready(people: People) -> None:
    """Returns once every service is ready, and has found the others again."""

    async def condition() -> bool:
        return all([await ready(people, name) for name in SERVICES]) and await logs_in(people)

    await eventually(condition, "every service is ready")


async def back(suite: Running, people: People, name: str, killed: int) -> None:
    """Returns once another process stands in for the killed one, and every service is ready."""

    async def condition() -> bool:
        return pid_of(suite, name) not in (None, killed)

    await eventually(condition, f"{name} was started again")
    await all_ready(people)


async def kill(suite: Running, people: People, name: str) -> None:
    """`kill -9`; returns once it was started again and every service is ready."""
    pid = suite.pid(name)
    os.kill(pid, signal.SIGKILL)
    await back(suite, people, name, pid)


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """Stops processes as a debugger does; they go on at the end."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def kept_down(suite: Running, people: People, name: str) -> AsyncIterator[None]:
    """`kill -9`, and nobody starts it again before the end; then returns when it is back."""
    pid = suite.pid(name)
    with stopped(suite.up.pid):
        os.kill(pid, signal.SIGKILL)
        yield
    await back(suite, people, name, pid)


async def past(moment: float) -> None:
    """Returns once the monotonic clock shows more than `moment`."""
    await asyncio.sleep(max(0.0, moment - time.monotonic()))
