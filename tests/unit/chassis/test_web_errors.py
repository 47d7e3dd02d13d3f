"""Client nonsense gets a 4xx with a stable code, whatever it is, and nothing of an error leaks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message
from structlog.testing import capture_logs

from chassis import positions
from chassis.readiness import Readiness
from chassis.web import Hot, Json, Share, application, oauth_form
from chassis.web.edge import client_address
from eventlog.errors import Kind, Refusal
from tests.unit.chassis.test_positions import Applied

OWN = "http://own.test"
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}

router = APIRouter()


class Thing(BaseModel):
    name: str
    size: int = 0


@router.post("/v1/things", status_code=201)
async def make(thing: Thing) -> dict[str, str]:
    return {"name": thing.name}


@router.get("/v1/things/{number}")
async def show(number: int) -> dict[str, int]:
    return {"number": number}


@router.delete("/v1/things")
async def drop(request: Request) -> dict[str, str]:
    assert request.client is not None
    positions.note("identity", 7)
    return {"client": request.client.host}


@router.get("/v1/refused")
async def refuse() -> None:
    raise Refusal(Kind.UNAVAILABLE, "not_now", "later", 1.5)


@router.get("/v1/who")
async def who() -> None:
    raise Refusal(Kind.UNAUTHENTICATED, "invalid_token", 'the "token" expired')


@router.get("/v1/fails")
async def fail() -> None:
    raise ValueError("hunter2")


async def token(request: Request) -> Response:
    form = await oauth_form(request)
    if form.get("code"):
        raise Refusal(Kind.INVALID, form.require("code"), "as asked")
    return Json({"grant_type": form.require("grant_type"), "scope": form.get("scope")})


async def busy(_: Request) -> Response:
    raise Refusal(Kind.UNAVAILABLE, "too_busy", "later", 3)


async def client_wrong(_: Request) -> Response:
    raise Refusal(Kind.UNAUTHENTICATED, "invalid_client", "no such client")


async def keys(_: Request) -> Response:
    return Json({"keys": []}, headers={"Cache-Control": "max-age=300"})


async def breaks(_: Request) -> Response:
    raise ValueError("hunter2")


def app(**more: Any) -> Any:
    hot = [
        Hot("POST", "/oauth2/token", token),
        Hot("POST", "/oauth2/busy", busy),
        Hot("POST", "/oauth2/client", client_wrong),
        Hot("POST", "/oauth2/breaks", breaks),
        Hot("GET", "/.well-known/jwks.json", keys),
    ]
    shares = [
        Share(frozenset({"/.well-known/jwks.json"})),
        Share(frozenset({"/oauth2/token"}), "POST", lambda origin: origin == "https://app.test"),
    ]
    origins = frozenset({OWN})
    return application(
        title="test", readiness=Readiness(), origins=origins, routers=[router], hot=hot, shares=shares, **more
    )


@asynccontextmanager
async def client(**more: Any) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app(**more), client=("127.0.0.1", 1))
    async with httpx2.AsyncClient(transport=transport, base_url=OWN) as one:
        yield one


async def asked(method: str, path: str, **more: Any) -> httpx2.Response:
    async with client() as one:
        return await one.request(method, path, **more)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_json"),
        (b"", 422, "invalid_request"),
        (b"[]", 422, "invalid_request"),
        (b"null", 422, "invalid_request"),
        (b'{"name": 1}', 422, "invalid_request"),
        (b'{"size": 1}', 422, "invalid_request"),
        (b'{"name": "a", "size": NaN}', 400, "malformed_json"),
        (b'{"name": "a", "size": 1e999}', 422, "invalid_request"),
        (b'{"name": "a", "size": ' + b"9" * 5000 + b"}", 400, "malformed_json"),
        (b'{"name": "a", "name": "b"}', 400, "malformed_json"),
        (b'{"name": "a", "x": [{"y": 1, "y": 2}]}', 400, "malformed_json"),
        (b'{"name": "a\\u0000"}', 422, "invalid_request"),
        (b'{"name": "a\\ud800"}', 422, "invalid_request"),
        (b'{"name": "a", "\\u0000": 1}', 422, "invalid_request"),
        (b'{"name": "\xff"}', 400, "malformed_json"),
        ('{"name": "a"}'.encode("utf-16"), 400, "malformed_json"),
        (b'\xef\xbb\xbf{"name": "a"}', 400, "malformed_json"),
        (b"[" * 60_000, 400, "malformed_json"),
        (b'{"name": "' + b"a" * 70_000 + b'"}', 413, "body_too_large"),
    ],
)
async def test_a_body_that_is_no_request_is_a_4xx_with_a_stable_code(body: bytes, status: int, code: str) -> None:
    answer = await asked("POST", "/v1/things", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_surrogate_pair_is_a_character() -> None:
    answer = await asked("POST", "/v1/things", content=b'{"name": "\\ud83d\\ude00"}', headers=JSON)
    assert answer.json() == {"name": "\N{GRINNING FACE}"}


async def test_a_problem_says_code_title_status_detail_and_reference() -> None:
    answer = await asked("GET", "/v1/refused", headers={"x-correlation-id": "request-17"})
    assert answer.json() == {
        "type": "urn:watchword:error:not_now",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "later",
        "code": "not_now",
        "instance": "urn:watchword:request:request-17",
        "reference": "request-17",
    }
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["x-correlation-id"] == "request-17"


async def test_what_was_sent_is_not_echoed() -> None:
    answer = await asked("POST", "/v1/things", json={"name": ["hunter2"], "size": "hunter2"})
    assert answer.status_code == 422
    assert "hunter2" not in answer.text
    assert {error["at"] for error in answer.json()["errors"]} == {"body.name", "body.size"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/things/", 404, "not_found"),
        ("PUT", "/v1/things", 405, "method_not_allowed"),
        ("BREW", "/v1/refused", 405, "method_not_allowed"),
        ("POST", "/livez", 405, "method_not_allowed"),
        ("GET", "/v1/things/one", 422, "invalid_request"),
        ("GET", "/v1/things/%ff", 400, "malformed_request"),
        ("GET", "/v1/things/%00", 400, "malformed_request"),
        ("GET", "/v1/refused?a=%ff", 400, "malformed_request"),
        ("GET", "/v1/refused?a=%00", 400, "malformed_request"),
    ],
)
async def test_an_address_that_is_none_is_a_4xx(method: str, path: str, status: int, code: str) -> None:
    answer = await asked(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/json-seq", ""])
async def test_only_json_changes_anything_under_v1(media_type: str) -> None:
    answer = await asked("POST", "/v1/things", content=b'{"name": "a"}', headers={"content-type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {"origin": "http://own.test.evil.test"},
        {"sec-fetch-site": "cross-site"},
        {"origin": OWN, "sec-fetch-site": "cross-site"},
    ],
)
async def test_another_site_changes_nothing(headers: dict[str, str]) -> None:
    answer = await asked("POST", "/v1/things", json={"name": "a"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("headers", [{}, {"origin": OWN}, {"origin": OWN, "sec-fetch-site": "same-origin"}])
async def test_ones_own_pages_and_programs_do(headers: dict[str, str]) -> None:
    assert (await asked("POST", "/v1/things", json={"name": "a"}, headers=headers)).status_code == 201


async def test_an_unexpected_error_leaks_nothing_and_is_logged_under_its_reference() -> None:
    with capture_logs() as logged:
        answer = await asked("GET", "/v1/fails")
        oauth = await asked("POST", "/oauth2/breaks")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert (oauth.status_code, oauth.json()["error"]) == (500, "server_error")
    assert "hunter2" not in answer.text + oauth.text
    assert answer.json()["reference"] == answer.headers["x-correlation-id"]
    assert [line["path"] for line in logged if line["event"] == "request_failed"] == ["/v1/fails", "/oauth2/breaks"]


async def test_a_missing_bearer_is_challenged() -> None:
    answer = await asked("GET", "/v1/who")
    assert answer.status_code == 401
    challenge = 'Bearer realm="watchword", error="invalid_token", error_description="the \'token\' expired"'
    assert answer.headers["www-authenticate"] == challenge


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"grant_type=a&grant_type=b", FORM),
        (b"grant_type=a&scope=&scope=", FORM),
        (b"grant_type=%ff", FORM),
        (b"grant_type=\xff", FORM),
        (b"grant_type=%00", FORM),
        (b"grant_type=", FORM),
        (b"", FORM),
        (b'{"grant_type": "a"}', JSON),
        (b"grant_type=a", {}),
    ],
)
async def test_a_form_that_is_none_is_invalid_request(body: bytes, headers: dict[str, str]) -> None:
    answer = await asked("POST", "/oauth2/token", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.headers["cache-control"] == "no-store"


async def test_a_parameter_without_a_value_is_omitted() -> None:
    answer = await asked("POST", "/oauth2/token", content=b"grant_type=a+b%2B&scope=&", headers=FORM)
    assert answer.json() == {"grant_type": "a b+", "scope": None}


async def test_oauth_errors_are_said_in_the_words_of_their_rfc() -> None:
    known = await asked("POST", "/oauth2/token", content=b"code=invalid_grant", headers=FORM)
    assert (known.status_code, known.json()["error"]) == (400, "invalid_grant")
    assert "code" not in known.json()
    unknown = await asked("POST", "/oauth2/token", content=b"code=position_unknown", headers=FORM)
    assert (unknown.json()["error"], unknown.json()["code"]) == ("invalid_request", "position_unknown")
    busy = await asked("POST", "/oauth2/busy")
    assert (busy.status_code, busy.json()["error"]) == (503, "temporarily_unavailable")
    assert busy.headers["retry-after"] == "3"
    who = await asked("POST", "/oauth2/client")
    assert (who.status_code, who.headers["www-authenticate"]) == (401, 'Basic realm="watchword"')
    assert (await asked("GET", "/oauth2/token")).json()["error"] == "invalid_request"


async def test_keys_are_read_from_everywhere_and_tokens_by_registered_origins() -> None:
    found = await asked("GET", "/.well-known/jwks.json", headers={"origin": "https://any.test"})
    assert found.headers["access-control-allow-origin"] == "*"
    ours = await asked("POST", "/oauth2/token", content=b"", headers=FORM | {"origin": "https://app.test"})
    assert ours.headers["access-control-allow-origin"] == "https://app.test"
    assert ours.headers["vary"] == "Origin"
    other = await asked("POST", "/oauth2/token", content=b"", headers=FORM | {"origin": "https://evil.test"})
    assert "access-control-allow-origin" not in other.headers
    for answer in (found, ours, other):
        assert "access-control-allow-credentials" not in answer.headers


async def test_a_preflight_is_answered() -> None:
    ask = {"origin": "https://app.test", "access-control-request-method": "POST"}
    answer = await asked("OPTIONS", "/oauth2/token", headers=ask)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://app.test"
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert (await asked("OPTIONS", "/v1/things", headers=ask)).status_code == 405


async def test_answers_are_not_stored_unless_they_say_so() -> None:
    assert (await asked("POST", "/v1/things", json={"name": "a"})).headers["cache-control"] == "no-store"
    found = await asked("GET", "/.well-known/jwks.json")
    assert found.headers["cache-control"] == "max-age=300"
    assert found.headers["x-content-type-options"] == "nosniff"


async def test_positions_written_stand_in_the_answer() -> None:
    answer = await asked("DELETE", "/v1/things")
    assert answer.headers["watchword-position"] == "identity=7"


@pytest.mark.parametrize(
    ("position", "status", "code"),
    [
        ("identity=5", 200, None),
        ("identity=6", 503, "not_yet_applied"),
        ("identity=11", 400, "position_unknown"),
        ("mail=1", 400, "invalid_position"),
    ],
)
async def test_a_request_waits_for_its_positions(position: str, status: int, code: str | None) -> None:
    waiting = positions.Waiting(Applied({"identity": 5}), {"identity": lambda: _head(10)}, patience=0.05)
    async with client(waiting=waiting) as one:
        answer = await one.request("DELETE", "/v1/things", headers={"watchword-position": position})
    assert answer.status_code == status
    assert answer.json().get("code") == code


async def _head(position: int) -> int:
    return position


async def test_the_docs_fetch_nothing_from_elsewhere() -> None:
    page = await asked("GET", "/docs")
    assert page.status_code == 200
    assert "://" not in page.text.replace("http-equiv", "")
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js"):
        assert (await asked("GET", f"/docs/{name}")).status_code == 200
    schema = (await asked("GET", "/openapi.json")).json()
    assert schema["openapi"].startswith("3.0")
    assert {"/v1/things", "/oauth2/token"} <= schema["paths"].keys()
    assert "HTTPValidationError" not in str(schema)


def scope(peer: str, *forwarded: str) -> Any:
    return {
        "type": "http",
        "client": (peer, 1),
        "headers": [(b"x-forwarded-for", value.encode()) for value in forwarded],
    }


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", ("1.2.3.4",), "203.0.113.9"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("1.2.3.4",), "1.2.3.4"),
        ("10.0.0.1", ("6.6.6.6, 1.2.3.4",), "1.2.3.4"),
        ("10.0.0.1", ("6.6.6.6", "1.2.3.4, 10.0.0.2"), "1.2.3.4"),
        ("10.0.0.1", ("nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("1.2.3.4, nonsense",), "10.0.0.1"),
        ("::ffff:10.0.0.1", ("2001:db8::1",), "2001:db8::1"),
    ],
)
def test_forwarded_addresses_are_believed_from_named_proxies_alone(
    peer: str, forwarded: tuple[str, ...], client: str
) -> None:
    from ipaddress import ip_network

    from starlette.datastructures import Headers

    request = scope(peer, *forwarded)
    found = client_address(request, Headers(scope=request), [ip_network("10.0.0.0/8")])
    assert found is not None
    assert found[0] == client


async def sent(app: Any, messages: list[Message], headers: list[tuple[bytes, bytes]]) -> list[Message]:
    """What an application answers to a body that comes in pieces."""
    answered: list[Message] = []
    request = {"type": "http", "method": "POST", "path": "/v1/things", "raw_path": b"/v1/things", "query_string": b""}

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        answered.append(message)

    await app(request | {"headers": headers, "client": ("127.0.0.1", 1)}, receive, send)
    return answered


async def test_a_body_without_a_length_is_bounded_while_it_comes() -> None:
    piece = {"type": "http.request", "body": b"a" * 60_000, "more_body": True}
    messages: list[Message] = [piece] * 100
    answered = await sent(app(), messages, [(b"transfer-encoding", b"chunked")])
    assert answered[0]["status"] == 413
    assert len(messages) > 50


async def test_a_client_that_hangs_up_is_not_answered() -> None:
    assert await sent(app(), [{"type": "http.disconnect"}], [(b"content-length", b"10")]) == []


async def test_a_body_that_does_not_come_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.web.body.PATIENCE", 0.02)
    answered = await sent(app(), [], [(b"content-length", b"10")])
    assert answered[0]["status"] == 408
