"""Whether a row continues a chain, hashed once for all who follow the same log in one process."""

from eventlog.events import Recorded
from watchword.chain import link

KEPT = 4096

_LINKED: dict[int, tuple[Recorded, bytes]] = {}
"""Rows that were found to follow a hash, by their identity: the readers of one's own log are given the same objects."""


def whole(previous: bytes, row: Recorded) -> bool:
    """The same without remembering it: whoever reads history is alone there."""
    return link(previous, row) == row.chain_hash


def linked(previous: bytes, row: Recorded) -> bool:
    """Whether the row's chain hash is the one that it must have behind `previous`."""
    known = _LINKED.get(id(row))
    if known is not None and known[0] is row and known[1] == previous:
        return True
    if not whole(previous, row):
        return False
    if len(_LINKED) >= KEPT:
        _LINKED.clear()
    _LINKED[id(row)] = (row, previous)
    return True
