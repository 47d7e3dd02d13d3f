"""Forks lives from a process that has imported everything already, so that one costs tens of milliseconds."""

import asyncio
import os
import signal
import socket
import traceback

import msgspec
import structlog

from tests.fault.campaign import points
from tests.fault.campaign.life import Order, Said, lived


def zygote(channel: socket.socket) -> None:
    """Forks a life for each order that comes, says how it ended, and ends with the channel."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    orders = channel.makefile("rb")
    while line := orders.readline():
        order = msgspec.json.decode(line, type=Order)
        pid = os.fork()
        if pid == 0:
            _alone(order, channel)
        _, status = os.waitpid(pid, 0)
        ended = Said("died" if os.WIFSIGNALED(status) else "missed", status=status)
        channel.sendall(b"\n" + msgspec.json.encode(ended) + b"\n")


def _alone(order: Order, channel: socket.socket) -> None:
    """The child's whole life; never returns."""

    def say(said: Said) -> None:
        channel.sendall(msgspec.json.encode(said) + b"\n")

    try:
        _arm(order)
        asyncio.run(lived(order, say))
    except BaseException:  # noqa: BLE001  whatever ends it is told, and nothing of it goes on in the parent's place
        say(Said("failed", traceback.format_exc()[-2000:]))
    finally:
        os._exit(0)


def _arm(order: Order) -> None:
    """SIGALRM, whose default ends a process as abruptly as SIGKILL, comes from a timer of the kernel."""
    if order.after_ms:
        signal.setitimer(signal.ITIMER_REAL, order.after_ms / 1000)
    if not order.point:
        return
    left = order.passes

    def strike(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    points.install(strike, (points.BY_NAME[order.point],))
