"""What endpoints there are to send nonsense to, by whom, and what each must answer."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.harness.people import People, Signed
from tests.harness.running import Running

NAMES = ("identity", "token", "policy")
CODE = re.compile(r"[a-z][a-z_]{2,40}")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


def refusal(answer: httpx2.Response, what: object = "") -> str:
    """The stable code of an answer that must be a 4xx, as its endpoint's clients expect it."""
    said = f"{answer.request.method} {answer.request.url} {what!r} → {answer.status_code} {answer.text[:300]}"
    assert 400 <= answer.status_code < 500, said
    body = answer.json()
    if answer.request.url.path.startswith("/oauth2/"):
        assert answer.headers["content-type"] == "application/json", said
        code = body["error"]
    else:
        assert answer.headers["content-type"] == "application/problem+json", said
        assert body["status"] == answer.status_code, said
        code = body["code"]
    assert CODE.fullmatch(code), said
    assert "Traceback" not in answer.text, said
    return str(code)


def endpoints(suite: Running, name: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every endpoint that a service documents."""
    described = httpx2.get(f"{suite.url(name)}/openapi.json").json()
    found = [(method.upper(), path, one) for path, all_ in described["paths"].items() for method, one in all_.items()]
    assert found
    return found


def takes_json(described: dict[str, Any]) -> bool:
    return "application/json" in described.get("requestBody", {}).get("content", {})


@pytest.fixture
async def admin(people: People) -> Signed:
    return await people.administrator()


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=30, trust_env=False) as client:
        yield client


LIGHTLY = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TEXT = st.text(max_size=40)
