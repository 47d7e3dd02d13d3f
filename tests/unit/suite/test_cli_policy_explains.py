"""`watchword policy explain` draws a tree that fits a terminal."""

import io

from rich.console import Console
from rich.text import Text

from suite.commands.policy.trees import explained
from tests.unit.suite.policy_terminal import furnish, policy, suite, world
from tests.unit.suite.small_suite import Small
from watchword.policy.v1.policy_pb2 import CheckRequest, ExplainResponse

__all__ = ["suite", "world"]


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
