"""A small child process for the tests of who supervises it: NAME [WORD VALUE]..., where the words say how it behaves.

ready-file FILE   creates FILE when it is ready     dies yes   ends with exit code 3 at once
journal FILE      appends "start NAME PID" to FILE, and "end NAME PID" when it ends in order
lasts SECONDS     drains that long                  deaf yes   ignores SIGTERM
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path


def main(name: str, *words: str) -> int:
    told = dict(zip(words[::2], words[1::2], strict=True))
    journal(told, f"start {name} {os.getpid()}")
    print(f"{name} says its last words", flush=True)
    if "dies" in told:
        return 3
    ended = threading.Event()
    if "deaf" in told:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
    threading.Thread(target=end_with_stdin, args=(ended,), daemon=True).start()
    if "ready-file" in told:
        Path(told["ready-file"]).touch()
    ended.wait()
    time.sleep(float(told.get("lasts", "0")))
    journal(told, f"end {name} {os.getpid()}")
    return 0


def journal(told: dict[str, str], line: str) -> None:
    if "journal" in told:
        with Path(told["journal"]).open("a") as file:
            file.write(line + "\n")


def end_with_stdin(ended: threading.Event) -> None:
    sys.stdin.buffer.read()
    ended.set()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
