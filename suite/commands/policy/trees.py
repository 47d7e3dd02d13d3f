"""A decision for people: a line, or a tree of the policies that made it and the facts behind them."""

import re
from collections.abc import Mapping

from rich.text import Text
from rich.tree import Tree

from suite.screen import plain
from watchword.policy.v1.policy_pb2 import CheckResponse, ExplainResponse, Policy

_DESCRIPTION = re.compile(r'@description\("((?:[^"\\]|\\.)*)"\)')


def in_a_line(answer: CheckResponse) -> str:
    """Such as `allowed: account/acc_1 ∈ group/staff → viewer → on folder/7`, or `denied: no_matching_role`."""
    if answer.allowed:
        return f"allowed: {'; '.join(answer.because) or ', '.join(answer.policies)}"
    acr = f" (a login with acr {answer.acr} would lift it)" if answer.acr else ""
    return f"denied: {answer.code}{acr}"


def may(answer: CheckResponse, subject: str, action: str, resource: str | None) -> Text:
    """The question with its answer."""
    where = resource or "everything"
    if answer.allowed:
        return Text.assemble(("allowed", "bold green"), plain(f": {subject} may {action} on {where}"))
    return Text.assemble(("denied", "bold red"), plain(f" ({answer.code}): {subject} may not {action} on {where}"))


def explained(answer: ExplainResponse, head: Text, names: Mapping[str, str]) -> Tree:
    """`names` are what the operator called things, by their TYPE/ID."""
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
    tree.add(Text(f"at position {answer.decision.position} of policy's log", style="dim"))
    return tree


def _policy(policy: Policy, permits: bool) -> Text:
    described = _DESCRIPTION.search(policy.text)
    said = described[1] if described else " ".join(policy.text.split())
    effect = "permitted by" if permits else "forbidden by"
    return Text.assemble(f"{effect} ", (plain(policy.id), "bold"), plain(f": {said}"))


def _called(text: str, names: Mapping[str, str]) -> str:
    for thing, name in names.items():
        words = re.split(rf"(?<![\w/-]){re.escape(thing)}(?![\w/-])", text)
        text = name.join(words)
    return plain(text)
