"""The shipped policies are the three models, and the shipped schema knows the suite's own administration."""

from typing import Any

import cedarpy
import pytest

from chassis.administration import by_action
from services.identity.api import grpc as identity
from services.policy.api import grpc as policy
from services.policy.api import rules
from services.policy.api.administrators import SET_LABEL
from services.policy.api.rest_facts import EXPORT, WRITE
from services.policy.domain.rules import shipped
from services.policy.domain.rules.check import problems
from services.policy.domain.rules.engine import Rules, Verdict
from services.token.api import grpc as token
from tests.unit.policy.rules.asking import ask, grants, label

RULES = Rules.of()
ADMINISTRATION = {
    *(action for api in (identity, token, policy, rules) for action in api.ACTIONS.values()),
    *(WRITE, EXPORT, SET_LABEL),
}


def test_the_shipped_policies_are_valid_by_the_shipped_schema() -> None:
    assert cedarpy.validate_policies(shipped.POLICIES, shipped.SCHEMA + shipped.GIVEN).errors == []


@pytest.mark.parametrize("action", sorted(ADMINISTRATION))
def test_a_policy_may_speak_of_every_action_of_the_suites_administration(action: str) -> None:
    assert problems(f'forbid (principal, action == Action::"{action}", resource is suite);', "") == []


@pytest.mark.parametrize("service", ["identity", "token", "policy"])
async def test_a_policy_may_speak_of_what_every_service_lets_administrators_do_to_its_log(service: str) -> None:
    asked: list[str] = []

    async def authorize(_: str, action: str) -> str:
        asked.append(action)
        return ""

    authorized = by_action(authorize, service, {})
    for method in ("ProjectionService/ListProjections", "ProjectionService/RetryParked", "RelayService/Republish"):
        await authorized("", f"watchword.log.v1.{method}")
    for action in asked:
        assert problems(f'forbid (principal, action == Action::"{action}", resource);', "") == []


def test_nothing_permits_where_no_fact_does() -> None:
    assert RULES.evaluate(ask()) == Verdict(False)


@pytest.mark.parametrize(("model", "facts"), [("role", "roles"), ("owner", "owners"), ("share", "shares")])
def test_a_fact_permits_whoever_is_in_it(model: str, facts: str) -> None:
    within = {"account/acc_1": ["group/staff"], "group/staff": ["grant/g1"]}
    inside: dict[str, Any] = {facts: grants("g1")}
    outside: dict[str, Any] = {facts: grants("g2")}
    assert RULES.evaluate(ask(within=within, **inside)) == Verdict(True, permits=(model,))
    assert RULES.evaluate(ask(within=within, **outside)) == Verdict(False)


@pytest.mark.parametrize(
    ("mode", "subject", "resource", "forbids"),
    [
        ("reads", label(2), label(3), ("no-read-up",)),
        ("reads", label(3), label(3), ()),
        ("reads", label(9), label(0, "finance"), ("no-read-up",)),
        ("reads", label(0, "finance", "staff"), label(0, "finance"), ()),
        ("writes", label(3), label(2), ("no-write-down",)),
        ("writes", label(2), label(3), ()),
        ("writes", label(0, "finance"), label(9), ("no-write-down",)),
    ],
)
def test_labels_outweigh_roles_owners_and_shares(
    mode: str, subject: dict[str, object], resource: dict[str, object], forbids: tuple[str, ...]
) -> None:
    facts: dict[str, Any] = {one: grants("g1") for one in ("roles", "owners", "shares")} | {mode: True}
    within = {"account/acc_1": ["grant/g1"]}
    asked = ask(within=within, subject_label=subject, resource_label=resource, **facts)
    verdict = RULES.evaluate(asked)
    assert verdict.forbids == forbids
    assert verdict.allowed is not bool(forbids)


def test_what_neither_reads_nor_writes_touches_no_label() -> None:
    asked = ask(within={"account/acc_1": ["grant/g1"]}, roles=grants("g1"), resource_label=label(1000))
    assert RULES.evaluate(asked).allowed
