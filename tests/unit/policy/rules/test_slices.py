"""Only some policies are evaluated, and the answer is that of all of them."""

import json

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.domain.rules.engine import Asked, Rules, Verdict
from services.policy.domain.rules.slices import KEPT
from tests.unit.policy.rules.asking import ask, grants

TYPES = ["account", "client", "document", "folder"]
GROUPS = ["group/a", "group/b", "group/c"]
THINGS = ["document/1", "document/2", "folder/1", "folder/2"]
ACTIONS = ["document.read", "document.write", "document.page.read", "read"]
PATTERNS = ["*", "document.*", "document.page.*", "other.*"]
CONDITIONS = ["true", "true", "false", "context.reads", "context.given.amount > 5", "principal in context.roles"]


def uid(thing: str) -> str:
    type_, id_ = thing.split("/")
    return f'{type_}::"{id_}"'


def side(variable: str, things: list[str]) -> st.SearchStrategy[str]:
    entity = st.sampled_from(things).map(uid)
    return st.one_of(
        st.just(variable),
        st.sampled_from(TYPES).map(lambda one: f"{variable} is {one}"),
        entity.map(lambda one: f"{variable} == {one}"),
        entity.map(lambda one: f"{variable} in {one}"),
        st.tuples(st.sampled_from(TYPES), entity).map(lambda one: f"{variable} is {one[0]} in {one[1]}"),
    )


ACTION = st.sampled_from([*ACTIONS, *PATTERNS]).map(lambda one: f'Action::"{one}"')
ACTION_SCOPE = st.one_of(
    st.just("action"),
    ACTION.map(lambda one: f"action == {one}"),
    ACTION.map(lambda one: f"action in {one}"),
    st.lists(ACTION, max_size=3).map(lambda some: f"action in [{', '.join(some)}]"),
)
POLICY = st.builds(
    lambda effect, who, what, where, condition: f"{effect} ({who}, {what}, {where}) when {{ {condition} }};",
    st.sampled_from(["permit", "forbid"]),
    side("principal", ["account/1", "account/2", *GROUPS]),
    ACTION_SCOPE,
    side("resource", THINGS),
    st.sampled_from(CONDITIONS),
)
QUESTION = st.builds(
    lambda who, what, where, groups, folders, reads, amount, role: ask(
        who,
        what,
        where,
        within={who: groups, "group/a": ["group/c"], where: [one for one in folders if one != where]},
        reads=reads,
        given={} if amount is None else {"amount": amount},
        roles=grants("g1") if role else [],
    ),
    st.sampled_from(["account/1", "account/2", "client/1"]),
    st.sampled_from(ACTIONS),
    st.sampled_from(THINGS),
    st.lists(st.sampled_from(GROUPS), unique=True, max_size=2),
    st.lists(st.just("folder/2"), max_size=1),
    st.booleans(),
    st.one_of(st.none(), st.integers(0, 10)),
    st.booleans(),
)


def of_all(rules: Rules, asked: Asked) -> Verdict:
    """The same question to all policies at once."""
    names = list(rules.ids)
    forbids = {one for one in names if f"\n{rules.explain(one)}".split("(principal")[0].rstrip().endswith("forbid")}
    answer = cedarpy.is_authorized(
        {
            "principal": {"type": asked.principal[0], "id": asked.principal[1]},
            "action": {"type": "Action", "id": asked.action},
            "resource": {"type": asked.resource[0], "id": asked.resource[1]},
            "context": json.dumps(asked.context),
        },
        "\n".join(rules.explain(one) for one in names),
        asked.entities,
    )
    reasons = [names[number] for number in sorted(int(one[6:]) for one in answer.diagnostics.reasons)]
    failed = [names[number] for number in sorted(int(one.split("`")[1][6:]) for one in answer.diagnostics.errors)]
    against = [one for one in (*reasons, *failed) if one in forbids]
    return Verdict(
        allowed=answer.allowed and not against,
        permits=tuple(reasons) if answer.allowed else (),
        forbids=tuple(against),
        failed=tuple(failed),
    )


@given(st.lists(POLICY, max_size=12), st.lists(QUESTION, min_size=1, max_size=8))
def test_a_slice_answers_as_all_policies_do(policies: list[str], questions: list[Asked]) -> None:
    rules = Rules.checked("\n".join(policies))
    for asked in questions:
        assert rules.evaluate(asked) == of_all(rules, asked)


@given(st.lists(POLICY, max_size=12), QUESTION)
def test_who_is_permitted_by_an_organizations_policy_was_said_to_be_mentioned(
    policies: list[str], asked: Asked
) -> None:
    rules = Rules.checked("\n".join(policies))
    own = [one for one in rules.evaluate(asked).permits if one.startswith("policy-")]
    assert not own or rules.mentions(asked.action, asked.principal[0], asked.resource[0])


@pytest.mark.parametrize("pattern", ["*", "document.*", "document.page.*", "document.page.read"])
def test_a_policy_is_found_by_all_that_an_action_lies_in(pattern: str) -> None:
    rules = Rules.checked(f'permit (principal, action in Action::"{pattern}", resource);')
    assert rules.evaluate(ask(action="document.page.read")).allowed
    assert not rules.evaluate(ask(action="page")).allowed or pattern == "*"


def test_policies_about_others_are_not_evaluated() -> None:
    policies = "".join(
        f'permit (principal in group::"g{number}", action == Action::"document.read", resource is document);'
        for number in range(1000)
    )
    rules = Rules.checked(policies)
    some = rules.slice_of(ask(within={"account/acc_1": ["group/g7"]}))
    assert [one.id for one in some.policies] == ["role", "owner", "share", "no-read-up", "no-write-down", "policy-8"]
    assert rules.slice_of(ask(within={"account/acc_2": ["group/g7"]}, principal="account/acc_2")) is some


def test_parsed_policies_take_bounded_memory() -> None:
    policies = "".join(
        f'permit (principal in group::"g{number}", action, resource); permit (principal, action, resource);'
        for number in range(500)
    )
    rules = Rules.checked(policies)
    for number in range(60):
        rules.evaluate(ask(within={"account/acc_1": [f"group/g{number}"]}))
    assert rules.kept <= KEPT
    assert rules.evaluate(ask(within={"account/acc_1": ["group/g0"]})).allowed
