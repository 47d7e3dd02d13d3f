"""A terminal in which `watchword policy` is typed, to a small suite in which Alice and Bob have accounts."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests.unit.policy.world import World
from tests.unit.suite.small_policy import SmallPolicy
from tests.unit.suite.small_suite import Small, small_suite

PEOPLE = ("alice", "bob")
FACTS: list[dict[str, Any]] = [
    {"kind": "role", "name": "viewer", "actions": ["document.read"]},
    {"kind": "role", "name": "editor", "actions": ["a", "b.*"], "inherits": ["viewer"], "description": "May edit."},
    {"kind": "group", "id": "staff", "description": "All of us."},
    {"kind": "exclusion", "name": "money", "roles": ["viewer", "editor"]},
    {"kind": "action", "pattern": "document.print", "mode": "reads"},
    {"kind": "membership", "member": "client/c", "group": "staff", "expires_at": "2031-01-31T12:00:00Z"},
    {"kind": "assignment", "holder": "group/staff", "role": "viewer"},
    {"kind": "assignment", "holder": "group/staff", "role": "viewer", "resource": "folder/7"},
    {"kind": "label", "of": "document/9", "level": 3, "categories": ["finance"]},
    {"kind": "owner", "resource": "document/9", "owner": "client/c"},
    {"kind": "parent", "resource": "document/9", "parent": "folder/7"},
    {
        "kind": "share",
        "resource": "document/9",
        "id": "s1",
        "by": "client/c",
        "to": "service/s",
        "actions": ["document.read"],
        "pass_on": True,
    },
]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def suite(tmp_path: Path, world: World) -> Iterator[Small]:
    """Alice and Bob have accounts."""
    with small_suite(tmp_path, SmallPolicy(world)) as small:
        for name in PEOPLE:
            small.identity.known[name] = ["", False]
            world.meet(f"acc_{name}")
        yield small


def policy(suite: Small, *arguments: str, code: int = 0, stdin: str | None = None) -> Result:
    result = suite.watchword("policy", *arguments, stdin=stdin)
    assert result.exit_code == code, result.output
    return result


def furnish(suite: Small) -> None:
    """Alice edits what lies in folder/7 by her group."""
    for line in (
        "role define viewer --action document.read",
        "role define editor --action document.write --inherits viewer",
        "group define editors",
        "group add editors alice",
        "assign group/editors editor --on folder/7",
        "place document/9 folder/7",
    ):
        policy(suite, *line.split())


def lines(path: Path, facts: list[dict[str, Any]]) -> str:
    path.write_text("".join(f"{json.dumps(one)}\n" for one in facts))
    return str(path)
