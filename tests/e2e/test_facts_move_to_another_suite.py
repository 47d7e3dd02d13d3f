"""Facts are imported, decided by, explained, exported, and taken up by an empty suite, where they decide the same."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.running import Running, running_suite

PEOPLE = ("mover-ann", "mover-ben", "mover-cal")
FACTS = """\
{"kind": "role", "name": "mover.viewer", "actions": ["document.read"]}
{"kind": "role", "name": "mover.editor", "actions": ["document.write"], "inherits": ["mover.viewer"]}
{"kind": "role", "name": "mover.auditor", "actions": ["audit.read"]}
{"kind": "exclusion", "name": "mover.money", "roles": ["mover.editor", "mover.auditor"]}
{"kind": "group", "id": "movers"}
{"kind": "membership", "member": "mover-ann", "group": "movers"}
{"kind": "assignment", "holder": "group/movers", "role": "mover.editor", "resource": "folder/m7"}
{"kind": "assignment", "holder": "mover-cal", "role": "mover.auditor", "expires_at": "2099-01-01T00:00:00Z"}
{"kind": "parent", "resource": "document/m9", "parent": "folder/m7"}
{"kind": "parent", "resource": "document/m10", "parent": "folder/m7"}
{"kind": "label", "of": "document/m10", "level": 3, "categories": ["finance"]}
{"kind": "owner", "resource": "document/m9", "owner": "mover-ben"}
{"kind": "share", "id": "m", "resource": "document/m9", "by": "mover-ben", "to": "mover-cal", "actions": ["document.*"]}
{"kind": "action", "pattern": "document.print", "mode": "reads"}
"""
ASKED = (
    "mover-ann document.write document/m9",
    "mover-ann document.read document/m10",
    "mover-ben document.read document/m9",
    "mover-cal document.read document/m9",
    "client/mover document.write document/m9",
)
MANY = 10_000


def watchword(suite: Running, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("watchword")), *arguments, "--data", str(suite.place.data)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=100)


def policy(suite: Running, *arguments: str, stdin: str | None = None) -> str:
    result = watchword(suite, "policy", *arguments, stdin=stdin)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def registered(suite: Running) -> dict[str, str]:
    """The ids of the accounts, by username."""
    made = {name: watchword(suite, "users", "create", name, "--generate", "--json") for name in PEOPLE}
    return {name: json.loads(one.stdout)["account_id"] for name, one in made.items()}


def decisions(suite: Running, position: int) -> dict[str, tuple[int, str]]:
    """Exit codes and explanations, without the position for which they are true."""
    found: dict[str, tuple[int, str]] = {}
    for question in ASKED:
        answer = watchword(suite, "policy", "explain", *question.split(), "--at-least", str(position))
        found[question] = answer.returncode, answer.stdout.rpartition("└── at position")[0]
    return found


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A suite in which there is nobody."""
    with running_suite(tmp_path_factory.mktemp("empty") / "data", "--no-demo") as running:
        yield running


@pytest.mark.timeout(300)
@pytest.mark.over("feed")
def test_what_was_exported_decides_the_same_in_an_empty_suite(suite: Running, empty: Running) -> None:
    ours, theirs = registered(suite), registered(empty)
    facts = FACTS
    for name in PEOPLE:
        facts = facts.replace(f'"{name}"', f'"account/{ours[name]}"')
    policy(suite, "import", "-", stdin=facts)
    policy(suite, "own", "client/mover", "document/m9")
    exported = policy(suite, "export")
    for name in PEOPLE:
        exported = exported.replace(ours[name], theirs[name])
    lines = [
        line for line in exported.splitlines() if "acc_" not in line or any(one in line for one in theirs.values())
    ]
    refused = watchword(empty, "policy", "import", "-", stdin="\n".join(lines))
    assert "may_not_share: line " in refused.stderr
    told = json.loads(policy(empty, "import", "-", "--restore", "--json", stdin="\n".join(lines)))
    assert told["facts"] == len(lines)
    here, there = decisions(suite, 0), decisions(empty, told["position"])
    for name in PEOPLE:
        there = {one: (code, said.replace(theirs[name], ours[name])) for one, (code, said) in there.items()}
    assert there == here
    assert {code for code, _ in here.values()} == {0, 1}
    assert "mover-ann ∈ group/movers → mover.editor → on folder/m7 → contains document/m9" in str(here)


@pytest.mark.over("feed")
def test_ten_thousand_facts_are_taken_up_and_a_wrong_one_is_named(
    suite: Running, empty: Running, tmp_path: Path
) -> None:
    facts = [{"kind": "role", "name": "many", "actions": ["item.read"]}]
    facts += [{"kind": "assignment", "holder": f"client/m{n}", "role": "many"} for n in range(MANY - 1)]
    text = [json.dumps(one) for one in facts]
    file = tmp_path / "facts.jsonl"
    file.write_text(
        "\n".join([*text[:2500], '{"kind": "assignment", "holder": "client/x", "role": "none"}', *text[2500:]])
    )
    wrong = watchword(empty, "policy", "import", str(file))
    assert wrong.returncode == 1
    assert "role_unknown: line 2501: there is no role 'none'" in wrong.stderr
    assert "The 2,000 facts before are written" in wrong.stderr
    file.write_text("\n".join(text))
    done = watchword(empty, "policy", "import", str(file), "--json")
    assert done.returncode == 0, done.stderr
    assert f"Importing: 1,000 of {MANY:,} facts" in done.stderr
    position = json.loads(done.stdout)["position"]
    assert policy(empty, "check", f"client/m{MANY - 2}", "item.read", "--at-least", str(position)).startswith(
        "allowed: "
    )
    exported = policy(empty, "export").splitlines()
    assert {json.dumps(json.loads(line)) for line in exported} >= set(text)
    again = json.loads(policy(empty, "import", "-", "--restore", "--json", stdin="\n".join(exported)))
    assert again == {"facts": len(exported), "position": position}
