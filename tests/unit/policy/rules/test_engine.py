"""What an organization's policies say, and what becomes of questions and policies that cannot be evaluated."""

from typing import Any

import msgspec
import pytest

from eventlog.errors import Refusal
from services.policy.domain.rules.engine import Asked, Rules, Verdict
from tests.unit.policy.rules.asking import DOCUMENTS, ask, grants

MFA = 'forbid (principal, action, resource) unless { context has acr && context.acr == "mfa" };'
IN_ROLE: dict[str, Any] = {"within": {"account/acc_1": ["grant/g1"]}, "roles": grants("g1")}


def test_an_organizations_permit_permits_and_is_named() -> None:
    rules = Rules.of('@id("all may read") permit (principal, action == Action::"document.read", resource);', DOCUMENTS)
    assert rules.evaluate(ask()) == Verdict(True, permits=("all may read",))
    assert not rules.evaluate(ask(action="document.write")).allowed


def test_one_forbid_outweighs_all_that_permit() -> None:
    rules = Rules.of('@id("never") forbid (principal, action, resource is document);', DOCUMENTS)
    assert rules.evaluate(ask(**IN_ROLE)) == Verdict(False, forbids=("never",))
    assert rules.evaluate(ask(resource="folder/1", **IN_ROLE)).allowed


def test_an_action_is_in_all_that_its_name_begins_with() -> None:
    rules = Rules.of('permit (principal, action in Action::"document.*", resource);', DOCUMENTS)
    assert rules.evaluate(ask(action="document.write")).allowed


def test_a_resource_is_in_those_in_which_it_lies() -> None:
    rules = Rules.of('permit (principal, action, resource in folder::"1");', DOCUMENTS)
    within = {"document/7": ["folder/2"], "folder/2": ["folder/1"]}
    assert rules.evaluate(ask(within=within)).allowed
    assert not rules.evaluate(ask(within={"document/7": ["folder/3"]})).allowed


def test_a_permit_that_fails_permits_nothing() -> None:
    rules = Rules.of(
        '@id("small") permit (principal, action, resource)'
        "when { context.given has amount && context.given.amount < 9 };",
        DOCUMENTS,
    )
    assert rules.evaluate(ask(given={"amount": 5})) == Verdict(True, permits=("small",))
    assert rules.evaluate(ask(given={"amount": "5"})) == Verdict(False, failed=("small",))


def test_a_forbid_that_fails_forbids() -> None:
    rules = Rules.of(
        '@id("large") forbid (principal, action, resource)'
        "when { context.given has amount && context.given.amount > 9 };",
        DOCUMENTS,
    )
    assert rules.evaluate(ask(given={"amount": 5}, **IN_ROLE)).allowed
    failed = rules.evaluate(ask(given={"amount": "5"}, **IN_ROLE))
    assert failed == Verdict(False, permits=("role",), forbids=("large",), failed=("large",))


@pytest.mark.parametrize(
    "odd",
    [
        msgspec.structs.replace(ask(**IN_ROLE), principal=("in", "x")),
        msgspec.structs.replace(ask(**IN_ROLE), principal=("", "")),
        msgspec.structs.replace(ask(**IN_ROLE), resource=("a b", "x")),
        msgspec.structs.replace(ask(**IN_ROLE), resource=("document", "\ud800")),
        msgspec.structs.replace(ask(**IN_ROLE), entities=[{"uid": {"type": "account", "id": "acc_1"}}] * 2),
        msgspec.structs.replace(ask(**IN_ROLE), entities=[{}]),
        msgspec.structs.replace(ask(**IN_ROLE), context={}),
        msgspec.structs.replace(ask(**IN_ROLE), context={"roles": object()}),
        ask(**IN_ROLE | {"reads": "yes"}),
        ask(**IN_ROLE, given={"a": {"__extn": {"fn": "ip", "arg": "nowhere"}}}),
    ],
    ids=lambda odd: str(odd)[:40],
)
def test_odd_questions_are_denied_and_say_what_failed(odd: Asked) -> None:
    verdict = Rules.of(MFA.replace("forbid", "permit"), "").evaluate(odd)
    assert not verdict.allowed
    assert verdict.failed


@pytest.mark.parametrize(
    "given",
    [
        {"a": None},
        {"a": 1.5},
        {"a": 0.123456},
        {"a": 1e300},
        {"a": 2**64},
        {"a": [None, {"b": None}]},
        {"a": float("inf")},
    ],
    ids=str,
)
def test_what_a_caller_says_that_cedar_cannot_hold_is_as_if_it_was_not_said(given: dict[str, Any]) -> None:
    assert Rules.of().evaluate(ask(**IN_ROLE, given=given)).allowed


def test_what_a_caller_nests_deeply_is_cut_off() -> None:
    given: Any = 1
    for _ in range(500):
        given = {"a": given}
    assert Rules.of().evaluate(ask(**IN_ROLE, given=given)).allowed


def test_a_fraction_is_a_decimal() -> None:
    schema = DOCUMENTS.replace("amount?: Long", "amount?: decimal")
    policy = (
        "permit (principal, action, resource) when "
        '{ context.given has amount && context.given.amount.lessThan(decimal("1.6")) };'
    )
    rules = Rules.of(policy, schema)
    assert rules.evaluate(ask(given={"amount": 1.5})).allowed
    assert not rules.evaluate(ask(given={"amount": 1.75})).allowed


@pytest.mark.parametrize(
    ("condition", "acrs"),
    [
        ('context has acr && context.acr == "mfa"', ("mfa",)),
        ('context has acr && "phr" == context.acr', ("phr",)),
        ('context has acr && ["mfa", "phr"].contains(context.acr)', ("mfa", "phr")),
        ('context has acr && !(context.acr != "mfa")', ("mfa",)),
        ('if context has acr then (context.acr == "a" || context.acr == "b") else false', ("a", "b")),
        ('context has acr && context.acr like "m*"', ()),
        ("context.now > 5", ()),
    ],
)
def test_the_logins_that_policies_ask_for_are_known(condition: str, acrs: tuple[str, ...]) -> None:
    assert Rules.of(f"permit (principal, action, resource) when {{ {condition} }};").acrs == acrs


def test_whether_a_policy_could_permit_something_is_told_by_its_scope() -> None:
    rules = Rules.of(
        'permit (principal is account, action == Action::"document.read", resource == document::"7");'
        'forbid (principal, action == Action::"document.write", resource);',
        DOCUMENTS,
    )
    assert rules.mentions("document.read", "account", "document")
    assert not rules.mentions("document.read", "client", "document")
    assert not rules.mentions("document.read", "account", "folder")
    assert not rules.mentions("document.write", "account", "document")
    assert not Rules.of().mentions("document.read", "account", "document")


def test_a_policy_is_explained_by_its_text() -> None:
    text = '@id("mfa")\n@description("a second factor everywhere")\n' + MFA
    rules = Rules.of(f"// ours\n{text}\n")
    assert rules.explain("mfa") == text
    assert "principal in context.roles" in rules.explain("role")
    assert rules.explain("nobody") == ""


def test_a_policy_without_a_name_is_named_by_its_place() -> None:
    rules = Rules.of(f'@id("first") {MFA}\n{MFA}')
    assert rules.evaluate(ask(**IN_ROLE)).forbids == ("first", "policy-2")


def test_wrong_policies_are_refused_as_such() -> None:
    with pytest.raises(Refusal) as refused:
        Rules.of("permit (principal, action);", "")
    assert refused.value.code == "policy_invalid"
    assert "policies, line 1, column 1:" in refused.value.detail
    with pytest.raises(Refusal) as refused:
        Rules.of("permit (principal, action);", "entity account;")
    assert refused.value.code == "schema_invalid"
