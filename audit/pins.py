"""What the lock files pin."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?==(?P<version>[^\s;]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, order=True)
class Pin:
    """A package in one version; names are compared as PEP 503 says."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def pin(name: str, version: str) -> Pin:
    """The pin of a package, however its name is spelled."""
    return Pin(re.sub(r"[-_.]+", "-", name).lower(), version)


def hashes(lock: str) -> dict[Pin, frozenset[str]]:
    """What a lock file's text pins, with the SHA-256 of every file that it allows. Raises ValueError."""
    return dict(_entry(line) for line in _lines(lock))


def jars(lock: str) -> dict[tuple[str, str, str], str]:
    """What suite/kafka/jars.lock pins: group, name and version, with the SHA-256 of the jar."""
    return {tuple(where.split(":", 2)): sha256 for where, sha256 in map(str.split, lock.splitlines())}  # type: ignore[misc]


def pinned(locks: Iterable[Path]) -> frozenset[Pin]:
    """Everything that any of the lock files pins."""
    return frozenset(one for lock in locks for one in hashes(lock.read_text()))


def _lines(lock: str) -> Iterator[str]:
    for line in lock.replace("\\\n", " ").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()


def _entry(line: str) -> tuple[Pin, frozenset[str]]:
    found, allowed = _PINNED.match(line), frozenset(_HASH.findall(line))
    if found is None or not allowed:
        raise ValueError(f"this line of a lock file pins no version with its hashes: {line[:80]}")
    return pin(found["name"], found["version"]), allowed
