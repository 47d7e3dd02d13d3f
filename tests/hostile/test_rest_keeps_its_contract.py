"""What /openapi.json of each service promises holds for whatever is sent, by whomever: no 5xx, nothing undocumented."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from tests.harness.running import Running
from tests.harness.seeds import SEED, times
from tests.hostile.callers import KINDS, Callers, right_kind
from tests.hostile.operations import CHANGES

NAMES = ("identity", "token", "policy")
POSITION = "Watchword-Position"
EXAMPLES = 6
load_all_checks()
KEPT = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="session")
def callers(suite: Running) -> Callers:
    return Callers(suite)


def contract(suite: Running, name: str) -> Any:
    """A service's document; for this test, an answer has no members but those that are described."""
    described = httpx2.get(f"{suite.url(name)}/openapi.json").json()
    for schema in described["components"]["schemas"].values():
        if schema.get("type") == "object":
            schema.setdefault("additionalProperties", False)
    loaded = schemathesis.openapi.from_dict(described)
    loaded.config.update(base_url=suite.url(name))
    loaded.config.generation.update(with_security_parameters=False)
    return loaded


def operations(suite: Running, name: str) -> Iterator[Any]:
    loaded = contract(suite, name)
    loaded.validate()
    for found in loaded.get_all_operations():
        yield found.ok()


@pytest.mark.parametrize("name", NAMES)
def test_what_fits_the_contract_is_answered_as_it_says(suite: Running, callers: Callers, name: str) -> None:
    for operation in operations(suite, name):
        answered = ask(operation, callers, name, GenerationMode.POSITIVE)
        print(operation.label, dict(answered))
        assert answered[200] + answered[201] + answered[303], f"{operation.label} was never answered with a yes"


@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_fit_the_contract_is_refused_as_it_says(suite: Running, callers: Callers, name: str) -> None:
    for operation in operations(suite, name):
        print(operation.label, dict(ask(operation, callers, name, GenerationMode.NEGATIVE)))


def ask(operation: Any, callers: Callers, name: str, mode: GenerationMode) -> Counter[int]:
    """How often each status came. The first request that fits is one that is to be granted."""
    answered: Counter[int] = Counter()
    good = mode is GenerationMode.POSITIVE

    @seed(SEED)
    @settings(
        max_examples=times(EXAMPLES),
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode), kind=st.sampled_from(KINDS), informed=st.booleans())
    def one(case: Any, kind: str, informed: bool) -> None:
        if good and not answered:
            kind, informed = right_kind(operation), True
            inform(case, callers.knows(operation.label))
            case.body = callers.good_body(operation.label) or case.body
            case.query = callers.good_query(operation.label) or case.query
        elif good and informed:
            inform(case, callers.knows(operation.label))
        if (good and informed) or asks_for_another(name, case) or wrong_elsewhere(case):
            case.headers.pop(POSITION, None)
        answer = case.call(session=callers.session, headers=callers.headers(kind), timeout=30, allow_redirects=False)
        answered[answer.status_code] += 1
        check(case, answer, kind, mode)
        if answer.status_code == 200 and operation.label in CHANGES:
            callers.forget()

    one()
    return answered


def inform(case: Any, known: dict[str, str]) -> None:
    """Puts what is known in the place of what was made up."""
    for made_up in (case.body, case.path_parameters):
        if isinstance(made_up, dict):
            made_up.update({name: known[name] for name in made_up.keys() & known.keys()})


def asks_for_another(name: str, case: Any) -> bool:
    """Of its own log a service knows at once what lies beyond; for another's it waits 2 s, and answers with 503."""
    others = "|".join(one for one in NAMES if one != name)
    return re.search(rf"({others})=\d", str(case.headers.get(POSITION, ""))) is not None


def wrong_elsewhere(case: Any) -> bool:
    """A wrong position is refused before anything else is looked at, so it stands alone."""
    return any(where.value != "header" and part.mode.is_negative for where, part in case.meta.components.items())


def check(case: Any, answer: Any, kind: str, mode: GenerationMode) -> None:
    said = f"{case.method} {case.formatted_path} as {kind} → {answer.status_code} {answer.text[:300]}"
    assert answer.status_code < 500, said
    refused = [*KEPT, checks.negative_data_rejection] if mode is GenerationMode.NEGATIVE else KEPT
    try:
        case.validate_response(answer, checks=refused)
    except FailureGroup as group:
        raise AssertionError(f"{said}: {group.exceptions!r}") from None
    secured = case.operation.definition.raw["security"]
    if kind in ("nobody", "nonsense") and secured and {} not in secured:
        assert 400 <= answer.status_code < 500, said
    assert "Traceback" not in answer.text, said
