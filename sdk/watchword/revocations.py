"""The revocations that still matter, and whether one of them ends a token. No I/O."""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Literal, get_args

from watchword.claims import Claims

Kind = Literal["token", "family", "session", "client", "subject", "key"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Revocation:
    """One revocation at `position` of token's log: it ends what it names with a `pos` below, and nothing above.

    `key` is the id of what `kind` says. A revoked signing key ends all that it signed, at whatever position. With a
    subject, `before_session_position` (of identity's log) ends only what has a `spos` below it, `spared_session_id`
    excepted. Times are the log's, in µs since 1970 UTC; after `forget_at_us` nothing that it ends can still be valid.
    """

    kind: Kind
    key: str
    position: int
    time_us: int
    forget_at_us: int
    before_session_position: int | None = None
    spared_session_id: str | None = None

    def ends(self, claims: Claims) -> bool:
        """Whether it ends a token that names `key`."""
        if self.kind == "key":
            return True
        if claims.pos >= self.position:
            return False
        if self.before_session_position is None:
            return True
        return (claims.spos or 0) < self.before_session_position and not self._spares(claims.sid)

    def covers(self, other: "Revocation") -> bool:
        """Whether it ends all that `other`, of the same kind and key, ends."""
        if self.kind == "key":
            return True
        if self.position < other.position:
            return False
        if self.before_session_position is None:
            return True
        if other.before_session_position is None or self.before_session_position < other.before_session_position:
            return False
        return self.spared_session_id in (None, other.spared_session_id)

    def _spares(self, session_id: str | None) -> bool:
        return session_id is not None and session_id == self.spared_session_id


_Named = dict[str, tuple[Revocation, ...]]


class Revocations:
    """A set of revocations that answers in constant time and forgets what can no longer matter.

    Memory follows the rate of revocation within one token life. A compromised key is not forgotten while the process
    lives: who holds it can sign for ever, and an outage can keep the key in a cached key set.
    """

    def __init__(self, snapshot: Iterable[Revocation] = ()) -> None:
        self._live: dict[Kind, _Named] = {kind: {} for kind in KINDS}
        self._by_forget_at: list[tuple[int, Kind, str]] = []
        self._count = 0
        for revocation in snapshot:
            self.apply(revocation)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Revocation]:
        """Those that still matter, such as a snapshot for a watcher."""
        return (one for named in self._live.values() for same in named.values() for one in same)

    def apply(self, revocation: Revocation) -> None:
        """Take one in; twice, or in any order, is the same as once."""
        named = self._live[revocation.kind]
        known = named.get(revocation.key, ())
        if any(one.covers(revocation) and one.forget_at_us >= revocation.forget_at_us for one in known):
            return
        covered = [one for one in known if revocation.covers(one)]
        forget_at = max([revocation.forget_at_us, *(one.forget_at_us for one in covered)])
        kept = dataclasses.replace(revocation, forget_at_us=forget_at)
        named[revocation.key] = (*(one for one in known if one not in covered), kept)
        self._count += 1 - len(covered)
        if revocation.kind != "key":
            heappush(self._by_forget_at, (forget_at, revocation.kind, revocation.key))

    def replace(self, snapshot: "Revocations") -> None:
        """Drop what was known, compromised keys excepted, and take over the snapshot, which is not to be used again."""
        for same in self._live["key"].values():
            for revocation in same:
                snapshot.apply(revocation)
        self._live, self._by_forget_at, self._count = snapshot._live, snapshot._by_forget_at, snapshot._count

    def refuses(self, claims: Claims) -> Kind | None:
        """What the token names that a revocation has ended; None where nothing has."""
        # At every use of every token, so by hand: what is named by nothing costs a look into each set.
        live = self._live
        if claims.kid in live["key"]:
            return "key"
        if claims.jti in live["token"] and _ended(live["token"][claims.jti], claims):
            return "token"
        if claims.fam in live["family"] and _ended(live["family"][claims.fam], claims):
            return "family"
        if claims.sid in live["session"] and _ended(live["session"][claims.sid], claims):
            return "session"
        if claims.client_id in live["client"] and _ended(live["client"][claims.client_id], claims):
            return "client"
        if claims.sub in live["subject"] and _ended(live["subject"][claims.sub], claims):
            return "subject"
        return self._refuses_prior(claims) if claims.prior else None

    def _refuses_prior(self, claims: Claims) -> Kind | None:
        """A token that was exchanged for others ends with each of them."""
        for one in claims.prior:
            if one.kid in self._live["key"]:
                return "key"
            if _ended(self._live["token"].get(one.jti, ()), claims):
                return "token"
            if _ended(self._live["client"].get(one.client_id, ()), claims):
                return "client"
        return None

    def forget(self, now_us: int) -> None:
        """Drop what has nothing left to end at `now_us`, the log's time in µs since 1970 UTC."""
        while self._by_forget_at and self._by_forget_at[0][0] < now_us:
            _, kind, key = heappop(self._by_forget_at)
            same = self._live[kind].pop(key, ())
            rest = tuple(one for one in same if one.forget_at_us >= now_us)
            self._count -= len(same) - len(rest)
            if rest:
                self._live[kind][key] = rest


def _ended(named: Iterable[Revocation], claims: Claims) -> bool:
    return any(one.ends(claims) for one in named)
