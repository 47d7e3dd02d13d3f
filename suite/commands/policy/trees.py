"""A decision for people: a line, or a tree of the policies that made it and the facts behind them."""

import re
from collections.abc import Mapping

from rich.text import Text
from rich.tree import Tree

from suite.screen import plain
from watchword.policy.v1.policy_pb2 import AsOf, CheckRequest, CheckResponse, ExplainResponse, Policy

_DESCRIPTION = re.compile(r'@description\("((?:[^"\\]|\\.)*)"\)')


Names = Mapping[str, str]
"""What the operator called things, by their TYPE/ID."""


def in_a_line(answer: CheckResponse, names: Names) -> str:
    """Such as `allowed: alice ∈ group/staff → viewer → on folder/7`, or `denied: no_matching_role`."""
    if answer.allowed:
        return _called(f"allowed: {'; '.join(answer.because) or ', '.join(answer.policies)}", names)
    acr = f" (a login with acr {answer.acr} would lift it)" if answer.acr else ""
    return f"denied: {answer.code}{acr}"


def may(answer: CheckResponse, subject: str, action: str, resource: str | None) -> Text:
    """The question with its answer."""
    where = resource or "everything"
    if answer.allowed:
        return Text.assemble(("allowed", "bold green"), plain(f": {subject} may {action} on {where}"))
    return Text.assemble(("denied", "bold red"), plain(f" ({answer.code}): {subject} may not {action} on {where}"))


def explained(answer: ExplainResponse, asked: CheckRequest, head: Text, names: Names) -> Tree:
    """The policies and the facts behind a decision, what is missing, and the time for which all of it is true."""
    tree = Tree(head)
    for policy in answer.policies:
        branch = tree.add(_policy(policy, answer.decision.allowed))
        for chain in answer.chains:
            if chain.policy == policy.id:
                branch.add(Text(_called(" → ".join(chain.steps), names)))
    if answer.missing:
        branch = tree.add(Text("missing", style="bold"))
        for one in answer.missing:
            branch.add(Text(_called(one, names)))
    tree.add(Text(_when(asked.as_of, answer.decision.position), style="dim"))
    return tree


def _when(as_of: AsOf, position: int) -> str:
    when = as_of.WhichOneof("when")
    if when == "time":
        return f"as of {as_of.time.ToJsonString()}"
    return f"at position {as_of.position if when else position} of policy's log"


def _policy(policy: Policy, permits: bool) -> Text:
    described = _DESCRIPTION.search(policy.text)
    said = described[1] if described else " ".join(policy.text.split())
    effect = "permitted by" if permits else "forbidden by"
    return Text.assemble(f"{effect} ", (plain(policy.id), "bold"), plain(f": {said}"))


def _called(text: str, names: Names) -> str:
    for thing, name in names.items():
        words = re.split(rf"(?<![\w/-]){re.escape(thing)}(?![\w/-])", text)
        text = name.join(words)
    return plain(text)
