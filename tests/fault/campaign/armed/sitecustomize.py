"""Found by Python at its start where this directory is on PYTHONPATH: lets a service's process be told where to die.

Who writes `POINT N` into FAULT_POINTS/PID has that process killed at the N-th pass of that point from then on. SIGUSR2
has it write into its log what each of its tasks waits for. A process that runs no service is left as it is.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from types import FrameType


def _watch(directory: Path) -> None:
    from tests.fault.campaign.points import POINTS, install

    order = directory / str(os.getpid())
    passes: dict[str, int] = {}

    def strike(name: str) -> None:
        if not order.exists():
            passes.clear()
            return
        point, _, number = order.read_text().partition(" ")
        if point == name:
            passes[name] = passes.get(name, 0) + 1
            if passes[name] >= int(number):
                os.kill(os.getpid(), signal.SIGKILL)

    at_token = "services.token" in sys.orig_argv
    signal.signal(signal.SIGUSR2, _tell)
    install(strike, tuple(one for one in POINTS if at_token or not one.function.startswith("services.token")))


def _tell(number: int, frame: FrameType | None) -> None:
    """Where each task stands. It comes in the midst of anything: what it raised would be raised there."""
    for task in asyncio.all_tasks():
        at = " < ".join(f"{one.f_code.co_filename}:{one.f_lineno}" for one in reversed(task.get_stack()))
        sys.stderr.write(f"{task.get_name()} waits at {at or 'an end'}\n")
    sys.stderr.flush()


if "FAULT_POINTS" in os.environ and sys.orig_argv[-1].startswith("services."):
    _watch(Path(os.environ["FAULT_POINTS"]))
