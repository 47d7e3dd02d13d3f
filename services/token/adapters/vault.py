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

    def __init__(self, key_encryption_key: bytes, keys: WrappedKeys) -> None:
        self._wrapping = AESGCM(key_encryption_key)
        self._keys = keys
        self._cache: OrderedDict[str, bytes] = OrderedDict()

    async def keep(self, key_id: str, purpose: str, secret: bytes) -> None:
        nonce = os.urandom(NONCE)
        name = _name(key_id, purpose)
        await self._keys.put(name, nonce + self._wrapping.encrypt(nonce, secret, name.encode()))

    async def secret(self, key_id: str, purpose: str) -> bytes | None:
        """See KeyVault.secret."""
        name = _name(key_id, purpose)
        if name in self._cache:
            return self._cache[name]
        wrapped = await self._keys.get(name)
        return None if wrapped is None else self._remember(name, self._open(name, wrapped))

    async def destroy(self, key_id: str, purpose: str) -> None:
        name = _name(key_id, purpose)
        self._cache.pop(name, None)
        await self._keys.delete(name)

    def _open(self, name: str, wrapped: bytes) -> bytes:
        try:
            return self._wrapping.decrypt(wrapped[:NONCE], wrapped[NONCE:], name.encode())
        except InvalidTag as error:
            raise ValueError(f"key {name} does not open under this key-encryption key") from error

    def _remember(self, name: str, secret: bytes) -> bytes:
        self._cache[name] = secret
        if len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return secret


def _name(key_id: str, purpose: str) -> str:
    """Where a key lies. A key id that is asked for under another purpose, such as a public `kid`, finds nothing."""
    return f"{purpose}/{key_id}"
