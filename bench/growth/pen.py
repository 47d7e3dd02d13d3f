"""Writes rows of one log as `eventlog.append` would have left them, with COPY: the chain is made here, row by row."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import asyncpg
import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.growth.tables import Tables
from eventlog.events import Event, Recorded, encode
from eventlog.postgres.rows import HEAD, head, recorded
from eventlog.sealing import NONCE, Wrapping
from watchword.chain import GENESIS, link

PAGE = 20_000
COLUMNS = (
    *("position", "stream", "version", "type", "time", "command_id", "actor"),
    *("correlation_id", "body", "sealed", "sealed_hash", "chain_hash"),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Act:
    """Who does it, when (µs since 1970), and in which command."""

    time: int
    actor: str
    command_id: str


@dataclass
class Pen:
    """The end of one log. What it writes is also folded into `tables`, by the services' own folds."""

    connection: asyncpg.Connection
    wrapping: Wrapping
    tables: Tables
    position: int = 0
    chain_hash: bytes = GENESIS
    _rows: list[tuple[Any, ...]] = field(default_factory=list)
    _keys: list[tuple[str, bytes]] = field(default_factory=list)

    async def age(self, before: int) -> None:
        """Makes what is there already (the suite's own keys, clients and people) end at `before`, with a new chain."""
        rows = [recorded(row) for row in await self.connection.fetch("SELECT * FROM eventlog.events ORDER BY position")]
        back = before - rows[-1].time if rows else 0
        await self.connection.execute("TRUNCATE eventlog.events")
        for row in rows:
            self._append(msgspec.structs.replace(row, time=row.time + back))
        await self.flush()

    def write(self, act: Act, stream: str, version: int, event: Event) -> int:
        """Appends one event; its position."""
        body, plain = encode(event)
        sealed = None if plain is None else self._sealed(event, stream, version, plain)
        row = Recorded(
            position=self.position + 1,
            stream=stream,
            version=version,
            type=event.type,
            time=act.time,
            command_id=act.command_id,
            actor=act.actor,
            correlation_id=act.command_id,
            body=body,
            sealed=sealed,
            sealed_hash=b"" if sealed is None else sha256(sealed).digest(),
        )
        self._append(row, event)
        return self.position

    def _append(self, row: Recorded, event: Event | None = None) -> None:
        self.chain_hash = link(self.chain_hash, row)
        self.position = row.position
        time = _EPOCH + row.time * _MICROSECOND
        said = (row.command_id, row.actor, row.correlation_id, row.body, row.sealed, row.sealed_hash, self.chain_hash)
        self._rows.append((row.position, row.stream, row.version, row.type, time, *said))
        self.tables.fold(row, event)

    def _sealed(self, event: Event, stream: str, version: int, plain: bytes) -> bytes:
        assert event.sealed_for is not None
        owner = f"account/{getattr(event, event.sealed_for)}"
        key = hashlib.blake2b(owner.encode(), key=b"bench", digest_size=32).digest()
        if version == 1:  # an account's first event is its first sealed one
            self._keys.append((owner, self.wrapping.wrap(owner, key)))
        nonce = os.urandom(NONCE)
        return nonce + AESGCM(key).encrypt(nonce, plain, f"{stream}\n{version}".encode())

    @property
    def full(self) -> bool:
        return len(self._rows) >= PAGE

    async def flush(self) -> None:
        """Puts what was written into the database."""
        rows, keys, self._rows, self._keys = self._rows, self._keys, [], []
        await _copy(self.connection, "eventlog", "events", COLUMNS, rows)
        await _copy(self.connection, "eventlog", "seal_keys", ("owner", "wrapped"), keys)

    async def continues(self) -> None:
        """Begins after the last row that is there."""
        row = await self.connection.fetchrow(HEAD)
        assert row is not None
        now = head(row)
        self.position, self.chain_hash = now.position, now.chain_hash


async def _copy(
    connection: asyncpg.Connection, schema: str, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    if rows:
        await connection.copy_records_to_table(table, schema_name=schema, records=rows, columns=list(columns))
