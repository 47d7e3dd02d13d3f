"""Named points inside append, publish, projection commit and key rotation, at which a process can be made to die.

The product knows nothing of them: `install` wraps the functions that they name, in the process that is to die. Before
and after a call are instants of that process; during one, what was asked has been sent to PostgreSQL or Kafka and no
answer has been read.
"""

import asyncio
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

When = Literal["before", "during", "after"]
Strike = Callable[[str], None]
"""Is told the name of the point that is being passed, and may end the process."""
TURNS = 3
"""Turns of the event loop that it takes until what was asked is on its way."""


@dataclass(frozen=True, slots=True)
class Point:
    """`function` is `module:name` or `module:Class.name`."""

    name: str
    function: str
    when: When


POINTS = (
    Point("append.decided", "eventlog.log:Log._store", "before"),
    Point("append.unsent", "eventlog.postgres.writer:Writer._call", "before"),
    Point("append.sent", "eventlog.postgres.writer:Writer._call", "during"),
    Point("append.committed", "eventlog.postgres.writer:Writer._call", "after"),
    Point("append.answered", "eventlog.postgres.writer:Writer._answer", "after"),
    Point("append.known", "eventlog.log:Log._advance", "after"),
    Point("publish.resumed", "eventlog.relay.relay:Relay._resume", "after"),
    Point("publish.unsent", "eventlog.relay.publisher:Publisher.events", "before"),
    Point("publish.sent", "eventlog.relay.publisher:Publisher.events", "during"),
    Point("publish.acknowledged", "eventlog.relay.publisher:Publisher.events", "after"),
    Point("publish.beaten", "eventlog.relay.publisher:Publisher.heartbeat", "after"),
    Point("publish.telling", "eventlog.relay.state:RelayTable.tell", "during"),
    Point("publish.told", "eventlog.relay.state:RelayTable.tell", "after"),
    Point("projection.locked", "eventlog.projection.rows:Rows.locked", "after"),
    Point("projection.applied", "eventlog.projection.table:write_all", "after"),
    Point("projection.advancing", "eventlog.projection.rows:Rows.advance", "during"),
    Point("projection.advanced", "eventlog.projection.rows:Rows.advance", "after"),
    Point("projection.moving", "eventlog.projection.checkpoint:Moves._write", "during"),
    Point("projection.moved", "eventlog.projection.checkpoint:Moves._write", "after"),
    Point("projection.putting", "eventlog.projection.rows:Rows.move", "during"),
    Point("projection.put", "eventlog.projection.rows:Rows.move", "after"),
    Point("projection.committed", "eventlog.projection.table:TableProjection._commit", "after"),
    Point("reaction.done", "eventlog.projection.reaction:Reaction._attempt", "after"),
    Point("rotation.made", "services.token.adapters.vault:EncryptedVault.keep", "before"),
    Point("rotation.keeping", "services.token.adapters.vault:EncryptedVault.keep", "during"),
    Point("rotation.kept", "services.token.adapters.vault:EncryptedVault.keep", "after"),
    Point("rotation.done", "services.token.commands.keys:rotate_ring", "after"),
    Point("rotation.destroying", "services.token.adapters.vault:EncryptedVault.destroy", "before"),
    Point("rotation.ending", "services.token.commands.keys:revoke_family", "before"),
    Point("rotation.ended", "services.token.commands.keys:revoke_family", "after"),
)
BY_NAME = {point.name: point for point in POINTS}


def install(strike: Strike, points: tuple[Point, ...] = POINTS) -> None:
    """From now on `strike` is called at each pass of each point, in this process."""
    for point in points:
        owner, name = owner_of(point)
        setattr(owner, name, _wrapped(getattr(owner, name), point, strike))


def owner_of(point: Point) -> tuple[Any, str]:
    """The class or module of the point's function, and the function's name in it."""
    module, _, path = point.function.partition(":")
    *owners, name = path.split(".")
    return functools.reduce(getattr, owners, import_module(module)), name


def _wrapped(function: Callable[..., Any], point: Point, strike: Strike) -> Callable[..., Any]:
    if not inspect.iscoroutinefunction(function):
        return _wrapped_plain(function, point, strike)

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        if point.when == "before":
            strike(point.name)
        if point.when == "during":
            return await _begun(function(*args, **kwargs), point, strike)
        answer = await function(*args, **kwargs)
        if point.when == "after":
            strike(point.name)
        return answer

    return wrapper


def _wrapped_plain(function: Callable[..., Any], point: Point, strike: Strike) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        answer = function(*args, **kwargs)
        strike(point.name)
        return answer

    return wrapper


async def _begun(call: Any, point: Point, strike: Strike) -> Any:
    """Strikes once the call has had its turns, if it has not ended by then.

    The turns are counted by the loop's own callbacks: the call stays in its task, where its timeouts belong.
    """
    loop = asyncio.get_running_loop()
    running = True

    def turn(left: int) -> None:
        if running and left:
            loop.call_soon(turn, left - 1)
        elif running:
            strike(point.name)

    loop.call_soon(turn, TURNS)
    try:
        return await call
    finally:
        running = False
