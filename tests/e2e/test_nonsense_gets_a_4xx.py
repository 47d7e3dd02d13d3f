"""Nonsense gets a 4xx with a stable code, never a 5xx, and changes nothing, at every endpoint of the three services."""

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.feeds import nothing_written, settled, written_since
from tests.harness.forging import b64
from tests.harness.people import People, Signed
from tests.harness.running import Running

pytestmark = pytest.mark.over("feed")

NAMES = ("identity", "token", "policy")
CODE = re.compile(r"[a-z][a-z_]{2,40}")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
LIMIT = 64 * 1024


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


JUDGES_TEXTS = {"/access/v1/evaluations": ["insufficient_scope"]}
"""Where texts are looked at one by one, once it is known who asks."""
BROKEN: dict[str, bytes] = {
    "cut short": b'{"username": "a',
    "no JSON": b"username=a&password=b",
    "trailing": b"{} {}",
    "broken UTF-8": b'{"username": "\xff\xfe"}',
    "UTF-16": '{"username": "a"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a member twice": b'{"username": "a", "username": "b", "password": "c"}',
    "NaN": b'{"username": NaN}',
    "nested without end": b"[" * 30_000,
    "a NUL": b'{"username": "a\\u0000", "password": "b", "reason": "c", "subject": "d"}',
    "half a surrogate pair": b'{"username": "\\ud800", "password": "b", "reason": "c"}',
    "an endless number": b'{"username": 1' + b"0" * 5_000 + b"}",
}


@pytest.mark.parametrize("name", NAMES)
async def test_no_endpoint_takes_a_body_that_is_no_json(
    suite: Running, people: People, admin: Signed, name: str
) -> None:
    async with nothing_written(suite):
        for method, path, _ in endpoints(suite, name):
            if method == "GET" or path.startswith("/oauth2/"):
                continue
            url = people.url(name) + re.sub(r"{\w+}", "somebody", path)
            codes = {"malformed_json", "invalid_request", *JUDGES_TEXTS.get(path, ())}
            for what, body in BROKEN.items():
                answer = await people.http.request(method, url, content=body, headers=JSON | admin.bearer)
                assert refusal(answer, what) in codes, what
            for media in ("text/plain", "application/xml", "application/json; charset=latin-1", *FORM.values(), ""):
                headers = {"Content-Type": media} | admin.bearer
                answer = await people.http.request(method, url, content=b'{"a": 1}', headers=headers)
                status = 400 if path.startswith("/access/v1/") else 415
                assert (answer.status_code, refusal(answer, media)) == (status, "unsupported_media_type")


@pytest.mark.parametrize("name", NAMES)
async def test_every_endpoint_refuses_a_body_that_is_too_large(
    suite: Running, people: People, admin: Signed, name: str
) -> None:
    async def chunked() -> Any:
        for _ in range(20):
            yield b" " * 8192

    async with nothing_written(suite):
        for method, path, _ in endpoints(suite, name):
            url = people.url(name) + re.sub(r"{\w+}", "somebody", path)
            headers = (FORM if path.startswith("/oauth2/") else JSON) | admin.bearer
            for body in (b" " * (LIMIT + 1), chunked()):
                answer = await people.http.request(method, url, content=body, headers=headers)
                assert (answer.status_code, refusal(answer)) in (
                    (413, "body_too_large"),
                    (413, "invalid_request"),
                )


ANSWERED = frozenset({"/account", "/device"})
"""Pages whose own forms are sent back to where they came from: no program is meant to, and no document says so."""


@pytest.mark.parametrize("name", NAMES)
async def test_every_endpoint_takes_its_own_methods_only(suite: Running, people: People, name: str) -> None:
    described = endpoints(suite, name)
    async with nothing_written(suite):
        for path in {path for _, path, _ in described}:
            own = {method for method, one, _ in described if one == path}
            own |= {"HEAD"} if "GET" in own else set()
            own |= {"POST"} if path in ANSWERED else set()
            url = people.url(name) + re.sub(r"{\w+}", "somebody", path)
            for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} - own:
                answer = await people.http.request(method, url)
                assert answer.status_code == 405, (method, path, answer.text)
                assert method == "HEAD" or refusal(answer)
                assert method not in answer.headers.get("allow", "")


@pytest.mark.parametrize("name", NAMES)
async def test_addresses_and_headers_that_are_none_are_refused(suite: Running, people: People, name: str) -> None:
    url = people.url(name)
    for path in ("/nowhere", "/v1", "/v1/", "/v1/nothing", "/oauth2/nothing", "/docs/../v1/x", "/docs/%2e%2e/secret"):
        answer = await people.http.get(url + path)
        assert (answer.status_code, CODE.fullmatch(refusal(answer)) is not None) == (404, True), path
    for path in ("/v1/accounts/%00/disable", "/v1/accounts/%ff/disable", "/livez?x=%00", "/livez?x=%c3%28"):
        answer = await people.http.get(url + path)
        assert (answer.status_code, refusal(answer)) == (400, "malformed_request"), path
    for header in (b"Authorization", b"X-Correlation-Id", b"Origin", b"Cookie", b"traceparent"):
        answer = await people.http.get(f"{url}/livez", headers={header: b"\xff" * 100})
        assert answer.status_code == 200, header
    twice = [("Authorization", "Bearer a"), ("Authorization", "Bearer b")]
    answer = await people.http.get(url + "/v1/account", headers=twice)
    assert answer.status_code in (401, 404)


@pytest.mark.parametrize("name", NAMES)
def test_a_head_that_is_too_large_or_none_is_refused(suite: Running, name: str) -> None:
    address = (suite.fleet.rest[name].host, suite.fleet.rest[name].port)
    large = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Large: " + b"a" * 40_000 + b"\r\n\r\n"
    many = b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 10_000 + b"\r\n"
    long = b"GET /livez?" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    smuggled = (
        b"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /"
    )
    for sent in (large, many, long, smuggled, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0\0\0\r\n\r\n"):
        head, _, body = raw(address, sent).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 "), sent[:60]
        assert json.loads(body)["code"] == "malformed_http"


def raw(address: tuple[str, int], sent: bytes) -> bytes:
    """The first that a server answers to bytes."""
    with socket.create_connection(address, 10) as connection:
        connection.sendall(sent)
        return connection.recv(4096)


FORMS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "invalid_request"),
    "no grant type": (b"client_id=x", "invalid_request"),
    "an empty grant type": (b"grant_type=", "invalid_request"),
    "an unknown grant": (b"grant_type=urn:nobody:knows", "unsupported_grant_type"),
    "the password grant": (b"grant_type=password&username=a&password=b", "unsupported_grant_type"),
    "a parameter twice": (b"grant_type=refresh_token&grant_type=refresh_token", "invalid_request"),
    "another one twice": (b"grant_type=refresh_token&refresh_token=a&refresh_token=b", "invalid_request"),
    "an unknown one twice": (b"grant_type=refresh_token&x=1&x=2", "invalid_request"),
    "one twice, once spelled otherwise": (b"grant_type=refresh_token&%67rant_type=x", "invalid_request"),
    "one twice, both without a value": (b"grant_type=refresh_token&scope=&scope=", "invalid_request"),
    "broken UTF-8": (b"grant_type=refresh_token&refresh_token=%ff%fe", "invalid_request"),
    "raw broken UTF-8": (b"grant_type=\xff", "invalid_request"),
    "a NUL": (b"grant_type=refresh_token&refresh_token=a%00b", "invalid_request"),
    "a grant of before": (b"grant_type=implicit&token=x", "unsupported_grant_type"),
}
OAUTH = ("/oauth2/token", "/oauth2/introspect", "/oauth2/revoke")


async def test_forms_that_are_none_are_refused_by_name(suite: Running, people: People) -> None:
    service = f"{suite.service.client_id}:{suite.service.client_secret}"
    async with nothing_written(suite):
        for what, (body, error) in FORMS.items():
            for auth in ({"Authorization": f"Basic {b64(service.encode())}"}, {}):
                url = people.url("token") + "/oauth2/token"
                answer = await people.http.post(url, content=body, headers=FORM | auth)
                assert (answer.status_code, refusal(answer, what)) == (400, error), what
                assert answer.headers["cache-control"] == "no-store"
        for path in OAUTH:
            twice = await people.http.post(people.url("token") + path, content=b"token=a&token=b", headers=FORM)
            assert (twice.status_code, refusal(twice)) == (400, "invalid_request")
            for media in ("application/json", "multipart/form-data; boundary=x", "text/plain", ""):
                headers = {"Content-Type": media}
                answer = await people.http.post(people.url("token") + path, content=b"token=a", headers=headers)
                assert (answer.status_code, refusal(answer, media)) == (400, "invalid_request"), media


def test_no_form_is_taken_for_what_it_is_not(suite: Running, http: httpx2.Client) -> None:
    before = asyncio.run(settled(suite))
    names = st.sampled_from(["grant_type", "client_id", "client_secret", "refresh_token", "scope", "resource", "token"])
    values = st.sampled_from(["refresh_token", "client_credentials", suite.app, suite.service.client_id]) | TEXT
    credentials = st.none() | st.tuples(TEXT, TEXT)

    @LIGHTLY
    @given(path=st.sampled_from(OAUTH), form=st.lists(st.tuples(names | TEXT, values), max_size=5), auth=credentials)
    def nonsense(path: str, form: list[tuple[str, str]], auth: tuple[str, str] | None) -> None:
        body = str(httpx2.QueryParams([(name, value) for name, value in form])).encode()
        headers = dict(FORM)
        if auth is not None:
            headers["Authorization"] = "Basic " + b64(":".join(auth).encode())
        refusal(http.post(suite.url("token") + path, content=body, headers=headers), body)

    nonsense()
    assert asyncio.run(written_since(suite, before)) == []


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
