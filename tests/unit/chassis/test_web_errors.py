"""Client nonsense gets a 4xx with a stable code, whatever it is, and nothing of an error leaks."""

import pytest
from structlog.testing import capture_logs

from tests.unit.chassis.web_served import FORM, JSON, asked


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
        (b"grant_type=a" + b"&" * 500, FORM),
        (b"grant_type=a" + b"".join(b"&n%d=1" % number for number in range(500)), FORM),
        (b'{"grant_type": "a"}', JSON),
        (b"grant_type=a", {}),
    ],
)
async def test_a_form_that_is_none_is_invalid_request(body: bytes, headers: dict[str, str]) -> None:
    answer = await asked("POST", "/oauth2/token", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.headers["cache-control"] == "no-store"


async def test_a_form_may_have_many_parameters() -> None:
    many = b"grant_type=a" + b"".join(b"&n%d=1" % number for number in range(499))
    assert (await asked("POST", "/oauth2/token", content=many, headers=FORM)).status_code == 200


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


async def test_answers_are_not_stored_unless_they_say_so() -> None:
    assert (await asked("POST", "/v1/things", json={"name": "a"})).headers["cache-control"] == "no-store"
    found = await asked("GET", "/.well-known/jwks.json")
    assert found.headers["cache-control"] == "max-age=300"
    assert found.headers["x-content-type-options"] == "nosniff"


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
