"""The policies that docs/policy.md shows are right, and do what it says."""

import re
from pathlib import Path

from services.policy.domain.rules.check import problems
from services.policy.domain.rules.engine import Rules
from tests.unit.policy.rules.asking import ask, grants

TEXT = (Path(__file__).parents[4] / "docs" / "policy.md").read_text()


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


def test_the_policies_that_are_shown_are_right_and_do_what_they_say() -> None:
    policies, schema = block("cedar"), block("cedarschema")
    assert problems(policies, schema) == []
    rules = Rules.of(policies, schema)
    within = {"account/acc_1": ["group/auditors", "grant/g1"], "document/7": ["folder/books"]}
    assert rules.evaluate(ask(within=within)).permits == ("auditors-read",)
    signing = {"action": "document.sign", "within": within, "roles": grants("g1")}
    assert rules.evaluate(ask(**signing)).forbids == ("sign-with-a-second-factor",)  # type: ignore[arg-type]
    assert rules.evaluate(ask(**signing, acr="mfa")).permits == ("role",)  # type: ignore[arg-type]
    assert rules.acrs == ("mfa",)
