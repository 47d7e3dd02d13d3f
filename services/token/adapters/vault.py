"""Keys at rest (RULES 9): wrapped under the key-encryption key, key id and purpose as associated data."""

from collections import OrderedDict
from typing import Protocol

import asyncpg

from eventlog.postgres import WrappedTable
from eventlog.postgres.connection import fetch
from eventlog.sealing import Wrapping

CACHED = 256
KEYS = WrappedTable(
    "SELECT key_id AS name, wrapped FROM public.keys WHERE key_id > $1 ORDER BY key_id LIMIT 1000",
    "UPDATE public.keys SET wrapped = $3 WHERE key_id = $1 AND wrapped = $2",
)


class WrappedKeys(Protocol):
    """Where the encrypted keys lie, each under a name."""

    async def put(self, name: str, wrapped: bytes) -> None: ...

    async def get(self, name: str) -> bytes | None: ...

    async def delete(self, name: str) -> None: ...


class MemoryWrappedKeys:
    def __init__(self) -> None:
        self._wrapped: dict[str, bytes] = {}

    async def put(self, name: str, wrapped: bytes) -> None:
        self._wrapped[name] = wrapped

    async def get(self, name: str) -> bytes | None:
        return self._wrapped.get(name)

    async def delete(self, name: str) -> None:
        self._wrapped.pop(name, None)


class PostgresWrappedKeys:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def put(self, name: str, wrapped: bytes) -> None:
        await fetch(
            self._pool, "INSERT INTO keys (key_id, wrapped) VALUES ($1, $2) ON CONFLICT DO NOTHING", name, wrapped
        )

    async def get(self, name: str) -> bytes | None:
        found = await fetch(self._pool, "SELECT wrapped FROM keys WHERE key_id = $1", name)
        return found[0]["wrapped"] if found else None

    async def delete(self, name: str) -> None:
        await fetch(self._pool, "DELETE FROM keys WHERE key_id = $1", name)


class EncryptedVault:
    """Wraps and unwraps; the keys in use stay in a small cache of this process."""

    def __init__(self, wrapping: Wrapping, keys: WrappedKeys) -> None:
        self._wrapping = wrapping
        self._keys = keys
        self._cache: OrderedDict[str, bytes] = OrderedDict()

    async def keep(self, key_id: str, purpose: str, secret: bytes) -> None:
        name = _name(key_id, purpose)
        await self._keys.put(name, self._wrapping.wrap(name, secret))

    async def secret(self, key_id: str, purpose: str) -> bytes | None:
        """See KeyVault.secret."""
        name = _name(key_id, purpose)
        if name in self._cache:
            return self._cache[name]
        wrapped = await self._keys.get(name)
        return None if wrapped is None else self._remember(name, self._wrapping.unwrap(name, wrapped))

    async def destroy(self, key_id: str, purpose: str) -> None:
        name = _name(key_id, purpose)
        self._cache.pop(name, None)
        await self._keys.delete(name)

    def _remember(self, name: str, secret: bytes) -> bytes:
        self._cache[name] = secret
        if len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return secret


def _name(key_id: str, purpose: str) -> str:
    """Where a key lies. A key id that is asked for under another purpose, such as a public `kid`, finds nothing."""
    return f"{purpose}/{key_id}"
