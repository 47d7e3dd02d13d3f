"""`python -m tests`: all tests, in parts that run at the same time, with the coverage of all of them.

Most tests wait for processes more than they reckon, so one part goes on while another waits. What belongs to no part of
its own is in the last, whose output comes as it runs; that of the others comes at the end, one after the other.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
LOGS = Path(".venv")
APART = ("unit", "e2e", "fault", "oidc")
REST = "rest"


@dataclass(frozen=True)
class Part:
    """A pytest of its own."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path | None
    """Where its output goes; None where it is shown as it comes."""


def start(name: str) -> Part:
    """Starts a part. Coverage goes to a file that ends with its name."""
    own = [f"tests/{name}"] if name != REST else [f"--ignore=tests/{other}" for other in APART]
    command = [sys.executable, "-m", "pytest", "--cov", "--cov-report=", *own]
    env = os.environ | {"COVERAGE_FILE": f".coverage.{name}"}
    if name == REST:
        return Part(name, subprocess.Popen(command, env=env), None)
    log = LOGS / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    return Part(name, process, log)


def ended(part: Part, since: float) -> str:
    """Waits for a part, shows what it said, and says how it ended."""
    code = part.process.wait()
    outcome = f"{part.name:<5} {'passed' if code == 0 else f'FAILED ({code})'} within {time.monotonic() - since:.0f} s"
    if part.log is None:
        return outcome
    said = part.log.read_text(errors="replace")
    sys.stdout.write(f"\n{f' tests/{part.name} ':#^100}\n{said}")
    return f"{outcome}: {said.splitlines()[-1] if said else 'it said nothing'}"


def combined(parts: Sequence[Part]) -> int:
    """Puts the coverage together and shows it."""
    files = [f".coverage.{part.name}" for part in parts]
    coverage = [sys.executable, "-m", "coverage"]
    return subprocess.call([*coverage, "combine", "--quiet", *files]) or subprocess.call([*coverage, "report"])


def main() -> int:
    """0 where every part passed, and their coverage could be put together."""
    # A shell that runs this in the background lets it ignore Ctrl-C, and so all that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    since = time.monotonic()
    parts = [start(name) for name in (*APART, REST)]
    sys.stdout.write("".join(f"tests/{part.name} runs beside, into {part.log}\n" for part in parts if part.log))
    sys.stdout.flush()
    try:
        said = [ended(part, since) for part in reversed(parts)]
    except KeyboardInterrupt:  # all parts have heard it, too, and end what they have started
        for part in parts:
            part.process.wait()
        return 130
    lost = combined(parts)
    sys.stdout.write("\n".join(("", *said, "")))
    return int(lost != 0 or any(part.process.returncode for part in parts))


if __name__ == "__main__":
    sys.exit(main())
