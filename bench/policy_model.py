"""A model of policy of any size, as facts in the JSON form of docs/policy.md, and questions; the same each time.

A company: people in teams in divisions; documents in folders in shelves, each with an owner; roles held on everything,
on folders and on documents; some shares, some passed on; some labels. How much touches one person stays the same,
however many there are.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.growth.history import name_of

Fact = dict[str, Any]
Asked = tuple[str, str, str]
"""Subject, action, resource."""

ROLES = 50
VERBS = ["read", "write", "delete", "approve", "print", "comment.read", "comment.add", "rename", "export", "sign"]
TEAM, DIVISION, FOLDER, SHELF = 50, 20, 100, 100
"""People in a team, teams in a division, documents in a folder, folders on a shelf."""
ON_EVERYTHING, ON_FOLDERS = 0.1, 0.4
"""Of the roles that are held; the others are held on documents."""
SHARED, PASSED_ON, LABELLED = 0.2, 0.05, 0.1


@dataclass(frozen=True, slots=True)
class Size:
    """How many of each."""

    subjects: int = 10_000
    resources: int = 100_000
    assignments: int = 100_000

    @classmethod
    def of(cls, assignments: int) -> "Size":
        """As many people and documents as go with so many assignments: a tenth."""
        return cls(assignments // 10, assignments // 10, assignments)


def subject(number: int) -> str:
    return f"account/{name_of('acc', number)}"


def document(number: int) -> str:
    return f"document/{number}"


def folder(number: int) -> str:
    return f"folder/{number}"


def facts(size: Size) -> Iterator[Fact]:
    """In an order in which each may be written after those before it."""
    yield from _roles()
    yield from _people(size)
    yield from _places(size)
    yield from _grants(size, _chance("grants"))


def questions(size: Size, count: int) -> list[Asked]:
    """Half of them about what somebody was given, with an action that the role has; half about anything."""
    chance = _chance("questions")
    everywhere = _assignments(size, _chance("grants"))
    given = [one for one in everywhere if "resource" in one and one["holder"].startswith("account/")]
    found = []
    for number in range(count):
        if number % 2:
            one = given[chance.randrange(len(given))]
            found.append((one["holder"], f"document.{VERBS[int(one['role'][5:]) % len(VERBS)]}", one["resource"]))
        else:
            who, what = chance.randrange(size.subjects), chance.randrange(size.resources)
            found.append((subject(who), f"document.{chance.choice(VERBS)}", document(what)))
    return found


def _chance(what: str) -> random.Random:
    return random.Random(what)  # noqa: S311 - the same model each time


def _roles() -> Iterator[Fact]:
    """Each tenth inherits four of those before it."""
    for number in range(ROLES):
        actions = [f"document.{VERBS[(number + step) % len(VERBS)]}" for step in range(3)]
        inherits = [f"role-{one}" for one in range(number - 4, number)] if number % 10 == 9 else []
        yield {"kind": "role", "name": f"role-{number}", "actions": actions, "inherits": inherits}
    yield {"kind": "exclusion", "name": "payments", "roles": ["role-0", "role-1"]}


def _people(size: Size) -> Iterator[Fact]:
    teams, chance = -(-size.subjects // TEAM), _chance("people")
    for number in range(-(-teams // DIVISION)):
        yield {"kind": "group", "id": f"division-{number}"}
    for number in range(teams):
        yield {"kind": "group", "id": f"team-{number}"}
        yield {"kind": "membership", "member": f"group/team-{number}", "group": f"division-{number // DIVISION}"}
    for number in range(size.subjects):
        yield {"kind": "membership", "member": subject(number), "group": f"team-{number // TEAM}"}
        if chance.random() < LABELLED:
            yield {"kind": "label", "of": subject(number), "level": 2, "categories": ["finance"]}


def _places(size: Size) -> Iterator[Fact]:
    chance = _chance("places")
    for number in range(-(-size.resources // FOLDER)):
        yield {"kind": "parent", "resource": folder(number), "parent": f"shelf/{number // SHELF}"}
    for number in range(size.resources):
        yield {"kind": "parent", "resource": document(number), "parent": folder(number // FOLDER)}
        yield {"kind": "owner", "resource": document(number), "owner": subject(chance.randrange(size.subjects))}
        if chance.random() < LABELLED:
            yield {"kind": "label", "of": document(number), "level": chance.randrange(3), "categories": ["finance"]}


def _grants(size: Size, chance: random.Random) -> Iterator[Fact]:
    yield from _assignments(size, chance)
    owners = {one["resource"]: one["owner"] for one in _places(size) if one["kind"] == "owner"}
    for number in range(size.resources):
        if chance.random() < SHARED:
            yield from _shares(size, chance, document(number), owners[document(number)])


def _assignments(size: Size, chance: random.Random) -> Iterator[Fact]:
    """One of a hundred is held by a team. Nobody holds two roles that exclude each other: nobody holds the second."""
    for number in range(size.assignments):
        by_team = number % 100 == 0
        who = chance.randrange(size.subjects)
        holder = f"group/team-{who // TEAM}" if by_team else subject(who)
        role = chance.choice([0, *range(2, 9), *range(10, ROLES)])
        kind, which = chance.random(), chance.randrange(size.resources)
        where = {} if kind < ON_EVERYTHING else {"resource": folder(which // FOLDER)}
        if kind >= ON_EVERYTHING + ON_FOLDERS:
            where = {"resource": document(which)}
        yield {"kind": "assignment", "holder": holder, "role": f"role-{role}", **where}


def _shares(size: Size, chance: random.Random, resource: str, owner: str) -> Iterator[Fact]:
    first, second = (subject(number) for number in chance.sample(range(size.subjects), 2))
    said = {"kind": "share", "resource": resource, "actions": ["document.read", "document.comment.*"]}
    on = {"pass_on": True} if chance.random() < PASSED_ON / SHARED else {}
    yield {**said, "id": "s1", "by": owner, "to": first, **on}
    if on:
        yield {**said, "id": "s2", "by": first, "to": second, "under": "s1"}
