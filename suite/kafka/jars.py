"""The jars of Apache Kafka: fetched once from Maven Central by `jgo`, and the ones in jars.lock to the last bit.

They are kept where every suite of this user finds them, so that a second start needs no network.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from suite.binaries import REACHABLE

if TYPE_CHECKING:
    from jgo.maven import MavenContext

VERSION = "4.1.0"
AT_ONCE = 8
TIMEOUT = 30
"""Seconds that a server of jars may be silent."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of jars.lock: Maven coordinates, and the SHA-256 in hex."""

    group: str
    name: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}.jar"

    def sound(self, directory: Path) -> bool:
        """Whether it lies in the directory as it was when it was locked."""
        try:
            with (directory / self.file).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


def locked() -> list[Jar]:
    """Every jar that the broker is run with."""
    lines = files("suite.kafka").joinpath("jars.lock").read_text().splitlines()
    return [_jar(*line.split()) for line in lines]


def _jar(coordinates: str, sha256: str) -> Jar:
    group, name, version = coordinates.split(":")
    return Jar(group, name, version, sha256)


def kept() -> Path:
    """Where this user's jars are kept: root's where the account that they are run by can read them."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    base = REACHABLE if os.geteuid() == 0 else Path(cache, "watchword")
    return base / f"kafka-{VERSION}"


def sound(directory: Path) -> bool:
    """Whether every locked jar is there, whole and unchanged."""
    return all(jar.sound(directory) for jar in locked())


def fetch(directory: Path) -> None:
    """Puts the locked jars into the directory, which they replace. Raises OSError or RuntimeError where one is missing,
    and ValueError for one that is not what was locked."""
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    directory.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=directory.parent))
    try:
        remote = {"central": MAVEN_CENTRAL_URL} | GlobalSettings.load().repositories
        maven = MavenContext(repo_cache=new / "maven", remote_repos=remote, timeout=TIMEOUT)
        _download(maven, locked(), new)
        shutil.rmtree(new / "maven")
        new.chmod(0o755)
        _replace(directory, new)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _download(maven: "MavenContext", jars: Iterable[Jar], new: Path) -> None:
    def take(jar: Jar) -> None:
        artifact = maven.project(jar.group, jar.name).at_version(jar.version).artifact()
        artifact.resolve().rename(new / jar.file)
        (new / jar.file).chmod(0o644)
        if not jar.sound(new):
            raise ValueError(f"{jar.file} is not the one that jars.lock names")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(take, jars))


def _replace(directory: Path, new: Path) -> None:
    with suppress(OSError):  # another start was first: its jars are as good
        if directory.exists():
            directory.rename(new / "old")
        new.rename(directory)
    shutil.rmtree(directory / "old", ignore_errors=True)


def main() -> None:
    """Fetches them; a process of its own can be ended halfway."""
    try:
        fetch(kept())
    except (OSError, RuntimeError, ValueError) as error:
        sys.exit(f"Kafka's jars cannot be fetched into {kept()}: {error}\nThe first start needs Maven Central.")


if __name__ == "__main__":
    main()
