"""What docs/policy.md says of a decision, as plainly as it can be written: no Cedar, no index, nothing remembered, and
no code of the service that it judges. It is as slow as it is plain.

Facts are dicts in the JSON form of docs/policy.md, a thing is a string such as `document/7`, `people` holds whether an
account that identity knows is disabled, by its id, and `now` is in µs since 1970.
"""

import string
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, TypeVar

T = TypeVar("T")
Fact = Mapping[str, Any]
Chain = list[Fact]
"""Facts that together permit something, from the subject to the resource."""

ASKING = ("account", "client", "service", "group")
SUITE_ACTIONS = ("identity.", "token.", "policy.")
READING = ("read", "view", "get", "list", "search", "download")
MODES = {"reads": (True, False), "writes": (False, True), "both": (True, True), "neither": (False, False)}


@dataclass(frozen=True)
class Asked:
    """May `subject` do `action` on `resource` (nothing in particular, where None)?"""

    subject: str
    action: str
    resource: str | None = None


def decided(
    facts: Sequence[Fact], people: Mapping[str, bool], asked: Asked, now: int, session: str | None = None
) -> tuple[bool, str]:
    """Whether it is allowed, and the code of the answer. In this order; the first that speaks ends it. `session` is the
    code of what speaks against the session in which it is asked.
    """
    standing = at(facts, now)
    if malformed(asked):
        return False, "malformed"
    if objection := not_standing(facts, people, asked.subject):
        return False, objection
    if session:
        return False, session
    if label_forbids(standing, asked):
        return False, "label_forbids"
    if why(facts, asked, now):
        return True, "allowed"
    return False, "no_matching_role"


def why(facts: Sequence[Fact], asked: Asked, now: int) -> list[Chain]:
    """All that permits it, were nothing to forbid it."""
    standing = at(facts, now)
    return [*by_role(standing, asked), *by_ownership(standing, asked), *by_share(standing, asked)]


def at(facts: Iterable[Fact], now: int) -> list[Fact]:
    """The facts that have not ended: at `expires_at` it is over."""
    return [fact for fact in facts if "expires_at" not in fact or now < microseconds(fact["expires_at"])]


def malformed(asked: Asked) -> bool:
    named = [asked.subject] if asked.resource is None else [asked.subject, asked.resource]
    return not all(is_thing(name) for name in named) or not is_action(asked.action)


def not_standing(facts: Sequence[Fact], people: Mapping[str, bool], subject: str) -> str | None:
    """What may ask is an account, a client, a service, or a group for its members; identity knows of accounts alone."""
    kind, _, name = subject.partition("/")
    if kind not in ASKING:
        return "subject_unknown"
    if kind == "group" and not any(fact["kind"] == "group" and fact["id"] == name for fact in facts):
        return "subject_unknown"
    if kind != "account":
        return None
    if name not in people:
        return "subject_unknown"
    return "subject_disabled" if people[name] else None


def label_forbids(facts: Sequence[Fact], asked: Asked) -> bool:
    """No read up, no write down."""
    reads, writes = does(facts, asked)
    level, categories = label(facts, [asked.subject])
    its_level, its_categories = label(facts, lies_in(facts, asked.resource))
    read_up = reads and not (level >= its_level and categories >= its_categories)
    write_down = writes and not (its_level >= level and its_categories >= categories)
    return read_up or write_down


def label(facts: Sequence[Fact], things: Sequence[str]) -> tuple[int, set[str]]:
    """The highest level and all categories of these."""
    said = [fact for fact in facts if fact["kind"] == "label" and fact["of"] in things]
    level = max((fact.get("level", 0) for fact in said), default=0)
    return level, set(chain.from_iterable(fact.get("categories", []) for fact in said))


def does(facts: Sequence[Fact], asked: Asked) -> tuple[bool, bool]:
    """Whether an action reads, and whether it writes. Who administers the suite does neither to it."""
    action, on = asked.action, asked.resource
    if action.startswith(SUITE_ACTIONS) and (on is None or on.startswith("suite/")):
        return MODES["neither"]
    said = [fact for fact in facts if fact["kind"] == "action" and allows([fact["pattern"]], action)]
    if said:
        exact = [fact for fact in said if fact["pattern"] == action]
        return MODES[(exact or sorted(said, key=lambda fact: len(fact["pattern"])))[-1]["mode"]]
    word = action.rpartition(".")[2]
    if word in READING:
        return MODES["reads"]
    return MODES["writes" if word == "append" else "both"]


def by_role(facts: Sequence[Fact], asked: Asked) -> list[Chain]:
    """A role held on everything, on the resource, or on one in which that lies, which allows the action."""
    held = [fact for fact in facts if fact["kind"] == "assignment" and fact["holder"] in is_in(facts, asked.subject)]
    where = lies_in(facts, asked.resource)
    useless = excluded(facts, [fact["role"] for fact in held])
    return [
        [assignment, role]
        for assignment in held
        if "resource" not in assignment or assignment["resource"] in where
        for name in inherited(facts, assignment["role"], useless)
        for role in facts
        if role["kind"] == "role" and role["name"] == name and allows(role["actions"], asked.action)
    ]


def excluded(facts: Sequence[Fact], held: Sequence[str]) -> set[str]:
    """The roles of one exclusion of which two are held, directly or by inheritance: they give nothing."""
    names = {inner for name in held for inner in inherited(facts, name)}
    exclusions = [names & set(fact["roles"]) for fact in facts if fact["kind"] == "exclusion"]
    return set(chain.from_iterable(both for both in exclusions if len(both) > 1))


def inherited(facts: Sequence[Fact], name: str, useless: Collection[str] = ()) -> list[str]:
    """A role and those that it inherits, but for the useless ones and what only they inherit."""
    inherits = {fact["name"]: fact.get("inherits", []) for fact in facts if fact["kind"] == "role"}
    begin = [] if name in useless else [name]
    return reached(begin, lambda one: [inner for inner in inherits.get(one, []) if inner not in useless])


def by_ownership(facts: Sequence[Fact], asked: Asked) -> list[Chain]:
    """The resource itself is owned by the subject, or by a group that it is in."""
    owned = [fact for fact in facts if fact["kind"] == "owner" and fact["resource"] == asked.resource]
    return [[fact] for fact in owned if fact["owner"] in is_in(facts, asked.subject)]


def by_share(facts: Sequence[Fact], asked: Asked) -> list[Chain]:
    """A share on the resource, or on one in which that lies, which stands with all on which it rests."""
    where, who = lies_in(facts, asked.resource), is_in(facts, asked.subject)
    shares = [fact for fact in facts if fact["kind"] == "share" and fact["resource"] in where and fact["to"] in who]
    return [rests for share in shares if (rests := down_to_the_owners(facts, share, asked.action))]


def down_to_the_owners(facts: Sequence[Fact], share: Fact, action: str) -> Chain:
    """The share and those under it, all of which must allow the action; empty, where one of them does not stand."""
    found: Chain = []
    while allows(share["actions"], action) and share not in found:
        found.append(share)
        if "under" not in share:
            return found
        of = [fact for fact in facts if fact["kind"] == "share" and fact["resource"] == share["resource"]]
        under = [fact for fact in of if fact["id"] == share["under"] and fact.get("pass_on")]
        if not under:
            return []
        (share,) = under
    return []


def is_in(facts: Sequence[Fact], thing: str) -> list[str]:
    """A subject and the groups that it is in, through groups within groups. Nobody is in a group that is not there."""
    groups = [fact["id"] for fact in facts if fact["kind"] == "group"]
    memberships = [fact for fact in facts if fact["kind"] == "membership" and fact["group"] in groups]
    return reached([thing], lambda one: [f"group/{fact['group']}" for fact in memberships if fact["member"] == one])


def lies_in(facts: Sequence[Fact], thing: str | None) -> list[str]:
    """A resource and those in which it lies."""
    parents = [fact for fact in facts if fact["kind"] == "parent"]
    begin = [] if thing is None else [thing]
    return reached(begin, lambda one: [fact["parent"] for fact in parents if fact["resource"] == one])


def reached(begin: Sequence[T], step: Callable[[T], Sequence[T]]) -> list[T]:
    """All that one comes to, each once, whatever rings there are."""
    found = list(begin)
    for one in found:
        for new in step(one):
            if new not in found:
                found.append(new)
    return found


def allows(patterns: Sequence[str], action: str) -> bool:
    """`a.b` is that action, `a.*` all that begin with `a.`, `*` all."""
    return any(
        pattern in ("*", action) or (pattern.endswith(".*") and action.startswith(pattern[:-1])) for pattern in patterns
    )


def is_thing(name: str) -> bool:
    """`type/id`: the type up to 64 of a-z 0-9 _ - beginning with a letter, the id up to 256 printable characters in 768
    bytes.
    """
    kind, slash, one = name.partition("/")
    letters = string.ascii_lowercase + string.digits + "_-"
    good_kind = 1 <= len(kind) <= 64 and kind[0] in string.ascii_lowercase and all(letter in letters for letter in kind)
    return good_kind and slash == "/" and 1 <= len(one) <= 256 and one.isprintable() and len(one.encode()) <= 768


def is_action(name: str) -> bool:
    """Words joined by dots, of A-Z a-z 0-9 _ : / -, at most 128 characters in all."""
    letters = string.ascii_letters + string.digits + "_:/-"
    return len(name) <= 128 and all(word and all(letter in letters for letter in word) for word in name.split("."))


def microseconds(instant: str) -> int:
    """Since 1970, of an RFC 3339 time."""
    return (datetime.fromisoformat(instant) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


NAMED_BY: dict[str, tuple[str, ...]] = {
    "role": ("name",),
    "group": ("id",),
    "membership": ("member", "group"),
    "assignment": ("holder", "role", "resource"),
    "exclusion": ("name",),
    "label": ("of",),
    "owner": ("resource",),
    "parent": ("resource",),
    "share": ("resource", "id"),
    "action": ("pattern",),
}


def name_of(fact: Fact) -> tuple[Any, ...]:
    """What two facts of one name or place have in common: the later takes the place of the earlier."""
    return (fact["kind"], *(fact.get(member) for member in NAMED_BY[fact["kind"]]))


def changed(facts: Sequence[Fact], write: Sequence[Fact] = (), remove: Sequence[Fact] = ()) -> list[Fact]:
    """The facts after a write."""
    gone = {name_of(fact) for fact in (*write, *remove)}
    return [*(fact for fact in facts if name_of(fact) not in gone), *write]


def commanded(facts: Sequence[Fact], write: Sequence[Fact] = (), remove: Sequence[Fact] = ()) -> list[Fact]:
    """The facts after a command. What rested on a share falls with it, and where one takes its id that is new, or to or
    by others; what the command says stays said.
    """
    said, gone = {name_of(fact) for fact in write}, {name_of(fact) for fact in remove}
    shares = [fact for fact in facts if fact["kind"] == "share"]
    before = {name_of(share): parties(share) for share in shares}
    new = [fact for fact in write if fact["kind"] == "share" and before.get(name_of(fact)) != parties(fact)]
    fallen = reached(
        [*(share for share in shares if name_of(share) in gone), *new],
        lambda one: [share for share in shares if rests_on(share, one) and name_of(share) not in said],
    )
    return changed(facts, write, [*remove, *(one for one in fallen if one not in new)])


def parties(share: Fact) -> tuple[str | None, ...]:
    return share["by"], share["to"], share.get("under")


def rests_on(share: Fact, under: Fact) -> bool:
    return (share["resource"], share.get("under")) == (under["resource"], under["id"])
