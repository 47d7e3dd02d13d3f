"""The network between any two, as one process can be made to see it: a way over TCP or a Unix socket that can be cut,
fall silent, grow slow, or be reset half-way through an answer. No root is needed."""

import asyncio
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec
import uvloop

CHUNK = 65536
Mood = Literal["open", "cut", "silent", "slow"]
Far = tuple[str, int] | Path
"""HOST and port, or a Unix socket."""


@dataclass
class Way:
    """`cut` refuses and ends connections; `silent` passes nothing on, either way; `slow` passes each piece on late."""

    far: Far
    mood: Mood = "open"
    delay: float = 0.0
    resets: int = 0
    """So many of the next answers are reset once `half` bytes of them have been passed on."""
    half: int = 0
    were_reset: int = 0
    server: asyncio.Server | None = None
    _open: set[StreamWriter] = field(default_factory=set)
    _calm: asyncio.Event = field(default_factory=asyncio.Event)

    def turn(self, mood: Mood, delay: float = 0.0) -> None:
        """From now on, also for the connections that there are."""
        self.mood, self.delay = mood, delay
        if mood == "silent":
            self._calm.clear()
        else:
            self._calm.set()
        if mood == "cut":
            self._abort()

    def reset_next(self, half: int) -> None:
        """The next answer is reset half-way."""
        self.resets, self.half = 1, half

    def _abort(self) -> None:
        for one in list(self._open):
            one.transport.abort()

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection."""
        if self.mood == "cut":
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._open |= ends
        ways = [asyncio.create_task(self._up(reader, far_writer)), asyncio.create_task(self._down(far_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _connect(self) -> tuple[StreamReader, StreamWriter]:
        if isinstance(self.far, Path):
            return await asyncio.open_unix_connection(str(self.far))
        return await asyncio.open_connection(*self.far)

    async def _up(self, reader: StreamReader, writer: StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._pass(data, writer)

    async def _down(self, reader: StreamReader, writer: StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            if self.resets:
                self.resets -= 1
                self.were_reset += 1
                await self._pass(data[: self.half], writer)
                return
            await self._pass(data, writer)

    async def _pass(self, data: bytes, writer: StreamWriter) -> None:
        await self._calm.wait()
        if self.mood == "slow":
            await asyncio.sleep(self.delay)
        writer.write(data)
        await writer.drain()


class Told(msgspec.Struct, frozen=True):
    """A word to the process that holds the ways: one is opened, turned, or asked how many of its answers were reset."""

    way: str
    word: Literal["open", "turn", "reset", "were_reset"]
    door: str = ""
    far: str = ""
    mood: Mood = "open"
    delay: float = 0.0
    half: int = 0


@dataclass
class Network:
    """The process that holds all ways. It does nothing else: what looks slow was meant to be."""

    process: Process

    async def tell(self, told: Told) -> int:
        """What it answers: 0, but for how many were reset. Words are said one after the other."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(msgspec.json.encode(told) + b"\n")
        return int(await self.process.stdout.readline())


@asynccontextmanager
async def network() -> AsyncIterator[Network]:
    """The network while the context lasts."""
    program = (sys.executable, "-m", "tests.fault.campaign.network")
    process = await asyncio.create_subprocess_exec(*program, stdin=PIPE, stdout=PIPE, cwd=Path(__file__).parents[3])
    try:
        yield Network(process)
    finally:
        process.kill()
        await process.wait()


async def _hold() -> None:
    """Heeds every word until there is nobody left to say one."""
    words = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(words)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    ways: dict[str, Way] = {}
    while line := await words.readline():
        told = msgspec.json.decode(line, type=Told)
        print(await _heed(ways, told), flush=True)


async def _heed(ways: dict[str, Way], told: Told) -> int:
    match told.word:
        case "open":
            way = ways[told.way] = Way(_place(told.far))
            way.turn("open")
            door = _place(told.door)
            if isinstance(door, Path):
                way.server = await asyncio.start_unix_server(way.serve, path=str(door))
            else:
                way.server = await asyncio.start_server(way.serve, *door)
        case "turn":
            ways[told.way].turn(told.mood, told.delay)
            ways[told.way].resets = 0
        case "reset":
            ways[told.way].reset_next(told.half)
        case "were_reset":
            return ways[told.way].were_reset
    return 0


def _place(text: str) -> Far:
    host, colon, port = text.rpartition(":")
    return (host, int(port)) if colon else Path(text)


if __name__ == "__main__":
    uvloop.run(_hold())
