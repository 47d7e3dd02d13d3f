"""Ports for what a test starts, which nothing else takes before it listens there.

Below those that outgoing connections take, and from a block that this process alone has: groups of tests that run
beside one another never choose the same.
"""

import contextlib
import itertools
import random
import socket
from collections.abc import Iterator
from functools import cache

_BLOCK = 500
_BLOCKS = range(10_000, 32_000, _BLOCK)


def free_ports(count: int) -> list[int]:
    """So many ports that are free now. They come again only after all others of this process have."""
    turns = itertools.islice(_ports(), _BLOCK)
    ports = list(itertools.islice(filter(_free, turns), count))
    if len(ports) < count:
        raise LookupError(f"of this process's {_BLOCK} ports fewer than {count} are free")
    return ports


def free_pair() -> int:
    """The first of two ports in a row that are free now."""
    for _ in range(_BLOCK):
        one, other = free_ports(2)
        if other == one + 1:
            return one
    raise LookupError("no two ports in a row are free")


@cache
def _ports() -> Iterator[int]:
    """This process's ports, round and round."""
    _claim, first = _claimed()
    return itertools.cycle(range(first, first + _BLOCK))


@cache
def _claimed() -> tuple[socket.socket, int]:
    """A block's first port, and what says to other processes that it is taken, for as long as this one lives.

    A name in Linux's abstract namespace: like a port it belongs to the network namespace, and goes with its process.
    """
    for first in random.sample(_BLOCKS, len(_BLOCKS)):
        claim = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError):
            claim.bind(f"\0watchword-tests-ports-{first}")
            return claim, first
        claim.close()
    raise LookupError(f"{len(_BLOCKS)} other processes have each taken {_BLOCK} ports")


def _free(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False
