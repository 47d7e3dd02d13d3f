"""`watchword policy`: decisions are asked for, now and in the past, as an operator types it."""

from pathlib import Path

from tests.unit.policy.world import World
from tests.unit.suite.policy_terminal import furnish, lines, policy, suite, world
from tests.unit.suite.small_suite import Small

__all__ = ["suite", "world"]


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


def test_test_files_need_no_suite(tmp_path: Path) -> None:
    """`watchword policy test` answers with what policy's own module answers."""
    from typer.testing import CliRunner

    from suite.cli import app

    file = tmp_path / "cases.yaml"
    for expect, code in (("denied", 0), ("allowed", 1), ("perhaps", 2)):
        file.write_text(f"cases: [{{subject: client/c, action: a.b, expect: {expect}}}]")
        assert CliRunner().invoke(app, ["policy", "test", str(file)]).exit_code == code
