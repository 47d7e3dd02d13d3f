"""A log of token and its topic in memory, under the test's hands."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import msgspec

from tests.unit.sdk.fakes import MICROSECONDS, NOW
from watchword.chain import GENESIS, link
from watchword.kafka.records import BadRecord, Heartbeat, Record
from watchword.kafka.topic import CLUSTER_LOST, Found, TopicMissing

LOG_ID = "9f0b4f0e-3f39-4a53-9a3a-0a6f6a1f0c11"
What = Record | Heartbeat | BadRecord


@dataclass
class Log:
    """Events that continue each other. Another `salt` makes another log of the same events."""

    salt: str = ""
    records: list[Record] = field(default_factory=list)

    def hash_at(self, position: int) -> bytes:
        return self.records[position - 1].chain_hash if position else GENESIS

    def append(self, type_: str = "token.issued", version: int = 1, **body: object) -> Record:
        position = len(self.records) + 1
        record = Record(
            log_id=LOG_ID,
            service="token",
            position=position,
            stream=f"any/{position}",
            version=1,
            type=f"watchword.token.{type_}.v{version}",
            time=NOW * MICROSECONDS,
            command_id=f"c{self.salt}",
            actor="a",
            correlation_id="r",
            body=msgspec.json.encode(body),
            sealed_hash=b"",
            chain_hash=b"",
        )
        record = msgspec.structs.replace(record, chain_hash=link(self.hash_at(position - 1), record))
        self.records.append(record)
        return record

    def revoke(self, session_id: str = "ses_1") -> Record:
        return self.append("session.revoked", session_id=session_id, reason="a test")

    def beat(self, time_us: int = NOW * MICROSECONDS) -> Heartbeat:
        head = len(self.records)
        return Heartbeat(log_id=LOG_ID, service="token", position=head, time=time_us, chain_hash=self.hash_at(head))


@dataclass
class Topic:
    """A topic that a test fills, trims, empties, or takes away."""

    found: list[Found] = field(default_factory=list)
    missing: bool = False
    lost: bool = False
    opened: int = 0
    _next: int = 0
    _offset: int = 0
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, *whats: What) -> None:
        for what in whats:
            self.found.append(Found(self._offset, what))
            self._offset += 1
        self._came.set()

    def trim(self, records: int) -> None:
        del self.found[:records]

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Topic"]:
        self.opened += 1
        if self.missing:
            raise TopicMissing
        self._check()
        yield self

    async def seek(self, position: int, hint: int | None = None) -> None:
        self._check()
        places = [one.offset + 1 for one in self.found if _position(one) == position]
        at_most = [one.offset + 1 for one in self.found if -1 < _position(one) <= position]
        self._next = next(iter(places or at_most[-1:]), 0)

    async def read(self, timeout: float) -> list[Found]:
        self._check()
        found = [one for one in self.found if one.offset >= self._next]
        if not found:
            self._came.clear()
            await asyncio.wait([asyncio.ensure_future(self._came.wait())], timeout=min(timeout, 0.02))
            return []
        self._next = found[-1].offset + 1
        return found

    def _check(self) -> None:
        if self.lost:
            raise CLUSTER_LOST[1]("the cluster is gone")


def _position(found: Found) -> int:
    return -1 if isinstance(found.what, BadRecord) else found.what.position


def forged(record: Record, **changes: object) -> Record:
    """As a stranger would have it: another body, the hash as it was."""
    return msgspec.structs.replace(record, **changes)


def other(log: Log) -> Log:
    """Another log that holds the same events."""
    twin = replace(log, salt="other", records=[])
    for record in log.records:
        twin.append(
            record.type.removeprefix("watchword.token.").removesuffix(".v1"), **msgspec.json.decode(record.body)
        )
    return twin
