"""`watchword policy`: facts are written, taken back and shown, as an operator types it."""

import json
from typing import Any

import pytest

from services.policy.domain.spelled import read
from services.policy.domain.spelled import write as spelled
from suite.commands.policy.spelled import to_json, to_message
from suite.errors import Halt
from tests.unit.policy.world import World
from tests.unit.suite.policy_terminal import FACTS, furnish, policy, suite, world
from tests.unit.suite.small_suite import Small

__all__ = ["suite", "world"]


def test_a_share_is_given_by_the_owner_and_passed_on_by_whom_it_was_made_to(suite: Small, world: World) -> None:
    assert "nobody owns document/9" in policy(suite, "share", "document/9", "bob", "--action", "a", code=1).stderr
    policy(suite, "own", "alice", "document/9")
    policy(suite, "share", "document/9", "bob", "--action", "document.read", "--id", "s1", "--pass-on")
    further = ("--action", "document.read", "--under", "s1", "--until", "2030-01-31")
    policy(suite, "share", "document/9", "client/c", *further)
    assert world.may("client/c", "document.read", "document/9") == "allowed"
    shown = policy(suite, "show", "document/9").stdout
    assert "account/acc_bob shares document/9 with client/c: document.read (share " in shown
    assert ", under s1) until 2030-01-31T00:00:00Z\n" in shown
    assert (
        "has no share s9"
        in policy(suite, "share", "document/9", "bob", "--action", "a", "--under", "s9", code=1).stderr
    )
    refused = policy(suite, "share", "document/9", "bob", "--action", "a", "--by", "bob", code=1).stderr
    assert refused.splitlines()[1].startswith("`watchword policy show RESOURCE` says whose it is")
    policy(suite, "unshare", "document/9", "s1")
    assert world.may("client/c", "document.read", "document/9") == "no_matching_role"


def test_what_was_given_is_taken_back_by_the_opposite_word(suite: Small, world: World) -> None:
    furnish(suite)
    policy(suite, "role", "define", "auditor", "--action", "audit.read")
    for there, back in (
        ("own alice document/9", "disown document/9"),
        ("label alice --level 2", "unlabel alice"),
        ("classify document.print reads", "unclassify document.print"),
        ("exclude money viewer auditor", "unexclude money"),
        ("assign bob viewer --until 2030-01-01", "unassign bob viewer"),
        ("group add editors bob group/none", ""),
    ):
        before = list(world.memory.facts.every())
        if not back:
            assert "write 2: " in policy(suite, *there.split(), code=1).stderr
            continue
        policy(suite, *there.split())
        assert len(list(world.memory.facts.every())) == len(before) + 1
        policy(suite, *back.split())
        assert list(world.memory.facts.every()) == before
        assert policy(suite, *back.split(), code=1).stderr.startswith("not_")
    for line in (
        "displace document/9",
        "unassign group/editors editor --on folder/7",
        "group remove-member editors alice",
    ):
        policy(suite, *line.split())
    for line in ("group remove editors", "role remove editor", "role remove viewer", "role remove auditor"):
        policy(suite, *line.split())
    assert list(world.memory.facts.every()) == []


def test_what_is_in_use_is_not_removed_and_what_uses_it_can_be_shown(suite: Small) -> None:
    furnish(suite)
    refused = policy(suite, "role", "remove", "viewer", code=1).stderr
    assert refused.splitlines()[1] == "`watchword policy show role/NAME` lists what refers to it: remove that first."
    assert "role/editor allows document.write, inherits viewer\n" in policy(suite, "show", "role/viewer").stdout
    assert "account/acc_alice is in group/editors\n" in policy(suite, "show", "group/editors").stdout
    assert policy(suite, "show", "alice").stdout == "account/acc_alice is in group/editors\n"
    assert policy(suite, "show", "bob").stdout == "Nothing is said of bob.\n"
    assert [one["name"] for one in suite.json("policy", "role", "list")] == ["editor", "viewer"]
    assert "editors" in policy(suite, "group", "list").stdout


@pytest.mark.parametrize("said", FACTS, ids=lambda said: said["kind"])
def test_facts_are_spelled_as_the_service_spells_them(said: dict[str, Any]) -> None:
    assert to_json(to_message(said)) == said
    assert read(said) == read(json.loads(json.dumps(spelled(read(to_json(to_message(said)))))))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([], "a fact is a JSON object"),
        ({}, 'whose "kind" is one of role, group, membership'),
        ({"kind": "rule"}, 'whose "kind" is one of role, group, membership'),
        ({"kind": "role", "name": "a", "act": []}, "role has no 'act': there are actions, description, inherits, name"),
        ({"kind": "share", "passOn": True}, "share has no 'passOn'"),
        ({"kind": "label", "of": "a/b", "level": "high"}, "label: "),
        ({"kind": "membership", "expires_at": "soon"}, "membership: "),
    ],
)
def test_what_is_no_fact_is_refused_with_what_there_is(said: Any, reason: str) -> None:
    with pytest.raises(Halt) as halt:
        to_message(said)
    assert reason in str(halt.value)
