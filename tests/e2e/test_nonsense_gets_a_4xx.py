"""Nonsense gets a 4xx with a stable code, never a 5xx, and changes nothing, at every endpoint of the three services."""

import asyncio
import json
import re
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.e2e.nonsense import JSON, LIGHTLY, NAMES, TEXT, admin, endpoints, http, refusal, takes_json
from tests.harness.feeds import settled, written_since
from tests.harness.people import Signed
from tests.harness.running import Running

__all__ = ["admin", "http"]

pytestmark = pytest.mark.over("feed")

LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUE = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
TOKEN = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), min_size=1).map(
    lambda text: text.encode("latin-1")
)
SEGMENT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)


def wrong_object(described: dict[str, Any]) -> st.SearchStrategy[Any]:
    """JSON that no such endpoint takes: no object, or one with a member that nobody knows."""
    names = sorted({*_members(described), "nobody_knows"})
    known = st.dictionaries(st.sampled_from(names), VALUE, max_size=6)
    return (st.lists(VALUE, max_size=3) | LEAF) | known.map(lambda some: some | {"nobody_knows": 1})


def _members(described: Any) -> set[str]:
    found = set(re.findall(r"'(?:title|required)': '?([A-Za-z ]+)", str(described)))
    return {name.lower().replace(" ", "_") for name in found} | {"username", "password", "reason", "subject"}


@pytest.mark.parametrize("name", NAMES)
def test_no_endpoint_takes_json_that_it_does_not_know(
    suite: Running, admin: Signed, http: httpx2.Client, name: str
) -> None:
    before = asyncio.run(settled(suite))
    for method, path, described in endpoints(suite, name):
        if takes_json(described):
            offer_wrong_json(suite.url(name), method, path, described, http, JSON | admin.bearer)
    assert asyncio.run(written_since(suite, before)) == []


def offer_wrong_json(
    url: str, method: str, path: str, described: dict[str, Any], http: httpx2.Client, headers: dict[str, str]
) -> None:
    @LIGHTLY
    @given(body=wrong_object(described), segment=SEGMENT)
    def nonsense(body: Any, segment: str) -> None:
        where = path.replace("{account_id}", quote(segment, safe=""))
        refusal(http.request(method, url + where, content=json.dumps(body), headers=headers), body)

    nonsense()


@pytest.mark.parametrize("name", NAMES)
def test_reading_takes_any_question_without_an_error_of_its_own(
    suite: Running, http: httpx2.Client, admin: Signed, name: str
) -> None:
    before = asyncio.run(settled(suite))
    paths = ["/livez", "/readyz", "/metrics", "/docs", "/openapi.json"]
    paths += [path for method, path, _ in endpoints(suite, name) if method == "GET"]

    @LIGHTLY
    @given(path=st.sampled_from(paths), query=st.dictionaries(TEXT, TEXT, max_size=3), token=TOKEN | st.none())
    def nonsense(path: str, query: dict[str, str], token: bytes | None) -> None:
        headers = admin.bearer if token is None else {b"Authorization": b"Bearer " + token}
        answer = http.get(suite.url(name) + path, params=query, headers=headers)
        assert answer.status_code < 500, (path, query, token, answer.text)

    nonsense()
    assert asyncio.run(written_since(suite, before)) == []


@pytest.mark.parametrize("name", NAMES)
def test_none_of_it_was_an_error_of_the_suites_own(suite: Running, name: str) -> None:
    lines = [json.loads(line) for line in (suite.place.logs / f"{name}.log").read_text().splitlines()]
    failed = [line for line in lines if line["event"] in ("request_failed", "call_failed") or "exception" in line]
    assert not failed, failed[0]
