"""One service as a process: it starts in order, says why it is not ready, drains, and ends when a part of it dies."""

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Generic, NoReturn, TypeVar

import asyncpg
import structlog
import uvloop
from starlette.types import ASGIApp

from chassis.garbage import collect_seldom
from chassis.http import HttpServer, http_server, listen, once_started
from chassis.keys import rewrap_keys
from chassis.migration import migrate
from chassis.readiness import Readiness, StartFailed
from chassis.rpc import RpcServer
from chassis.settings import ServiceSettings, WrongSetting, exit_with, settings_or_exit
from chassis.telemetry import configure_logging
from chassis.tracing import exporting
from eventlog.errors import Kind, Refusal
from eventlog.postgres import SEAL_KEYS, WrappedTable

T = TypeVar("T")
S = TypeVar("S", bound=ServiceSettings)
Job = Callable[[], Awaitable[None]]

DRAIN = 2.5
CLOSE = 2.0
PAUSE = 0.05
# Past this a process that cannot end is ended.
LAST_RESORT = 6.0

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service serves."""

    rest: ASGIApp
    rpc: RpcServer


class Process:
    """What a composition root hangs its parts on."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.readiness = Readiness()
        self.stopping = asyncio.Event()
        self.started = asyncio.Event()
        self.failed: str | None = None
        self._state: str | None = "starting"
        self._steps: list[tuple[str, Job]] = []
        self._on_ready: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._resources = AsyncExitStack()
        self.readiness.add("process", self._check)

    async def enter(self, resource: AbstractAsyncContextManager[T]) -> T:
        """Opens a resource that is closed when the process ends, the last one first."""
        return await self._resources.enter_async_context(resource)

    def step(self, name: str, job: Job) -> None:
        """Must be done before the process is ready, after the steps before it, while everything is served already.

        A job that raises a Refusal of kind UNAVAILABLE is tried again; StartFailed ends the process with its message.
        """
        self._steps.append((name, job))

    def on_ready(self, job: Callable[[], None]) -> None:
        """Calls a job whenever the process has become ready, the first time and again."""
        self._on_ready.append(job)

    def background(self, name: str, job: Job) -> None:
        """Runs a job that never ends by itself: if it does, or raises, the process ends with 1 and says why."""
        task = asyncio.ensure_future(self._supervised(name, job))
        self._tasks.add(task)

    async def _supervised(self, name: str, job: Job) -> None:
        try:
            await job()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            log.exception("task_cancelled", task=name)  # by a library, not by us: it has ended all the same
        except Exception as error:
            reason = _databases_reason(self.service, error)
            if reason is not None:
                self.fail(reason)
            else:
                log.exception("task_failed", task=name)
        if not self.stopping.is_set():
            self.fail(f"{name} ended unexpectedly")

    def fail(self, reason: str) -> None:
        """Ends the process with 1."""
        self.failed = self.failed or reason
        self.stopping.set()

    async def _check(self) -> str | None:
        return "stopping" if self.stopping.is_set() else self._state

    async def start(self) -> None:
        """Does the steps. Raises what they raise."""
        for name, job in self._steps:
            self._state = f"starting: {name}"
            await self._patiently(name, job)
        self._state = None
        self.started.set()

    async def _patiently(self, name: str, job: Job) -> None:
        while True:
            try:
                return await job()
            except Refusal as refusal:
                if refusal.kind is not Kind.UNAVAILABLE:
                    raise
                if self._state != f"starting: {name}: {refusal.code}":
                    log.info("waiting_to_start", step=name, reason=refusal.detail)
                self._state = f"starting: {name}: {refusal.code}"
            await asyncio.sleep(PAUSE)

    async def watch(self, tell: Callable[[bool], Awaitable[None]]) -> None:
        """Tells each second whether the process is ready, until it stops."""
        before = False
        while not self.stopping.is_set():
            ready = await self.readiness.ready()
            if ready and not before:
                for job in self._on_ready:
                    job()
            # Stopping was said already, and stays.
            await tell(ready and not self.stopping.is_set())
            before = ready
            await asyncio.sleep(1)

    async def close(self) -> None:
        """Ends the background tasks and closes the resources, within 2 s."""
        for task in self._tasks:
            task.cancel()
        try:
            async with asyncio.timeout(CLOSE):
                await asyncio.gather(*self._tasks, return_exceptions=True)
                await self._resources.aclose()
        except TimeoutError:
            log.warning("closed_by_force")


Compose = Callable[[S, Process], Awaitable[Parts]]


def main(
    service: str,
    kind: type[S],
    compose: Compose[S],
    schema: Sequence[str],
    keys: Sequence[WrappedTable] = (SEAL_KEYS,),
) -> NoReturn:
    """`python -m services.<service>` runs the service; with `migrate` brings its database to this release and exits;
    with `rewrap` wraps its stored keys by the first key-encryption key and exits.

    `compose` makes the parts: it opens what it needs through the process, and waits for nothing; what has to be waited
    for is a step. `schema` are the SQL texts of the service's own tables, `keys` the tables of wrapped keys. Exits with
    0 after a drain, 1 where a part failed, 2 for a wrong setting.
    """
    match sys.argv[1:]:
        case []:
            gc.enable()  # it is off while a service is imported: services/__init__.py
            settings = settings_or_exit(kind)
            configure_logging(service, settings.log_format, settings.log_level)
            with exporting(service, settings.otlp):
                code = uvloop.run(_Run(service, settings, compose).run())
            raise SystemExit(code)
        case ["migrate"]:
            migrate(service, kind, schema)
        case ["rewrap"]:
            raise SystemExit(asyncio.run(rewrap_keys(service, settings_or_exit(kind), keys)))
        case _:
            exit_with(f"usage: python -m services.{service} [migrate | rewrap]")


class _Run(Generic[S]):
    """One run of one service."""

    def __init__(self, service: str, settings: S, compose: Compose[S]) -> None:
        self._service = service
        self._settings = settings
        self._compose = compose

    async def run(self) -> int:
        """The exit code."""
        process = Process(self._service)
        _heed_signals(process.stopping)
        if self._settings.stop_with_stdin:
            _heed_stdin(process.stopping)
        try:
            await self._serve(process)
        except WrongSetting as wrong:
            sys.stderr.write(f"{wrong}\n")
            return 2
        except StartFailed as failed:
            process.fail(str(failed))
        finally:
            await process.close()
        if process.failed:
            log.error("process_failed", reason=process.failed)
        return 1 if process.failed else 0

    async def _serve(self, process: Process) -> None:
        with listen(self._settings.rest) as listener:
            parts = await self._compose(self._settings, process)
            await parts.rpc.start(str(self._settings.grpc))
            rest = http_server(once_started(parts.rest, process.started))
            serving = asyncio.ensure_future(rest.serve([listener]))
            process.background("start", lambda: self._start(process, parts))
            stopping = asyncio.ensure_future(process.stopping.wait())
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not process.stopping.is_set():
                process.fail("the HTTP server ended unexpectedly")
            await self._drain(parts, rest, serving, 0 if process.failed else self._settings.drain_pause)

    async def _start(self, process: Process, parts: Parts) -> None:
        """Starts, then keeps grpc.health.v1 level with readiness."""
        try:
            await process.start()
        except StartFailed as failed:
            process.fail(str(failed))
            return
        collect_seldom()
        log.info("started", rest=str(self._settings.rest), grpc=str(self._settings.grpc))
        await process.watch(parts.rpc.serving)

    async def _drain(self, parts: Parts, rest: HttpServer, serving: asyncio.Future[None], pause: float) -> None:
        """Says that it goes, serves on for `pause` seconds until nobody comes any more, and finishes what has begun."""
        _end_at_last(pause)
        log.info("draining", pause=pause)
        await parts.rpc.serving(False)
        rest.leave()
        await asyncio.sleep(pause)
        rest.should_exit = True
        await asyncio.wait({serving, asyncio.ensure_future(parts.rpc.stop())}, timeout=DRAIN)


def _databases_reason(service: str, error: BaseException) -> str | None:
    """What an operator can do about a database that answers, but not as this release needs."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case asyncpg.SyntaxOrAccessError():
            return f"the database is not this release's ({error}): run `python -m services.{service} migrate`"
        case asyncpg.InvalidAuthorizationSpecificationError() | asyncpg.InvalidCatalogNameError():
            return f"the database refuses ({error}): see WATCHWORD_{service.upper()}_DATABASE"
        case _:
            return None


def _end_at_last(pause: float) -> None:
    timer = threading.Timer(pause + LAST_RESORT, os._exit, (1,))
    timer.daemon = True
    timer.start()


def _heed_signals(stopping: asyncio.Event) -> None:
    # A repeated signal changes nothing: make and a terminal send theirs besides the parent's.
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)


def _heed_stdin(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def read() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stopping.set)

    threading.Thread(target=read, name="stdin", daemon=True).start()
