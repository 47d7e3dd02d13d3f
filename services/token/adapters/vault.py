"""Keys at rest (RULES 9): AES-256-GCM under the key-encryption key, key id and purpose as associated data."""

import os
from collections import OrderedDict
from typing import Protocol

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from eventlog.postgres.connection import fetch

NONCE = 12
CACHED = 256


class WrappedKeys(Protocol):
    """Where the encrypted keys lie."""

    async def put(self, key_id: str, wrapped: bytes) -> None: ...

    async def get(self, key_id: str) -> bytes | None: ...

    async def delete(self, key_id: str) -> None: ...


class MemoryWrappedKeys:
    def __init__(self) -> None:
        self._wrapped: dict[str, bytes] = {}

    async def put(self, key_id: str, wrapped: bytes) -> None:
        self._wrapped[key_id] = wrapped

    async def get(self, key_id: str) -> bytes | None:
        return self._wrapped.get(key_id)

    async def delete(self, key_id: str) -> None:
        self._wrapped.pop(key_id, None)


class PostgresWrappedKeys:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def put(self, key_id: str, wrapped: bytes) -> None:
        await fetch(
            self._pool, "INSERT INTO keys (key_id, wrapped) VALUES ($1, $2) ON CONFLICT DO NOTHING", key_id, wrapped
        )

    async def get(self, key_id: str) -> bytes | None:
        found = await fetch(self._pool, "SELECT wrapped FROM keys WHERE key_id = $1", key_id)
        return found[0]["wrapped"] if found else None

    async def delete(self, key_id: str) -> None:
        await fetch(self._pool, "DELETE FROM keys WHERE key_id = $1", key_id)


class EncryptedVault:
    """Wraps and unwraps; the keys in use stay in a small cache of this process."""

    def __init__(self, key_encryption_key: bytes, keys: WrappedKeys) -> None:
        self._wrapping = AESGCM(key_encryption_key)
        self._keys = keys
        self._cache: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    async def keep(self, key_id: str, purpose: str, secret: bytes) -> None:
        nonce = os.urandom(NONCE)
        await self._keys.put(key_id, nonce + self._wrapping.encrypt(nonce, secret, _bound(key_id, purpose)))

    async def secret(self, key_id: str, purpose: str) -> bytes | None:
        """See KeyVault.secret."""
        cached = self._cache.get((key_id, purpose))
        if cached is not None:
            return cached
        wrapped = await self._keys.get(key_id)
        return None if wrapped is None else self._remember(key_id, purpose, self._open(key_id, purpose, wrapped))

    async def destroy(self, key_id: str) -> None:
        for key in [key for key in self._cache if key[0] == key_id]:
            del self._cache[key]
        await self._keys.delete(key_id)

    def _open(self, key_id: str, purpose: str, wrapped: bytes) -> bytes:
        try:
            return self._wrapping.decrypt(wrapped[:NONCE], wrapped[NONCE:], _bound(key_id, purpose))
        except InvalidTag as error:
            raise ValueError(f"key {key_id} does not open as a {purpose} key under this key-encryption key") from error

    def _remember(self, key_id: str, purpose: str, secret: bytes) -> bytes:
        self._cache[key_id, purpose] = secret
        if len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return secret


def _bound(key_id: str, purpose: str) -> bytes:
    return f"{key_id}\n{purpose}".encode()
