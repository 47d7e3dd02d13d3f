"""Known values, in every spelling that they might leak in, and where they are found."""

import base64
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Needle:
    """What is looked for; only its name is ever shown."""

    name: str
    value: bytes = field(repr=False)
    encoded: bool = False


def spelled(name: str, value: str | bytes) -> list[Needle]:
    """The value as it is, in hex, in base64 and percent-encoded."""
    raw = value.encode() if isinstance(value, str) else value
    spellings = {
        "as it is": raw,
        "in hex": raw.hex().encode(),
        "in base64": base64.b64encode(raw).rstrip(b"="),
        "in base64url": base64.urlsafe_b64encode(raw).rstrip(b"="),
        "percent-encoded": quote(raw, safe="").encode(),
    }
    distinct = {spelling: how for how, spelling in reversed(spellings.items())}
    return [Needle(f"{name} ({how})", spelling, spelling != raw) for spelling, how in distinct.items()]


def found(needles: Iterable[Needle], haystack: bytes) -> set[str]:
    """The names of those that are in it."""
    return {needle.name for needle in needles if needle.value in haystack}


def found_in_file(needles: Iterable[Needle], path: Path) -> set[str]:
    """Those in a file."""
    with path.open("rb") as file:
        return _found_in_chunks(list(needles), iter(lambda: file.read(CHUNK), b""))


def found_in_memory(needles: Iterable[Needle], pid: int, *, shared: bool = True) -> set[str]:
    """Those that lie, as they are, in what a process may write to: its heap, its stacks, what it shares with others.

    Raises PermissionError where its memory may not be read.
    """
    wanted, names = [needle for needle in needles if not needle.encoded], set[str]()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end in _writable(pid, shared):
            names |= _found_in_chunks(wanted, _region(memory, start, end))
    return names


def _writable(pid: int, shared: bool) -> Iterator[tuple[int, int]]:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        addresses, permissions, *_ = line.split()
        if permissions.startswith("rw") and (shared or permissions.endswith("p")):
            start, _, end = addresses.partition("-")
            yield int(start, 16), int(end, 16)


def _region(memory: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    memory.seek(start)
    with suppress(OSError):  # unmapped since
        while data := memory.read(min(CHUNK, end - memory.tell())):
            yield data


def _found_in_chunks(needles: list[Needle], chunks: Iterable[bytes]) -> set[str]:
    """Those in the chunks, also across their borders."""
    overlap, names, rest = max(len(needle.value) for needle in needles) - 1, set[str](), b""
    for chunk in chunks:
        if chunk.count(0) == len(chunk):
            rest = b""
            continue
        data = rest + chunk
        names |= found(needles, data)
        rest = data[-overlap:]
    return names
