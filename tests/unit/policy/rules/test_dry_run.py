"""What another version would change is shown by questions that were asked."""

from services.policy.domain.rules.dryrun import Change, Recent, differences
from services.policy.domain.rules.engine import Rules, Verdict
from tests.unit.policy.rules.asking import DOCUMENTS, ask, grants

BEFORE = Rules.of()
AFTER = Rules.of('@id("frozen") forbid (principal, action == Action::"document.write", resource);', DOCUMENTS)


def test_decisions_that_would_change_are_named_with_what_changes_them() -> None:
    within = {"account/acc_1": ["grant/g1"]}
    read, write = (ask(action=f"document.{one}", within=within, roles=grants("g1")) for one in ("read", "write"))
    asked = [read, write, read, ask(action="document.write")]
    expected = Change(write, Verdict(True, permits=("role",)), Verdict(False, forbids=("frozen",)))
    assert differences(BEFORE.evaluate, AFTER.evaluate, asked) == [expected]
    assert [one.after.allowed for one in differences(AFTER.evaluate, BEFORE.evaluate, asked)] == [True]
    assert differences(AFTER.evaluate, AFTER.evaluate, asked) == []


def test_each_question_is_kept_once_and_the_oldest_goes() -> None:
    recent = Recent[str](kept=3)
    for question in "abacd":
        recent.add(question)
    assert recent.all() == ["a", "c", "d"]


def test_questions_that_were_taken_are_taken_once_more_only_when_asked_again() -> None:
    recent = Recent[str](kept=3)
    for question in "ab":
        recent.add(question)
    assert recent.take() == ["a", "b"]
    recent.add("a")
    assert recent.take() == ["a"]
    assert recent.take() == []
    assert recent.all() == ["b", "a"]
