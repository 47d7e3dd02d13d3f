"""What a killed `up` left behind: services end by themselves, its broker and PostgreSQL are recognized, and ended."""

import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from suite.errors import Halt

CLOCK_DRIFT = 5.0
"""Seconds by which the start time that the server wrote and the one that the kernel tells may differ."""
INSISTENCE = ((signal.SIGINT, 5.0), (signal.SIGQUIT, 2.0))
"""Fast, then immediate shutdown, each with the seconds that it is given."""


@dataclass(frozen=True, slots=True)
class LockFile:
    """What the server wrote into postmaster.pid."""

    pid: int
    started: float
    socket: str


def stop_leftover(cluster: Path) -> int | None:
    """Ends the server that still runs in the cluster (fast) and returns its pid; None where there was none.

    A lock file that names a process which is not that server is removed. Raises Halt where the server does not end, or
    where an unknown process works in the directory.
    """
    path = cluster / "postmaster.pid"
    lock = read_lock(path)
    if lock is None:
        return None
    process = _find(lock.pid, cluster)
    if process is None:
        path.unlink(missing_ok=True)
        return None
    if abs(process.create_time() - lock.started) > CLOCK_DRIFT:
        raise Halt(f"process {process.pid} works in {cluster}, but is not the server that {path} names: end it first")
    _end(process)
    socket = Path(lock.socket)
    if socket.is_absolute() and socket.name.startswith("watchword-"):  # the fallback for long paths, empty by now
        with suppress(OSError):
            socket.rmdir()
    return lock.pid


def stop_services(mark: str, data: Path) -> list[int]:
    """Ends the services that still drain because their `up` of this DIR was killed, its broker too, and returns their
    pids.

    They are known by the variable `mark` in their environment. Call only while holding the DIR.
    """
    left = [process for process in psutil.process_iter() if _environment(process).get(mark) == str(data)]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(left, timeout=6.0)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=1.0)
    return [process.pid for process in left]


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return dict(process.environ())
    except psutil.Error:
        return {}


def read_lock(path: Path) -> LockFile | None:
    """What the lock file says; None where there is none, or where it is not whole."""
    try:
        lines = path.read_text().splitlines()
        return LockFile(int(lines[0]), float(lines[2]), lines[4])
    except (FileNotFoundError, ValueError, IndexError):
        return None


def _end(process: psutil.Process) -> None:
    for sent, patience in INSISTENCE:
        with suppress(psutil.TimeoutExpired):
            process.send_signal(sent)
            process.wait(patience)
            return
    raise Halt(f"the PostgreSQL that a killed `up` left (process {process.pid}) does not end: end it with kill -9")


def _find(pid: int, cluster: Path) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        inside = process.name() == "postgres" and Path(process.cwd()) == cluster.resolve()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return process if inside and process.status() != psutil.STATUS_ZOMBIE else None
