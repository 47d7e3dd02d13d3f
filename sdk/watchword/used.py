"""Which DPoP proofs were used: each opens something once (RFC 9449 11.1)."""

import hashlib
from heapq import heappop, heappush
from typing import Protocol

from watchword.dpop import Proof
from watchword.errors import Unavailable

MOST = 100_000


class UsedProofs(Protocol):
    """What remembers them. Where several processes take proofs for the same addresses, they have to share one."""

    async def claim(self, proof: Proof, now: int) -> bool:
        """Whether this proof (its `jkt` and `jti`) comes for the first time, decided for just one of those who ask at
        once; it has to be remembered until `proof.expires_at`. `now` in seconds since 1970.

        Raises Unavailable where it cannot be remembered.
        """
        ...


class MemoryUsedProofs:
    """In the memory of one process. `most` bounds how many it remembers, each for five minutes at most: where there are
    more, further ones are refused, and none is forgotten before its time.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._used: set[bytes] = set()
        self._over: list[tuple[int, bytes]] = []

    async def claim(self, proof: Proof, now: int) -> bool:
        """See UsedProofs."""
        while self._over and self._over[0][0] <= now:
            self._used.remove(heappop(self._over)[1])
        # A thumbprint is of one alphabet and one length, so that no two proofs make one text.
        key = hashlib.sha256(f"{proof.jkt} {proof.jti}".encode("utf-8", "surrogatepass")).digest()
        if key in self._used:
            return False
        if len(self._used) >= self._most:
            raise Unavailable(f"{self._most} proofs are remembered already")
        self._used.add(key)
        heappush(self._over, (proof.expires_at, key))
        return True
