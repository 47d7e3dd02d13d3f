"""Policy's events. A change of what they say is a change of a contract: docs/events is made from them."""

import msgspec

from eventlog.events import Event, Instant, Registry

policy_events = Registry("policy")


@policy_events.event("role.defined")
class RoleDefined(Event):
    """A role was defined, or defined anew: these are now all the actions that it allows."""

    role: str
    """The role's name."""
    actions: list[str]
    """What whoever holds it may do: `a.b`, `a.*`, or `*` for everything."""
    inherits: list[str] = msgspec.field(default_factory=list)
    """Roles whose actions it allows, too. Absent: none."""
    description: str = ""
    """What the role is for, in the administrator's words. Absent: nothing was said."""


@policy_events.event("role.removed")
class RoleRemoved(Event):
    """A role that nobody held is there no longer."""

    role: str


@policy_events.event("role.assigned")
class RoleAssigned(Event):
    """Somebody was given a role. Watch for the role `administrator`."""

    role: str
    subject_type: str
    """What the holder is: `account`, `client`, `service` or `group`."""
    subject_id: str
    """Who holds it: an account's id (`acc_…`), or a client's, a service's or a group's."""
    resource_type: str | None = None
    """The kind of thing on which they hold it. Absent: on everything."""
    resource_id: str | None = None
    """Which thing of that kind. Absent: on everything."""
    expires_at: Instant | None = None
    """Until when, RFC 3339 in UTC with six decimals. Absent: until it is taken back."""


@policy_events.event("role.unassigned")
class RoleUnassigned(Event):
    """A role was taken back."""

    role: str
    subject_type: str
    subject_id: str
    resource_type: str | None = None
    resource_id: str | None = None


@policy_events.event("administrator.created")
class AdministratorCreated(Event):
    """The operator made the first administrator, once in the life of a suite. A second one is an alarm."""

    account_id: str
    """Whose account: an opaque id, `acc_` and random characters; never a name."""


@policy_events.event("group.defined")
class GroupDefined(Event):
    """There is such a group now, or its description changed."""

    group: str
    """The group's id."""
    description: str = ""
    """What the group is, in the administrator's words. Absent: nothing was said."""


@policy_events.event("group.removed")
class GroupRemoved(Event):
    """A group that had no members and held nothing is there no longer."""

    group: str


@policy_events.event("member.added")
class MemberAdded(Event):
    """Somebody, or a whole group, is now in a group and has what that is given."""

    group: str
    member: str
    """Who: `account/acc_…`, `client/…`, `service/…`, or `group/…` for all of a group."""
    expires_at: Instant | None = None
    """Until when. Absent: until it is removed."""


@policy_events.event("member.removed")
class MemberRemoved(Event):
    """Somebody, or a whole group, is in a group no longer."""

    group: str
    member: str


@policy_events.event("access.recalled")
class AccessRecalled(Event):
    """What changed is to hold at once in tokens, too: those that these hold until now end, and so do their sessions."""

    subjects: list[str]
    """Whose: `acc_…`, or a client's id."""


@policy_events.event("exclusion.defined")
class ExclusionDefined(Event):
    """Nobody may hold two of these roles."""

    exclusion: str
    """The rule's name."""
    roles: list[str]
    """Names of two or more roles."""


@policy_events.event("exclusion.removed")
class ExclusionRemoved(Event):
    """A rule about roles that exclude each other holds no longer."""

    exclusion: str


@policy_events.event("label.set")
class LabelSet(Event):
    """A resource is so secret, or a subject so far trusted. No owner and no role overrides it."""

    thing: str
    """What has the label: `type/id`."""
    level: int
    """0 to 1000."""
    categories: list[str] = msgspec.field(default_factory=list)
    """Absent: none."""


@policy_events.event("label.cleared")
class LabelCleared(Event):
    """A thing has the lowest level and no category, again."""

    thing: str


@policy_events.event("resource.owned")
class ResourceOwned(Event):
    """A resource has this owner, who may do everything with it and share it."""

    resource: str
    """Which: `type/id`."""
    owner: str
    """Whose: `account/acc_…`, `client/…`, `service/…` or `group/…`."""


@policy_events.event("resource.disowned")
class ResourceDisowned(Event):
    """A resource has no owner."""

    resource: str


@policy_events.event("resource.placed")
class ResourcePlaced(Event):
    """A resource lies in another, and what is given or said of that holds for it, too."""

    resource: str
    parent: str
    """In which: `type/id`."""


@policy_events.event("resource.displaced")
class ResourceDisplaced(Event):
    """A resource lies in no other."""

    resource: str


@policy_events.event("resource.shared")
class ResourceShared(Event):
    """Somebody gave others something on a resource."""

    resource: str
    share: str
    """The share's id."""
    by: str
    """Who gave it: `type/id`."""
    to: str
    """Who may: `type/id`, of a group all its members."""
    actions: list[str]
    """What they may do there."""
    pass_on: bool = False
    """Whether they may give it on. Absent: they may not."""
    under: str = ""
    """The share on which it rests, and with which it falls. Absent: the owner made it."""
    expires_at: Instant | None = None
    """Until when. Absent: until it is taken back."""


@policy_events.event("resource.unshared")
class ResourceUnshared(Event):
    """A share was taken back, and with it all that rested on it."""

    resource: str
    share: str


@policy_events.event("action.classified")
class ActionClassified(Event):
    """What an action does to what it touches, which labels go by."""

    pattern: str
    """The action: `a.b`, or `a.*` for all of them."""
    mode: str
    """`reads`, `writes`, `both` or `neither`."""


@policy_events.event("action.unclassified")
class ActionUnclassified(Event):
    """What an action does follows from its name again."""

    pattern: str


@policy_events.event("policy.written")
class PolicyWritten(Event):
    """A version of the organization's policies was written. It decides nothing before `policy.changed` names it."""

    version: int
    """1 for the first, and one more for each."""
    policies: str
    """All policies, in Cedar; the shipped ones are not among them."""
    schema: str = ""
    """What is added to the shipped schema, in Cedar's schema language. Absent: nothing."""
    note: str = ""
    """What this version is for, in the administrator's words. Absent: nothing was said."""


@policy_events.event("policy.changed")
class PolicyChanged(Event):
    """Another version decides from here on, in every process at this position."""

    version: int
    """Which; 0: the shipped policies alone."""
    rolled_back: bool = False
    """Whether it was the one before. Absent: it was chosen by its number."""
