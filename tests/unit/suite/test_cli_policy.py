"""`watchword policy`: facts are written, decisions asked for and explained, as an operator types it."""

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text
from typer.testing import Result

from services.policy.domain.spelled import read
from services.policy.domain.spelled import write as spelled
from suite.commands.policy.spelled import to_json, to_message
from suite.commands.policy.trees import explained
from suite.errors import Halt
from tests.unit.policy.world import World
from tests.unit.suite.small_policy import SmallPolicy
from tests.unit.suite.small_suite import Small, small_suite
from watchword.policy.v1.policy_pb2 import CheckRequest, ExplainResponse

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


def test_what_is_written_decides_and_is_explained_by_its_chain(suite: Small) -> None:
    furnish(suite)
    said = policy(suite, "check", "alice", "document.read", "document/9").stdout
    chain = "alice ∈ group/editors → editor → inherits viewer → on folder/7 → contains document/9"
    assert said == f"allowed: {chain}\n"
    told = suite.json("policy", "explain", "alice", "document.read", "document/9")
    assert (told["allowed"], told["code"], told["position"]) == (True, "allowed", 6)
    (found,) = told["chains"]
    assert found["policy"] == "role"
    assert found["steps"][1:] == ["editor", "inherits viewer", "on folder/7", "contains document/9"]
    assert told["policies"][0]["text"].startswith('@id("role")')


def test_a_decision_is_the_exit_code(suite: Small) -> None:
    furnish(suite)
    for command in ("check", "explain"):
        policy(suite, command, "alice", "document.write", "document/9", code=0)
        policy(suite, command, "bob", "document.write", "document/9", code=1)
        assert "account_unknown" in policy(suite, command, "carol", "document.write", code=2).stderr
        policy(suite, command, "alice", code=2)
        assert "TYPE/ID" in policy(suite, command, "alice", "document.write", "document", code=2).stderr
        assert "a JSON object" in policy(suite, command, "alice", "a", "--given", "[]", code=2).stderr


def test_without_a_suite_there_is_no_answer_and_no_denial(tmp_path: Path, suite: Small) -> None:
    suite.place.demo.unlink()
    assert policy(suite, "check", "alice", "document.read", code=2).stdout == ""


def test_an_explanation_is_a_tree_that_fits_a_terminal(suite: Small) -> None:
    furnish(suite)
    said = policy(suite, "explain", "alice", "document.read", "document/9").stdout
    assert said == (
        "allowed: alice may document.read on document/9\n"
        "├── permitted by role: the subject, or a group that it is in, holds a role that allows the action there\n"
        "│   └── alice ∈ group/editors → editor → inherits viewer → on folder/7 → contains document/9\n"
        "└── at position 6 of policy's log\n"
    )
    policy(suite, "label", "document/9", "--level", "3", "--category", "finance")
    said = policy(suite, "explain", "alice", "document.read", "document/9", code=1).stdout
    assert said == (
        "denied (label_forbids): alice may not document.read on document/9\n"
        "├── forbidden by no-read-up: a subject reads nothing above its own level or outside its own categories\n"
        "├── missing\n"
        "│   ├── to read, the subject at level 3 or above; it is at 0\n"
        "│   └── to read, the subject in the categories finance\n"
        "└── at position 7 of policy's log\n"
    )


def test_at_80_columns_no_line_is_longer_and_nothing_is_lost() -> None:
    answer = ExplainResponse(missing=["x" * 100, "\x1b[31mred [bold]not[/]"])
    answer.decision.position = 7
    answer.policies.add(id="long", text="forbid (principal, action, resource)\nwhen { " + "true && " * 20 + "true };")
    out = io.StringIO()
    console = Console(file=out, width=80, markup=False, highlight=False, emoji=False)
    console.print(explained(answer, CheckRequest(), Text("denied"), {}))
    shown = out.getvalue()
    assert max(map(len, shown.splitlines())) <= 80
    assert (shown.count("x"), shown.count("true")) == (100, 21)
    assert "\x1b" not in shown
    assert "[31mred [bold]not[/]" in shown


def test_the_past_is_asked_by_position_and_by_time(suite: Small, world: World) -> None:
    furnish(suite)
    question = ("check", "alice", "document.write", "document/9")
    world.clock.time += 3_600_000_000
    policy(suite, "unassign", "group/editors", "editor", "--on", "folder/7")
    policy(suite, *question, code=1)
    policy(suite, *question, "--as-of", "6")
    policy(suite, *question, "--as-of", "5", code=1)
    policy(suite, *question, "--as-of", "1972-09-27T00:30:00Z")
    policy(suite, *question, "--as-of", "1972-09-27T02:30:00+02:00")
    policy(suite, *question, "--as-of", "1972-09-27")
    policy(suite, *question, "--as-of", "1972-09-26", code=1)
    then = policy(suite, "explain", *question[1:], "--as-of", "1972-09-27T00:30").stdout
    assert then.endswith("└── as of 1972-09-27T00:30:00Z\n")
    before = policy(suite, "explain", *question[1:], "--as-of", "0", code=1).stdout
    assert before.endswith("└── at position 0 of policy's log\n")
    assert "as_of_in_the_future" in policy(suite, *question, "--as-of", "2999-01-01", code=2).stderr
    for nonsense in ("yesterday", "1.5", "-1", "9" * 30):
        policy(suite, *question, f"--as-of={nonsense}", code=2)


def test_who_what_and_which_actions_are_listed(suite: Small) -> None:
    furnish(suite)
    policy(suite, "assign", "client/billing", "viewer", "--on", "document/9")
    assert policy(suite, "who", "document.read", "document/9").stdout == "account/acc_alice\nclient/billing\n"
    assert suite.json("policy", "who", "document.read", "document/9", "--type", "client") == ["client/billing"]
    assert suite.json("policy", "who", "document.read", "document/9", "--as-of", "4") == []
    assert policy(suite, "who", "document.burn").stdout == "Nobody may.\n"
    assert policy(suite, "what", "alice", "document.write", "document").stdout == "document/9\n"
    assert policy(suite, "what", "bob", "document.write", "document").stdout == "There is none.\n"
    assert policy(suite, "actions", "alice", "folder/7").stdout == "document.read\ndocument.write\n"


def test_who_may_goes_through_every_page(suite: Small, tmp_path: Path) -> None:
    furnish(suite)
    clients = [{"kind": "assignment", "holder": f"client/c{n:04}", "role": "viewer"} for n in range(1100)]
    policy(suite, "import", lines(tmp_path / "facts.jsonl", clients))
    found = suite.json("policy", "who", "document.read", "--type", "client")
    assert found == [f"client/c{n:04}" for n in range(1100)]


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


def test_an_export_is_what_was_imported_and_importing_it_again_changes_nothing(
    suite: Small, world: World, tmp_path: Path
) -> None:
    facts = [one for one in FACTS if one["kind"] != "exclusion"]
    imported = policy(suite, "import", lines(tmp_path / "facts.jsonl", facts))
    assert imported.stdout == "11 facts are so, at position 11 of policy's log.\n"
    assert imported.stderr == "Importing: 11 of 11 facts\n"
    exported = policy(suite, "export").stdout
    assert sorted(map(json.loads, exported.splitlines()), key=str) == sorted(facts, key=str)
    again = policy(suite, "import", "-", stdin=exported)
    assert again.stdout.startswith("11 facts are so, at position ")
    assert again.stderr == "Importing: 11 facts\n"
    assert len(world.store.rows) == 11


def test_an_export_goes_to_its_file_while_the_terminal_shows_how_far_it_is(suite: Small, tmp_path: Path) -> None:
    facts = [{"kind": "group", "id": f"g{n:04}"} for n in range(1200)]
    policy(suite, "import", lines(tmp_path / "facts.jsonl", facts))
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).with_name("watchword")), "policy", "export", f"--data={suite.place.data}"]
    shown = b""
    with (tmp_path / "exported").open("wb") as file, subprocess.Popen(command, stdout=file, stderr=theirs) as process:
        os.close(theirs)
        with suppress(OSError):  # a terminal that nobody holds any longer ends by an error
            while part := os.read(ours, 65_536):
                shown += part
    os.close(ours)
    assert (process.returncode, b"Exporting" in shown) == (0, True)
    assert list(map(json.loads, (tmp_path / "exported").read_text().splitlines())) == facts


def test_a_wrong_line_is_named_and_nothing_of_its_batch_is_written(suite: Small, world: World, tmp_path: Path) -> None:
    groups = [{"kind": "group", "id": f"g{n}"} for n in range(2500)]
    file = tmp_path / "facts.jsonl"
    for wrong, reason in (
        ('{"kind": "assignment", "holder": "group/g1", "role": "nobody"}', "role_unknown: line 2102: there is no role"),
        ('{"kind": "group", "id": "!"}', "fact_invalid: line 2102: a name is up to 64 letters"),
        ('{"kind": "group", "name": "x"}', "line 2102: group has no 'name': there are description, id"),
        ("{", "line 2102: Input data was truncated"),
    ):
        lines(file, groups)
        text = file.read_text().splitlines()
        file.write_text("\n".join([*text[:2100], "", wrong, *text[2100:]]))
        result = policy(suite, "import", str(file), code=1)
        assert result.stderr.splitlines()[-3:][-2 if "role_unknown" not in reason else 0].startswith(reason), (
            result.stderr
        )
        assert "The 2,000 facts before are written; importing them again changes nothing." in result.stderr
        assert len(world.store.rows) == 2000
    policy(suite, "import", lines(file, groups))
    assert len(world.store.rows) == 2500


def test_an_export_is_restored_though_some_of_it_has_ended(suite: Small, world: World, tmp_path: Path) -> None:
    ended = {"kind": "assignment", "holder": "client/c", "role": "viewer", "expires_at": "1971-01-01T00:00:00Z"}
    file = lines(tmp_path / "facts.jsonl", [FACTS[0], ended])
    refused = policy(suite, "import", file, code=1).stderr
    assert "expiry_in_the_past: line 2: " in refused
    assert "--restore" in refused
    assert world.store.rows == []
    policy(suite, "import", file, "--restore")
    assert len(list(world.memory.facts.every())) == 2


def test_a_file_that_cannot_be_read_is_said_so(suite: Small, tmp_path: Path) -> None:
    assert "cannot be read" in policy(suite, "import", str(tmp_path / "none"), code=1).stderr


def test_test_files_need_no_suite(tmp_path: Path) -> None:
    """`watchword policy test` answers with what policy's own module answers."""
    from typer.testing import CliRunner

    from suite.cli import app

    file = tmp_path / "cases.yaml"
    for expect, code in (("denied", 0), ("allowed", 1), ("perhaps", 2)):
        file.write_text(f"cases: [{{subject: client/c, action: a.b, expect: {expect}}}]")
        assert CliRunner().invoke(app, ["policy", "test", str(file)]).exit_code == code
