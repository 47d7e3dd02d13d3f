"""An event loop in which nothing happens by itself: whose turn it is, is told to it, and time stands still.

Operations are agents. What an agent has scheduled runs in its turns alone, in order; what comes from outside (the
answer of a database) comes in the turn that it is given. Threads run inline. Timers fire where nobody can go on.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from tests.races.steps import CLOCK, Step

T = TypeVar("T")
_AGENT: ContextVar["Agent | None"] = ContextVar("agent", default=None)


class Stuck(AssertionError):
    """Operations wait, and nothing will ever wake them."""


@dataclass(eq=False, slots=True)
class Agent:
    """An operation under way in a process. One that `follows` for ever need not come to an end.

    While it is `away` (its request is with the database) it touches nothing of its process.
    """

    name: str
    process: str
    operation: Callable[[], Awaitable[Any]]
    follows: bool = False
    away: bool = False
    began: bool = False
    ended: bool = False
    drawn: int = 0
    step: Step | None = None
    task: "asyncio.Task[Any] | None" = None
    ready: deque[asyncio.Handle] = field(default_factory=deque)
    awaited: deque["asyncio.Future[None]"] = field(default_factory=deque)

    @property
    def enabled(self) -> bool:
        return not self.began or bool(self.ready or self.awaited)


def agent_now() -> Agent | None:
    """Whose turn it is; None outside of a race."""
    return _AGENT.get()


def drawing() -> str:
    """A name for the next thing that is drawn at random here: the same in every schedule, and drawn once."""
    drawer = _AGENT.get() or asyncio.get_running_loop()
    assert isinstance(drawer, Agent | Loop)
    drawer.drawn += 1
    return f"{drawer.name}/{drawer.drawn}"


def touch(reads: Iterable[str] = (), writes: Iterable[str] = ()) -> None:
    """What the step that is being made reads and writes, outside of its own process."""
    agent = _AGENT.get()
    if agent is not None and agent.step is not None:
        agent.step.reads.update(reads)
        agent.step.writes.update(writes)


async def pause() -> None:
    """Something is awaited that comes from outside: others may have their turns before."""
    agent = _AGENT.get()
    if agent is not None:
        awaited = asyncio.get_running_loop().create_future()
        agent.awaited.append(awaited)
        await awaited


async def outside(work: Callable[[], Awaitable[T]]) -> T:
    """Does something outside of the process, with a pause on the way there and one on the way back."""
    agent = _AGENT.get()
    if agent is None or agent.away:
        return await work()
    agent.away = True
    await pause()
    error: Exception | None = None
    try:
        answer = await work()
    except Exception as refused:  # noqa: BLE001 - it goes on where it was awaited
        error = refused
    agent.away = False
    await pause()
    if error is not None:
        raise error
    return answer


# There are no sockets, processes or signals here, which types would have every loop offer.
_Base: Any = asyncio.AbstractEventLoop


class Loop(_Base):  # type: ignore[misc]
    """A loop for one schedule. `fine`: a turn is a single callback, else all until something outside is awaited."""

    def __init__(self, fine: bool = False) -> None:
        self.agents: dict[str, Agent] = {}
        self.name, self.drawn = "nobody", 0
        self._fine = fine
        self._plain: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle, Context]] = []
        self._numbers = count()
        self._now = 0.0
        self._late = False
        self._stepping: Agent | None = None
        self._troubles: list[str] = []

    # What a test does with it.

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs what belongs to no operation, such as what comes before and after a race."""
        asyncio._set_running_loop(self)
        try:
            task: asyncio.Task[T] = self.create_task(coroutine)
            while not task.done():
                self._plainly()
                if not task.done() and not self._next_timer():
                    raise Stuck("what belongs to no operation waits for ever")
            return task.result()
        finally:
            asyncio._set_running_loop(None)

    def start(self, name: str, process: str, operation: Callable[[], Awaitable[Any]], follows: bool = False) -> None:
        """Lets an operation begin, in the first turn that it is given."""
        self.agents[name] = Agent(name, process, operation, follows)

    @property
    def enabled(self) -> list[str]:
        """Who can go on. Where nobody can, the next timer fires, if an operation has not ended."""
        while True:
            able = [agent.name for agent in self.agents.values() if agent.enabled]
            if able or all(agent.ended or agent.follows for agent in self.agents.values()):
                return able
            if not self._next_timer():
                raise Stuck(f"waiting for ever: {[one.name for one in self.agents.values() if not one.ended]}")

    def step(self, name: str) -> Step:
        """One turn of an operation, and what it touched."""
        agent = self.agents[name]
        step = agent.step = Step(name, {f"turn {name}"}, set())
        step.began, agent.began = not agent.began, True
        if not agent.away:
            step.reads.add(CLOCK)
            step.writes.add(f"memory {agent.process}")
        if self._late:
            step.writes.add(CLOCK)
            self._late = False
        if step.began:
            step.reads |= {f"end {other}" for other in self.agents if other != name}
        self._take_turn(agent)
        if not agent.ended and agent.task is not None and agent.task.done():
            step.ended = agent.ended = True
            _raise_if_it_stops_everything(agent.task)
            step.writes.add(f"end {name}")
        if self._troubles:
            raise AssertionError("; ".join(self._troubles))
        return step

    def answers(self) -> dict[str, Any]:
        """What each operation that has ended returned or raised."""
        ended = {agent.name: agent.task for agent in self.agents.values() if agent.ended and agent.task is not None}
        return {name: task.exception() or task.result() for name, task in ended.items()}

    def _take_turn(self, agent: Agent) -> None:
        asyncio._set_running_loop(self)
        self._stepping = agent
        try:
            if agent.task is None:
                agent.task = self.create_task(_call(agent.operation), context=_context_of(agent))
            if not agent.ready and agent.awaited:
                awaited = agent.awaited.popleft()
                if not awaited.done():
                    awaited.set_result(None)
            while agent.ready:
                handle = agent.ready.popleft()
                if not handle.cancelled():
                    handle._run()
                    self._plainly()
                    if self._fine:
                        break
        finally:
            self._stepping = None
            asyncio._set_running_loop(None)

    def _plainly(self) -> None:
        while self._plain:
            handle = self._plain.popleft()
            if not handle.cancelled():
                handle._run()

    def _next_timer(self) -> bool:
        while self._timers:
            when, _, handle, context = heapq.heappop(self._timers)
            if not handle.cancelled():
                self._now, self._late = max(self._now, when), True
                self._queue(handle, context)
                return True
        return False

    def _queue(self, handle: asyncio.Handle, context: Context) -> None:
        agent = context.get(_AGENT)
        if agent is None:
            self._plain.append(handle)
            return
        agent.ready.append(handle)
        if self._stepping is not None and self._stepping is not agent and self._stepping.step is not None:
            self._stepping.step.writes.add(f"turn {agent.name}")

    # What asyncio asks of a loop.

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        context = context or copy_context()
        handle = asyncio.Handle(callback, args, self, context)
        self._queue(handle, context)
        return handle

    call_soon_threadsafe = call_soon

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> asyncio.TimerHandle:
        context = context or copy_context()
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), handle, context))
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled one is passed over when its time has come."""

    def time(self) -> float:
        return self._now

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> Any:
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> "asyncio.Future[T]":
        """A thread's work, done at once: a step of the one who asked for it."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - as a thread hands it back
            done.set_exception(error)
        return done

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self._troubles.append(f"{context.get('message')}: {context.get('exception')!r}")

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False


async def _call(operation: Callable[[], Awaitable[Any]]) -> Any:
    return await operation()


def _context_of(agent: Agent) -> Context:
    context = copy_context()
    context.run(_AGENT.set, agent)
    return context


def _raise_if_it_stops_everything(task: "asyncio.Task[Any]") -> None:
    """A task keeps what is raised in it, also what is meant for the whole program, such as a test's time-out."""
    error = task.exception()
    if error is not None and not isinstance(error, Exception):
        raise error
