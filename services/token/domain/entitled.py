"""Roles and groups in tokens: what somebody holds everywhere, and what of it a client may see. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec


class Held(msgspec.Struct, frozen=True):
    """A role or a group by its name, until an end in µs since 1970; None: without one."""

    name: str
    until: int | None = None

    def stands(self, now: int) -> bool:
        """An end is exclusive."""
        return self.until is None or now < self.until


def groups_within(
    members: Mapping[str, Iterable[Held]], subject: str, now: int
) -> tuple[Collection[str], Collection[str]]:
    """The groups of a subject, through groups within groups, and of which of those it is not known yet."""
    found: set[str] = set()
    unread: set[str] = set()
    waiting = [subject]
    while waiting:
        member = waiting.pop()
        if member not in members:
            unread.add(member)
        for one in members.get(member, ()):
            if one.stands(now) and one.name not in found:
                found.add(one.name)
                waiting.append(f"group/{one.name}")
    return found, unread


def with_inherited(roles: Iterable[str], inherits: Mapping[str, Sequence[str]]) -> tuple[set[str], set[str]]:
    """Roles and all that they inherit, and of which of those it is not known yet."""
    found: set[str] = set()
    waiting = list(roles)
    while waiting:
        role = waiting.pop()
        if role not in found:
            found.add(role)
            waiting += inherits.get(role, ())
    return found, found - inherits.keys()


def without_excluded(roles: Collection[str], exclusions: Iterable[Collection[str]]) -> set[str]:
    """Two roles of one exclusion give nothing, neither of them (policy's rule, which a token must not outdo)."""
    broken = [set(one) for one in exclusions if len(set(one) & set(roles)) > 1]
    return set(roles).difference(*broken)


def seen(names: Iterable[str], visible: Collection[str]) -> list[str]:
    """Those that a client may see: `a.b`, all of `a.*`, or `*`."""
    return sorted(name for name in names if _is_seen(name, visible))


def _is_seen(name: str, visible: Collection[str]) -> bool:
    parts = name.split(".")
    wider = (".".join((*parts[:length], "*")) for length in range(len(parts)))
    return name in visible or any(one in visible for one in wider)
