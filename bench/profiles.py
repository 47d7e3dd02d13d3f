"""Where the time goes: py-spy looks into a process while it is measured, without slowing it much.

It needs to be allowed to trace: root, or kernel.yama.ptrace_scope=0.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

RATE = "400"
LINES = 45


@dataclass
class Profile:
    """Stacks that were seen, innermost frame last, and how often."""

    stacks: Counter[tuple[str, ...]] = field(default_factory=Counter)

    @contextmanager
    def of(self, pid: int) -> Iterator[None]:
        """Looks at a process while the context lasts, at whichever thread runs Python then."""
        program = shutil.which("py-spy", path=str(Path(sys.executable).parent))
        if program is None:
            raise SystemExit("--profile needs py-spy in this environment: make setup-dev")
        with tempfile.TemporaryDirectory() as directory:
            raw = Path(directory) / "raw"
            command = [
                program,
                "record",
                "-p",
                str(pid),
                "-r",
                RATE,
                "-d",
                "86400",
                "-f",
                "raw",
                "-F",
                "--gil",
                "-o",
                str(raw),
            ]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                yield
            finally:
                process.send_signal(signal.SIGINT)
                _, said = process.communicate(timeout=60)
            if not raw.exists():
                raise SystemExit(f"py-spy saw nothing: {said.decode(errors='replace')}")
            self._read(raw.read_text())

    def _read(self, text: str) -> None:
        for line in text.splitlines():
            stack, _, count = line.rpartition(" ")
            self.stacks[tuple(stack.split(";"))] += int(count)

    def told(self) -> Iterator[str]:
        """The functions by their own time, then by the time in all that they call, in percent of all that was seen."""
        total = self.stacks.total() or 1
        own: Counter[str] = Counter()
        within: Counter[str] = Counter()
        for stack, count in self.stacks.items():
            own[stack[-1]] += count
            for frame in set(stack):
                within[frame] += count
        for title, counted in (("own time", own), ("time within", within)):
            yield f"\n{title}, % of {total} samples"
            yield from (f"{100 * count / total:6.1f}  {frame}" for frame, count in counted.most_common(LINES))
