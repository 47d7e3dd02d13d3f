"""Where the services listen, and who is in the way."""

import errno
import socket
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import combinations

import psutil

from suite.errors import Halt

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound
_LOOPBACK_NAMES = {"localhost": "127.0.0.1"}


@dataclass(frozen=True, slots=True)
class Address:
    """HOST:PORT."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Raises Halt, with an example, for what is not HOST:PORT."""
        host, _, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
            raise Halt(f"{text!r} is not HOST:PORT, such as 127.0.0.1:8401")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def from_here(self) -> "Address":
        """The same listener as this machine calls it: a wildcard is reached on loopback."""
        return Address(_WILDCARDS.get(self.host, self.host), self.port)


def refuse_shared(wanted: Sequence[tuple[str, Address]]) -> None:
    """Raises Halt where two listeners would stand in each other's way. Each comes with the option that moves it."""
    for (option, address), (other_option, other) in combinations(wanted, 2):
        if _overlap(address, other):
            raise Halt(f"{option} {address} and {other_option} {other} are the same: move one of them")


def _overlap(one: Address, other: Address) -> bool:
    hosts = {_LOOPBACK_NAMES.get(address.host, address.host) for address in (one, other)}
    return one.port == other.port and (len(hosts) == 1 or bool(hosts & _WILDCARDS.keys()))


def refuse_taken(wanted: Iterable[tuple[str, Address]]) -> None:
    """Raises Halt where an address cannot be bound, naming who has it. Each comes with the option that moves it."""
    troubles = [trouble for option, address in wanted if (trouble := _trouble(option, address))]
    if troubles:
        raise Halt("\n".join(troubles))


def listens(pid: int, address: Address) -> bool:
    """Whether that process listens on that port."""
    try:
        mine = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == address.port for one in mine)


def _trouble(option: str, address: Address) -> str | None:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
            probe.listen(1)
        except OSError as error:
            moved = option if option.endswith("PORT") else f"{option} HOST:PORT"
            if error.errno != errno.EADDRINUSE:
                return f"{address} cannot be listened on ({error.strerror}): choose another with {moved}"
            return f"{address} is {_use(address)}, or choose another address with {moved}"
    return None


def _use(address: Address) -> str:
    """Who is in the way, and what to do about it."""
    try:
        tcp = psutil.net_connections("tcp")
        there = [one.pid for one in tcp if one.status == psutil.CONN_LISTEN and one.laddr.port == address.port]
        if not there:
            return "in use by an outgoing connection: try again"
        pid = next((pid for pid in there if pid), None)
        if pid is None:
            return "taken by a process of another user (root can see which: ss -ltnp): end it"
        process = psutil.Process(pid)
        return f"taken by process {pid} ({' '.join(process.cmdline()) or process.name()}): end it"
    except psutil.Error:
        return "taken by a process that has just ended, or is ending: try again"
