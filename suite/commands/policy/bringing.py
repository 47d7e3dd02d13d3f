"""Facts from lines of JSON, a batch at a time."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from chassis.rpc.client import ask
from eventlog.errors import Kind, Refusal
from suite.commands.policy.spelled import to_message
from suite.errors import Halt
from suite.operator import Operator
from watchword.policy.v1.facts_pb2 import Fact
from watchword.policy.v1.policy_pb2 import WriteFactsRequest

FACTS, BYTES = 1000, 1_000_000
"""In one batch, at most; and in about so many bytes."""
PATIENCE = 120.0
_WHICH = re.compile(r"write (\d+): (.*)", re.DOTALL)


@dataclass(slots=True)
class Brought:
    """How many facts are so now, and at which position of policy's log all of them are."""

    facts: int = 0
    position: int = 0


@dataclass(slots=True)
class Batch:
    """Facts that are written together, each with its line."""

    facts: list[Fact] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    bytes: int = 0

    @property
    def full(self) -> bool:
        return len(self.facts) == FACTS or self.bytes >= BYTES


@contextmanager
def lines_of(file: Path) -> Iterator[tuple[Iterable[bytes], int | None]]:
    """The lines, and how many; of standard input nobody knows. Raises Halt."""
    if str(file) == "-":
        yield sys.stdin.buffer, None
        return
    try:
        with file.open("rb") as opened:
            total = sum(1 for line in opened if line.strip())
            opened.seek(0)
            yield opened, total
    except OSError as error:
        raise Halt(f"{file} cannot be read: {error.strerror}") from None


async def bring_in(peers: Operator, lines: Iterable[bytes], restored: bool, done: Callable[[int], None]) -> Brought:
    """Writes them in order. Raises Halt, which names the line, where one is no fact or is refused."""
    brought = Brought()
    for batch in _batches(lines, brought):
        await _write(peers, batch, restored, brought)
        done(brought.facts)
    return brought


def _batches(lines: Iterable[bytes], brought: Brought) -> Iterator[Batch]:
    batch = Batch()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        batch.facts.append(_fact(number, line, brought))
        batch.lines.append(number)
        batch.bytes += len(line)
        if batch.full:
            yield batch
            batch = Batch()
    if batch.facts:
        yield batch


def _fact(number: int, line: bytes, brought: Brought) -> Fact:
    try:
        return to_message(msgspec.json.decode(line))
    except (msgspec.DecodeError, UnicodeDecodeError, Halt) as wrong:
        raise Halt(f"line {number}: {wrong}\n{_so_far(brought)}") from None


async def _write(peers: Operator, batch: Batch, restored: bool, brought: Brought) -> None:
    request = WriteFactsRequest(write=batch.facts, restored=restored)
    try:
        answer = await ask(peers.policy.WriteFacts, request, timeout=PATIENCE, again=True)
    except Refusal as refusal:
        raise Refusal(refusal.kind, refusal.code, f"{_on_line(refusal, batch)}\n{_so_far(brought)}") from None
    brought.facts += len(batch.facts)
    brought.position = max(brought.position, answer.position)


def _on_line(refusal: Refusal, batch: Batch) -> str:
    """The detail, with the line of the file in place of the number in the batch."""
    which = _WHICH.fullmatch(refusal.detail)
    if which is not None:
        return f"line {batch.lines[int(which[1]) - 1]}: {which[2]}"
    alone = len(batch.lines) == 1 and refusal.kind is not Kind.UNAVAILABLE
    return f"line {batch.lines[0]}: {refusal.detail}" if alone else refusal.detail


def _so_far(brought: Brought) -> str:
    if not brought.facts:
        return "Nothing was written."
    return f"The {brought.facts:,} facts before are written; importing them again changes nothing."
