"""Where one suite keeps what it must not forget: the layout of `--data DIR`."""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from suite.errors import Halt


def default_data() -> Path:
    """`WATCHWORD_DATA`, or `~/.local/share/watchword`."""
    named = os.environ.get("WATCHWORD_DATA")
    return Path(named).expanduser() if named else Path.home() / ".local" / "share" / "watchword"


@dataclass(frozen=True, slots=True)
class Place:
    """The paths inside one data directory."""

    data: Path

    @property
    def cluster(self) -> Path:
        return self.data / "postgres"

    @property
    def kafka(self) -> Path:
        return self.data / "kafka"

    @property
    def run(self) -> Path:
        return self.data / "run"

    @property
    def ca(self) -> Path:
        return self.data / "ca"

    @property
    def certs(self) -> Path:
        return self.data / "certs"

    @property
    def secrets(self) -> Path:
        return self.data / "secrets"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def demo(self) -> Path:
        return self.data / "demo.json"

    def furnish(self) -> None:
        """Makes the directories that only the suite's own user enters. DIR itself must exist."""
        for directory in (self.ca, self.certs, self.secrets, self.logs):
            directory.mkdir(mode=0o700, exist_ok=True)

    def secret(self, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(32)) -> str:
        """The secret of that name, made and written (mode 0600) where there is none yet."""
        path = self.secrets / name
        if not path.exists():
            write_private(path, make())
        return path.read_text()


def refuse_foreign(data: Path) -> None:
    """Raises Halt for a directory that holds something, but nothing of a suite: it was meant for something else."""
    found = {path.name for path in data.iterdir()}
    if found and not found & {"lock", "secrets", "postgres"}:
        raise Halt(
            f"{data} is not empty, and no suite has run there (it has neither lock, secrets nor postgres): name a "
            "directory that is empty or does not exist yet with --data DIR"
        )


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner reads (0600), by rename: a reader sees the old one or the new one, whole."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


@contextmanager
def sole_use(data: Path) -> Iterator[None]:
    """Holds DIR for this process. Raises Halt where another `up` has it; a killed one has it no longer."""
    with (data / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            raise Halt(
                f"{data} is in use by another `watchword up` (process {holder}): stop that one, or give this one "
                "a directory and ports of its own"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
