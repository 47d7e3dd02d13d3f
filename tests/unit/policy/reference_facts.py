"""Facts that are said to the reference that judges policy, and what it answers to Bob or whoever asks."""

from collections.abc import Sequence
from typing import Any

from tests.harness.policy_reference import Asked, Fact, decided, microseconds

ALICE, BOB, CAROL = "account/alice", "account/bob", "account/carol"
PEOPLE = {"alice": False, "bob": False, "carol": False, "disabled": True}
DOCUMENT, FOLDER, SHELF = "document/9", "folder/7", "shelf/1"
NOW = "2030-01-01T12:00:00.000000Z"
STAFF: Fact = {"kind": "group", "id": "staff"}
EDITOR: Fact = {"kind": "role", "name": "editor", "actions": ["document.*"]}
IN_FOLDER: Fact = {"kind": "parent", "resource": DOCUMENT, "parent": FOLDER}
ON_SHELF: Fact = {"kind": "parent", "resource": FOLDER, "parent": SHELF}
OWNED: Fact = {"kind": "owner", "resource": DOCUMENT, "owner": ALICE}


def code(facts: Sequence[Fact], action: str = "document.read", subject: str = BOB, on: str | None = DOCUMENT) -> str:
    allowed, said = decided(facts, PEOPLE, Asked(subject, action, on), microseconds(NOW))
    assert allowed == (said == "allowed")
    return said


def held(role: str = "editor", holder: str = BOB, **more: Any) -> Fact:
    return {"kind": "assignment", "holder": holder, "role": role, **more}


def member(of: str, who: str = BOB, **more: Any) -> Fact:
    return {"kind": "membership", "member": who, "group": of, **more}


def shared(name: str, to: str, under: str | None = None, **more: Any) -> Fact:
    rests = {"under": under} if under else {}
    said = {"id": name, "resource": DOCUMENT, "by": ALICE, "to": to, "actions": ["document.read"], **rests}
    return {"kind": "share", **said, **more}


def labelled(of: str, level: int = 0, *categories: str) -> Fact:
    return {"kind": "label", "of": of, "level": level, "categories": list(categories)}


def exclusion(*names: str) -> Fact:
    return {"kind": "exclusion", "name": "payments", "roles": list(names)}
