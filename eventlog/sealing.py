"""Sealed parts (RULES 2): AES-256-GCM under the key of the person an event is about, bound to stream and version.

Erasing the key erases the person and leaves the chain whole: an event without a key still loads, without what it
sealed.
"""

import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12
SERVICE = "service"


class Wrapping:
    """Keys at rest: AES-256-GCM under a key-encryption key of 32 bytes, bound to the name that each lies under.

    The first key-encryption key wraps; the others open what they wrapped before it took their place. Raises ValueError
    where there is none, or one of another size.
    """

    def __init__(self, *key_encryption_keys: bytes) -> None:
        if not key_encryption_keys or any(len(key) != 32 for key in key_encryption_keys):
            raise ValueError("key-encryption keys have 32 bytes, and one is needed")
        self._wrapping, *self._former = [AESGCM(key) for key in key_encryption_keys]

    def wrap(self, name: str, key: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._wrapping.encrypt(nonce, key, name.encode())

    def unwrap(self, name: str, wrapped: bytes) -> bytes:
        """Raises ValueError where none of the key-encryption keys opens it."""
        for one in (self._wrapping, *self._former):
            opened = _opened(one, name, wrapped)
            if opened is not None:
                return opened
        raise ValueError(
            f"the stored key {name} does not open: is this the key-encryption key that this database was made with?"
        )

    def anew(self, name: str, wrapped: bytes) -> bytes | None:
        """The same key wrapped by the first key-encryption key; None where it is already. Raises as `unwrap`."""
        if _opened(self._wrapping, name, wrapped) is not None:
            return None
        return self.wrap(name, self.unwrap(name, wrapped))


def _opened(one: AESGCM, name: str, wrapped: bytes) -> bytes | None:
    try:
        return one.decrypt(wrapped[:NONCE], wrapped[NONCE:], name.encode())
    except InvalidTag:
        return None


class SealKeys(Protocol):
    """Where the wrapped keys lie: an ordinary table, apart from the log."""

    async def find(self, owner: str) -> bytes | None:
        """The wrapped key of an owner, if there is one."""
        ...

    async def find_all(self, owners: Sequence[str]) -> dict[str, bytes]:
        """The wrapped keys of those owners that have one, at once."""
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

    async def find_all(self, owners: Sequence[str]) -> dict[str, bytes]:
        return {owner: self._wrapped[owner] for owner in owners if owner in self._wrapped}

    async def keep(self, owner: str, wrapped: bytes) -> bytes:
        return self._wrapped.setdefault(owner, wrapped)

    async def erase(self, owner: str) -> None:
        self._wrapped.pop(owner, None)


class Sealer:
    """Seals and opens. Keys lie wrapped; a bounded cache keeps opened ones."""

    def __init__(self, wrapping: Wrapping, keys: SealKeys, cache_size: int = 10_000) -> None:
        self._wrapping = wrapping
        self._keys = keys
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._cache_size = cache_size

    async def secret(self, owner: str) -> bytes:
        """The 32 bytes that belong to `owner`, made at first use and the same in every process of the service."""
        found = await self._open(owner)
        if found is not None:
            return found
        made = await self._keys.keep(owner, self._wrapping.wrap(owner, AESGCM.generate_key(256)))
        return self._remember(owner, self._wrapping.unwrap(owner, made))

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

    async def learn(self, owners: Iterable[str]) -> None:
        """Finds the keys of many at once, before what they sealed is opened one by one."""
        missing = sorted({owner for owner in owners if owner not in self._cache})
        for owner, wrapped in (await self._keys.find_all(missing)).items() if missing else ():
            self._remember(owner, self._wrapping.unwrap(owner, wrapped))

    async def erase(self, owner: str) -> None:
        self._cache.pop(owner, None)
        await self._keys.erase(owner)

    async def _open(self, owner: str) -> bytes | None:
        if owner in self._cache:
            self._cache.move_to_end(owner)
            return self._cache[owner]
        wrapped = await self._keys.find(owner)
        return None if wrapped is None else self._remember(owner, self._wrapping.unwrap(owner, wrapped))

    def _remember(self, owner: str, key: bytes) -> bytes:
        self._cache[owner] = key
        if len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)
        return key
