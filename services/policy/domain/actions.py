"""Actions: which of them a role or a share allows, and what they do to what they touch."""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

from services.policy.domain.facts import Mode

READS = frozenset({"read", "view", "get", "list", "search", "download"})
WRITES = frozenset({"append"})
OWN = ("identity.", "token.", "policy.")
"""The suite's own administration, which touches nothing that has a label."""


def patterns(action: str) -> Iterator[str]:
    """All that may stand for an action, the longest first: itself, `a.b.*`, `a.*`, `*`."""
    yield action
    parts = action.split(".")
    for length in range(len(parts) - 1, 0, -1):
        yield ".".join((*parts[:length], "*"))
    yield "*"


def permits(actions: Collection[str], action: str) -> bool:
    """Whether actions (`*`: all, `a.b.*`: all that begin with `a.b.`) hold this one."""
    return not _fitting(action).isdisjoint(actions)


@lru_cache(maxsize=1000)
def _fitting(action: str) -> frozenset[str]:
    """All of `patterns`: as many as the action has words, so that whoever asks chooses how many."""
    return frozenset(patterns(action))


def mode_of(action: str, said: Mapping[str, Mode]) -> Mode:
    """What an action does: by what was said of it, else by its last word."""
    if action.startswith(OWN):
        return "neither"
    for pattern in patterns(action):
        if pattern in said:
            return said[pattern]
    last = action.rpartition(".")[2]
    return "reads" if last in READS else "writes" if last in WRITES else "both"
