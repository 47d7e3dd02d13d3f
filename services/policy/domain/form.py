"""Whether a fact is well-formed, before anything is looked up by its names."""

import re
from collections.abc import Sequence

import msgspec

from eventlog.errors import Kind, Refusal
from services.policy.domain.entities import ACCOUNT, CLIENT, SERVICE, Entity, is_action_pattern, is_thing
from services.policy.domain.facts import (
    GROUP,
    Action,
    Assignment,
    Exclusion,
    Fact,
    Group,
    Label,
    Membership,
    Owner,
    Parent,
    Role,
    Share,
)

HOLDERS = (ACCOUNT, CLIENT, SERVICE, GROUP)
MAX_ACTIONS = 1000
MAX_ROLES = 100
MAX_LEVEL = 1000
MAX_CATEGORIES = 100
MAX_DESCRIPTION = 500
_ROLE = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def check(fact: Fact) -> None:
    """Raises Refusal `role_name_invalid`, `entity_invalid`, `actions_invalid`, `description_invalid`,
    `fact_invalid`.
    """
    check_names(fact)
    for name in ("member", "holder", "owner", "by", "to"):
        _may_have(getattr(fact, name, None))
    match fact:
        case Role():
            _actions(fact.actions)
            _roles(fact.inherits)
            _described(fact.description)
        case Group():
            _described(fact.description)
        case Exclusion():
            _roles(fact.roles)
            if not 2 <= len(set(fact.roles)) == len(fact.roles):
                raise _wrong("an exclusion names two or more different roles")
        case Label():
            _label(fact)
        case Owner():
            _holder(fact.owner)
        case Parent():
            _thing(fact.parent)
        case Share():
            _share(fact)


def normal(fact: Fact) -> Fact:
    """The same in the one order in which it is kept, so that what is equal compares so."""
    match fact:
        case Role():
            return msgspec.structs.replace(fact, actions=_ordered(fact.actions), inherits=_ordered(fact.inherits))
        case Label():
            return msgspec.structs.replace(fact, categories=_ordered(fact.categories))
        case Share():
            return msgspec.structs.replace(fact, actions=_ordered(fact.actions))
    return fact


def _ordered(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(words)))


def check_names(fact: Fact) -> None:
    """The same for just what names it. Raises Refusal `role_name_invalid`, `entity_invalid`, `fact_invalid`."""
    match fact:
        case Role(name):
            _roles([name])
        case Group(id) | Exclusion(id):
            _id(id)
        case Membership(member, group):
            _holder(member)
            _id(group)
        case Assignment(holder, role, resource):
            _roles([role])
            _holder(holder)
            _thing(resource)
        case Label(of):
            _thing(of)
        case Share(resource, id):
            _thing(resource)
            _id(id)
        case Owner(resource) | Parent(resource):
            _thing(resource)
        case Action(pattern):
            if not is_action_pattern(pattern) or pattern == "*":
                raise _wrong("an action such as a.b, or a.*")


def _share(share: Share) -> None:
    _actions(share.actions)
    if share.under:
        _id(share.under)
    for one in (share.by, share.to):
        _holder(one)


def _label(label: Label) -> None:
    if not 0 <= label.level <= MAX_LEVEL:
        raise _wrong(f"a level is 0 to {MAX_LEVEL}")
    if len(label.categories) > MAX_CATEGORIES or len(set(label.categories)) != len(label.categories):
        raise _wrong(f"at most {MAX_CATEGORIES} different categories")
    for category in label.categories:
        _id(category)


def _roles(names: Sequence[str]) -> None:
    if len(names) > MAX_ROLES or any(not _ROLE.fullmatch(name) for name in names):
        raise Refusal(Kind.INVALID, "role_name_invalid", "a role is a lowercase word of letters, digits, '.', '_', '-'")


def _id(text: str) -> None:
    if not _ID.fullmatch(text):
        raise _wrong("a name is up to 64 letters, digits, '.', '_', '-', and begins with a letter or a digit")


def _thing(text: str | None) -> None:
    if text is not None and not is_thing(text):
        raise _entity()


def _holder(text: str) -> None:
    _thing(text)
    if (entity := Entity.of(text)).type == GROUP:
        _id(entity.id)


def _may_have(holder: str | None) -> None:
    if holder is not None and Entity.of(holder).type not in HOLDERS:
        raise _wrong(f"{holder[:64]!r} can have nothing: it is none of {', '.join(HOLDERS)}")


def _actions(actions: Sequence[str]) -> None:
    bad = [action for action in actions if not is_action_pattern(action)]
    if bad or not 0 < len(actions) <= MAX_ACTIONS:
        named = f": {bad[0][:100]!r} is none" if bad else ""
        raise Refusal(Kind.INVALID, "actions_invalid", f"1 to {MAX_ACTIONS} actions such as a.b, a.* or *{named}")


def _described(text: str) -> None:
    if len(text) > MAX_DESCRIPTION or not text.isprintable():
        raise Refusal(Kind.INVALID, "description_invalid", f"at most {MAX_DESCRIPTION} printable characters")


def _entity() -> Refusal:
    return Refusal(
        Kind.INVALID,
        "entity_invalid",
        "a thing is type/id: a type such as 'account', and an id of 1 to 256 characters in 768 bytes",
    )


def _wrong(reason: str) -> Refusal:
    return Refusal(Kind.INVALID, "fact_invalid", reason)
