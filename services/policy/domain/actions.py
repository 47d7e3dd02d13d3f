"""Actions: which of them a role or a share allows, and what they do to what they touch."""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

from services.policy.domain.facts import Mode

READS = frozenset({"read", "view", "get", "list", "search", "download"})
WRITES = frozenset({"append"})
OWN = ("identity.", "token.", "policy.")
"""How actions of the suite's own administration begin."""
SUITE = "suite"
"""The type of the services of the suite. They have no labels: who sets one could shut out all who may take it back."""


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


def mode_of(action: str, resource_type: str | None, said: Mapping[str, Mode]) -> Mode:
    """What an action does: by what was said of it, else by its last word. Administering the suite, or with no resource
    (None), touches nothing that has a label; what is called so and done to anything else does what its name says.
    """
    if action.startswith(OWN) and resource_type in (None, SUITE):
        return "neither"
    for pattern in patterns(action):
        if pattern in said:
            return said[pattern]
    last = action.rpartition(".")[2]
    return "reads" if last in READS else "writes" if last in WRITES else "both"
