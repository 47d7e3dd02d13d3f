"""Sealed parts (RULES 2): AES-256-GCM under the key of the person an event is about, bound to stream and version.

Erasing the key erases the person and leaves the chain whole: an event without a key still loads, without what it
sealed.
"""

import os
from collections import OrderedDict
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12
SERVICE = "service"


class SealKeys(Protocol):
    """Where the wrapped keys lie: an ordinary table, apart from the log."""

    async def find(self, owner: str) -> bytes | None:
        """The wrapped key of an owner, if there is one."""
        ...

    async def keep(self, owner: str, wrapped: bytes) -> bytes:
        """Stores the wrapped key unless the owner has one; answers the one that is stored."""
        ...

    async def erase(self, owner: str) -> None:
        """Forgets the owner's key for ever."""
        ...


class MemorySealKeys:
    """Keys for a log in memory."""

    def __init__(self) -> None:
        self._wrapped: dict[str, bytes] = {}

    async def find(self, owner: str) -> bytes | None:
        return self._wrapped.get(owner)

    async def keep(self, owner: str, wrapped: bytes) -> bytes:
        return self._wrapped.setdefault(owner, wrapped)

    async def erase(self, owner: str) -> None:
        self._wrapped.pop(owner, None)


class Sealer:
    """Seals and opens. Keys are wrapped by the service's key-encryption key (32 bytes); a bounded cache keeps opened
    ones.
    """

    def __init__(self, key_encryption_key: bytes, keys: SealKeys, cache_size: int = 10_000) -> None:
        self._wrapping = AESGCM(key_encryption_key)
        self._keys = keys
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._cache_size = cache_size

    async def secret(self, owner: str) -> bytes:
        """The 32 bytes that belong to `owner`, made at first use and the same in every process of the service."""
        found = await self._open(owner)
        if found is not None:
            return found
        made = await self._keys.keep(owner, self._wrap(owner, AESGCM.generate_key(256)))
        return self._remember(owner, self._unwrap(owner, made))

    async def seal(self, owner: str, stream: str, version: int, plaintext: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        key = AESGCM(await self.secret(owner))
        return nonce + key.encrypt(nonce, plaintext, f"{stream}\n{version}".encode())

    async def open(self, owner: str, stream: str, version: int, sealed: bytes) -> bytes | None:
        """The plaintext; None where the owner's key was erased. Raises InvalidTag where the row was tampered with."""
        key = await self._open(owner)
        if key is None:
            return None
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], f"{stream}\n{version}".encode())

    async def erase(self, owner: str) -> None:
        self._cache.pop(owner, None)
        await self._keys.erase(owner)

    async def _open(self, owner: str) -> bytes | None:
        if owner in self._cache:
            self._cache.move_to_end(owner)
            return self._cache[owner]
        wrapped = await self._keys.find(owner)
        return None if wrapped is None else self._remember(owner, self._unwrap(owner, wrapped))

    def _wrap(self, owner: str, key: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._wrapping.encrypt(nonce, key, owner.encode())

    def _unwrap(self, owner: str, wrapped: bytes) -> bytes:
        try:
            return self._wrapping.decrypt(wrapped[:NONCE], wrapped[NONCE:], owner.encode())
        except InvalidTag as error:
            raise ValueError(
                "a stored key does not open: is this the key-encryption key that this database was made with?"
            ) from error

    def _remember(self, owner: str, key: bytes) -> bytes:
        self._cache[owner] = key
        if len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)
        return key
