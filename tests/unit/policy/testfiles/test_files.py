"""Test files: what decisions they expect is checked offline, and what is wrong in one is said with its line."""

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from services.policy.domain import spelled
from services.policy.projections import AccountDisabled, SessionEnded, SessionStarted
from services.policy.testfiles.__main__ import main
from services.policy.testfiles.document import parse
from services.policy.testfiles.trial import tried
from tests.unit.policy.world import World

EXAMPLE = Path(__file__).parents[4] / "examples" / "policy" / "documents.yaml"
FACTS = """\
facts:
  - {kind: role, name: viewer, actions: [document.read]}
  - {kind: assignment, holder: account/ann, role: viewer, expires_at: 2030-01-01T00:00:00Z}
"""
CASES = """\
cases:
  - {subject: account/ann, action: document.read, expect: allowed}
"""
NOW = 1_700_000_000_000_000


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def written(text: str, name: str = "roles.yaml") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return written


def wrong(capsys: pytest.CaptureFixture[str], file: str) -> str:
    """Why a file cannot be used, without the path of its directory."""
    assert main([file]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.replace(f"{Path(file).parent}/", "").rstrip("\n")


def test_the_example_gives_the_decisions_that_it_expects_with_nothing_running(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing(*args: object, **more: object) -> socket.socket:
        raise AssertionError("a test file needs no network")

    monkeypatch.setattr(socket, "socket", nothing)
    assert main([str(EXAMPLE)]) == 0
    assert capsys.readouterr().out == f"{EXAMPLE}: 14 cases, all as expected\n"


async def test_the_example_is_decided_as_a_running_policy_decides_it() -> None:
    beside = {name: (EXAMPLE.parent / f"documents.{name}").read_text() for name in ("cedar", "cedarschema")}
    document = parse(EXAMPLE.read_text(), lambda name: beside[name.partition(".")[2]], 0)
    world = World(policies=beside["cedar"], schema=beside["cedarschema"])
    world.clock.time = document.now
    for account in document.accounts or ():
        world.meet(account)
    await world.say(*(spelled.write(one.fact) for one in document.facts))
    world.at_identity(AccountDisabled(account_id="carol"))
    for session_id, one in document.sessions.items():
        world.at_identity(
            SessionStarted(
                session_id=session_id,
                account_id=one.account_id,
                acr=one.acr,
                amr=one.amr,
                auth_time=one.auth_time,
            )
        )
        if one.ended:
            world.at_identity(SessionEnded(session_id=session_id))
    for result in tried(document):
        world.clock.time = NOW * 10 if result.case.now else document.now
        question = result.case.question(world.clock.time)
        assert world.decisions.answer(question) == msgspec.structs.replace(result.decision), result.title


def test_each_expectation_that_does_not_hold_is_named_with_its_line_and_its_reason(
    write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("documents.cedar", "documents.cedarschema"):
        write((EXAMPLE.parent / name).read_text(), name)
    text = EXAMPLE.read_text()
    expectations = list(re.finditer(r"expect: \w+", text))
    for one in expectations:
        other = "denied" if one[0] == "expect: allowed" else "allowed"
        file = write(f"{text[: one.start()]}expect: {other}{text[one.end() :]}")
        assert main([file]) == 1
        said = capsys.readouterr().out
        assert f"{file}: {len(expectations)} cases, 1 not as expected\n" in said
        begins = text.count("\n", 0, text.rindex("\n  - ", 0, one.start()) + 1) + 1
        assert f"\n{file}:{begins}: " in said
        assert f"expected  {other}\n" in said
        assert ("because  " if other == "denied" else "missing  ") in said


SESSIONS = """\
policies: ours.cedar
sessions:
  - {id: s1, account: ann, acr: mfa, amr: [otp, pwd], auth_time: 2029-12-31T23:00:00Z}
  - {id: s2, account: account/ann}
  - {id: s3, account: ann, ended: true}
now: 2029-12-31T23:30:00Z
"""
FRESH = """\
forbid (principal, action, resource)
unless {
  context has acr && context has auth_time && context.acr == "mfa" && context.now - context.auth_time < 3600
};
"""


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("subject: account/ann, session: s1", "allowed"),
        ("subject: account/ann, session: s1, now: 2029-12-31T23:59:59Z", "allowed"),
        ("subject: account/ann, session: s1, now: 2030-01-01T00:00:00Z", "forbidden_by_policy"),
        ("subject: account/ann, session: s2", "forbidden_by_policy"),
        ("subject: account/ann, session: s3", "session_revoked"),
        ("subject: account/ann, session: s4", "session_unknown"),
        ("subject: account/bob, session: s1", "session_revoked"),
    ],
)
def test_a_case_in_a_session_is_decided_by_its_login_and_whether_it_lives(
    write: Callable[..., str], case: str, code: str
) -> None:
    write(FRESH, "ours.cedar")
    facts = FACTS.replace(", expires_at: 2030-01-01T00:00:00Z", "")
    for expect, exit_code in ((code, 0), ("subject_disabled", 1)):
        cases = f"cases:\n  - {{{case}, action: document.read, expect: {expect}}}\n"
        assert main([write(facts + SESSIONS + cases)]) == exit_code


def test_an_expected_code_is_more_than_a_denial(write: Callable[..., str]) -> None:
    for expect, code in (("denied", 0), ("no_matching_role", 0), ("label_forbids", 1), ("allowed", 1)):
        case = f"  - {{subject: account/ann, action: document.write, expect: {expect}}}\n"
        assert main([write(FACTS + CASES + case)]) == code


def test_scripts_and_what_shows_tests_are_told_the_same(
    write: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(f"{FACTS}{CASES}  - {{name: no, subject: account/bob, action: document.read, expect: allowed}}\n")
    assert main([file, "--json", f"--junit={tmp_path / 'junit.xml'}"]) == 1
    (told,) = json.loads(capsys.readouterr().out)
    assert [(one["line"], one["code"], one["as_expected"]) for one in told["cases"]] == [
        (5, "allowed", True),
        (6, "no_matching_role", False),
    ]
    assert told["cases"][0]["because"] == ["account/ann → viewer → on everything"]
    (suite,) = ET.parse(tmp_path / "junit.xml").getroot()  # noqa: S314 - written above
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    failures = [(case.get("name"), failure.get("message")) for case in suite for failure in case]
    assert failures == [
        ("no: account/bob document.read everything", "expected allowed, decided no_matching_role"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "roles.yaml:1: a test file has members such as facts and cases"),
        ("facts: [\n", "roles.yaml:2: this is no YAML: expected the node content, but found '<stream end>'"),
        ("facts: []\n", "roles.yaml:1: there are no cases"),
        (f"{CASES}rules: x\n", "roles.yaml:3: there is no 'rules': there are now, accounts"),
        (f"{CASES}facts: {{}}\n", "roles.yaml:3: facts is a list"),
        (f"{CASES}now: soon\n", "roles.yaml:3: now is a time such as 2031-01-31T12:00:00Z"),
        (f"{CASES}now: 2026-12-01\n", "roles.yaml:3: now is a time such as 2031-01-31T12:00:00Z"),
        (f"{CASES}accounts: [1]\n", "roles.yaml:3: an account: Expected `str | object`, got `int`"),
        (f"{CASES}sessions: [{{id: s1}}]\n", "roles.yaml:3: a session: Object missing required field `account`"),
        (f"{CASES}sessions: [{{id: s, account: b, secret: x}}]\n", "roles.yaml:3: a session: Object contains unknown"),
        (
            f"{CASES}sessions: [{{id: s, account: b, auth_time: now}}]\n",
            "roles.yaml:3: auth_time is a time such as 2031",
        ),
        (f"{CASES}sessions: [{{id: s, account: b}}]\naccounts: [ann]\n", "roles.yaml:3: account_unknown: account/b is"),
        (f"{CASES}sessions:\n" + 2 * "  - {id: s, account: b}\n", "roles.yaml:5: there is a session s already"),
        (f"{CASES[:-2]}, session: s, acr: mfa}}\n", "roles.yaml:2: a session says itself how the person logged in"),
        (
            f"{CASES}facts:\n  - {{kind: label, of: a-b/1}}\n  - {{kind: label, of: a_b/1}}\n",
            "roles.yaml:5: type_ambiguous",
        ),
        (f"{CASES}policies: none.cedar\n", "roles.yaml:3: none.cedar cannot be read: No such file or directory"),
        (f"{CASES}facts:\n  - {{kind: rule}}\n", "roles.yaml:4: Invalid value 'rule' - at `$.kind`"),
        (f"{CASES}facts:\n  - {{kind: role, name: a, act: b}}\n", "roles.yaml:4: role has no 'act'"),
        (f"{CASES}facts:\n  - {{kind: role, name: A}}\n", "roles.yaml:4: role_name_invalid: "),
        (f"{CASES}facts:\n  - {{kind: assignment, holder: client/b, role: c}}\n", "roles.yaml:4: role_unknown: "),
        (f"{CASES}facts:\n  - {{kind: owner, kind: label, of: a/b}}\n", "roles.yaml:4: 'kind' is there twice"),
        (f"{CASES}{FACTS}  - {{kind: role, name: viewer}}\n", "roles.yaml:6: line 4 says another fact of that name"),
        (f"{CASES}{FACTS}accounts: [bob]\n", "roles.yaml:5: account_unknown: account/ann is not among the accounts"),
        (f"{CASES}{FACTS}now: 2031-01-01T00:00:00Z\n", "roles.yaml:5: expiry_in_the_past: "),
        ("cases:\n  - {subject: ann, action: a, expect: denied}\n", "roles.yaml:2: no such question can be asked"),
        ("cases:\n  - {subject: a/b, action: a, expect: refused}\n", "roles.yaml:2: expect is one of allowed, denied"),
        ("cases:\n  - {subject: a/b, action: a}\n", "roles.yaml:2: a case: Object missing required field `expect`"),
        (
            "cases:\n  - {subject: a/b, action: a, expect: denied, x: y}\n",
            "roles.yaml:2: a case: Object contains unk",
        ),
        ("cases: &a\n  - *a\n", "roles.yaml:"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_line(
    write: Callable[..., str], capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    assert wrong(capsys, write(text)).startswith(said)


def test_exclusions_that_facts_break_are_refused_with_the_path(
    write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    more = """\
  - {kind: role, name: auditor, actions: [audit.read], inherits: [viewer]}
  - {kind: role, name: cashier, actions: [cash.take]}
  - {kind: exclusion, name: money, roles: [cashier, viewer]}
  - {kind: assignment, holder: account/bob, role: auditor}
  - {kind: assignment, holder: account/bob, role: cashier}
"""
    said = wrong(capsys, write(FACTS + more + CASES))
    assert said.startswith("roles.yaml:7: roles_exclude_each_other: exclusion money: account/bob → cashier; ")
    assert said.endswith("account/bob → auditor → inherits viewer")


def test_what_policies_have_wrong_is_said_with_its_place_in_their_file(
    write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    write('permit (principal, action, resource)\nwhen { context.acr == "x" };\n', "own.cedar")
    said = wrong(capsys, write(f"{CASES}policies: own.cedar\n"))
    assert said.startswith("own.cedar:2: column ")
    assert "acr" in said


def test_an_export_is_taken_as_it_stood_and_own_facts_replace_what_it_says(
    write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    exported = [
        {"kind": "role", "name": "viewer", "actions": ["audit.read"]},
        {"kind": "assignment", "holder": "account/bob", "role": "viewer", "expires_at": "2001-01-01T00:00:00Z"},
    ]
    write("\n".join(map(json.dumps, exported)), "facts.jsonl")
    case = "  - {subject: account/bob, action: document.read, expect: denied}\n"
    assert main([write(f"facts_from: facts.jsonl\n{FACTS}{CASES}{case}")]) == 0
    capsys.readouterr()
    write(json.dumps(exported[0]) + "\n\n{", "facts.jsonl")
    assert wrong(capsys, write(f"facts_from: facts.jsonl\n{CASES}")).startswith("facts.jsonl:3: Input data was trunca")
    write(json.dumps(exported[1]), "facts.jsonl")
    assert wrong(capsys, write(f"facts_from: facts.jsonl\n{CASES}")).startswith("facts.jsonl:1: role_unknown: ")


def test_a_file_that_is_not_there_or_no_text_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert wrong(capsys, str(tmp_path / "none.yaml")) == "none.yaml: cannot be read: No such file or directory"
    (tmp_path / "odd.yaml").write_bytes(b"\xff")
    assert wrong(capsys, str(tmp_path / "odd.yaml")) == "odd.yaml: cannot be read: it is not UTF-8"
