"""What a client may see of a person's roles and groups, from policy's log (RFC 9068 2.2.3.1)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from eventlog.errors import unavailable
from eventlog.events import Event, Instant, Recorded, Registry
from eventlog.projection import Change, Drop, Projection, Put, foreign
from services.token.domain.client import Client
from services.token.domain.entitled import Held, groups_within, seen, with_inherited, without_excluded

policy_events = Registry("policy")


@policy_events.event("role.defined")
class RoleDefined(Event):
    role: str
    inherits: list[str] = msgspec.field(default_factory=list)


@policy_events.event("role.removed")
class RoleRemoved(Event):
    role: str


@policy_events.event("role.assigned")
class RoleAssigned(Event):
    role: str
    subject_type: str
    subject_id: str
    resource_type: str | None = None
    expires_at: Instant | None = None


@policy_events.event("role.unassigned")
class RoleUnassigned(Event):
    role: str
    subject_type: str
    subject_id: str
    resource_type: str | None = None


@policy_events.event("member.added")
class MemberAdded(Event):
    group: str
    member: str
    expires_at: Instant | None = None


@policy_events.event("member.removed")
class MemberRemoved(Event):
    group: str
    member: str


@policy_events.event("exclusion.defined")
class ExclusionDefined(Event):
    exclusion: str
    roles: list[str]


@policy_events.event("exclusion.removed")
class ExclusionRemoved(Event):
    exclusion: str


@policy_events.event("access.recalled")
class AccessRecalled(Event):
    subjects: list[str]


def fold_entitlements(event: Event, row: Recorded) -> Iterable[Change]:
    """Policy's log → rows `role`, `held` and `member`, found by whom they are about, and `exclusion`. A role that is
    held on one resource says nothing about others, and is left out."""
    match event:
        case RoleDefined(role=role):
            yield Put("role", role, {"inherits": event.inherits}, belongs=role)
        case RoleRemoved(role=role):
            yield Drop("role", role)
        case RoleAssigned(resource_type=None):
            holder = f"{event.subject_type}/{event.subject_id}"
            yield Put("held", f"{holder}\n{event.role}", {"name": event.role, "until": event.expires_at}, holder)
        case RoleUnassigned(resource_type=None):
            yield Drop("held", f"{event.subject_type}/{event.subject_id}\n{event.role}")
        case MemberAdded(member=member, group=group):
            yield Put("member", f"{member}\n{group}", {"name": group, "until": event.expires_at}, member)
        case MemberRemoved(member=member, group=group):
            yield Drop("member", f"{member}\n{group}")
        case ExclusionDefined(exclusion=name):
            yield Put("exclusion", name, {"roles": event.roles}, belongs="all")
        case ExclusionRemoved(exclusion=name):
            yield Drop("exclusion", name)


ENTITLEMENTS = Projection("entitlements", "policy", foreign(policy_events), fold_entitlements)


class Table(Protocol):
    """The rows of that projection; `eventlog.projection.Rows` is one."""

    async def groups(self, kind: str, belong: Sequence[str]) -> list[Put]: ...


@dataclass(frozen=True, slots=True)
class Entitlements:
    """See ports.Entitled. `stale` tells whether policy's log is known too badly; `now` is in µs since 1970."""

    table: Table
    stale: Callable[[], bool]
    now: Callable[[], int]

    async def claims(self, client: Client, subject: str) -> Mapping[str, list[str]]:
        """Raises Refusal `roles_unknown` where policy's log cannot be followed: nobody is given what may be gone."""
        if not client.visible_roles and not client.visible_groups:
            return {}
        if self.stale():
            raise unavailable("roles_unknown", "roles and groups cannot be looked up now")
        holder = f"account/{subject}" if subject.startswith("acc_") else f"client/{subject}"
        groups = await self._groups(holder)
        roles = await self._roles([holder, *(f"group/{one}" for one in groups)])
        found = {"roles": seen(roles, client.visible_roles), "groups": seen(groups, client.visible_groups)}
        return {name: names for name, names in found.items() if names}

    async def _groups(self, holder: str) -> Iterable[str]:
        members: dict[str, list[Held]] = {}
        while True:
            found, unread = groups_within(members, holder, self.now())
            if not unread:
                return found
            members |= await self._held("member", unread)

    async def _roles(self, holders: Sequence[str]) -> Iterable[str]:
        held = await self._held("held", holders)
        given = {one.name for some in held.values() for one in some if one.stands(self.now())}
        inherits: dict[str, list[str]] = {}
        while True:
            found, unread = with_inherited(given, inherits)
            if not unread:
                break
            rows = {put.key: put.value["inherits"] for put in await self.table.groups("role", sorted(unread))}
            inherits |= {name: rows.get(name, []) for name in unread}
        defined = await self.table.groups("exclusion", ["all"])
        return without_excluded(found, [put.value["roles"] for put in defined])

    async def _held(self, kind: str, belong: Iterable[str]) -> dict[str, list[Held]]:
        found: dict[str, list[Held]] = {one: [] for one in belong}
        for put in await self.table.groups(kind, sorted(found)):
            found[put.belongs].append(Held(put.value["name"], put.value["until"]))
        return found
