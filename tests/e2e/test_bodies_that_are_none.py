"""A body that is no JSON or too large gets a 4xx with a stable code, and changes nothing, at every endpoint."""

import re
from typing import Any

import pytest

from tests.e2e.nonsense import FORM, JSON, NAMES, admin, endpoints, refusal
from tests.harness.feeds import nothing_written
from tests.harness.people import People, Signed
from tests.harness.running import Running

__all__ = ["admin"]

pytestmark = pytest.mark.over("feed")

LIMIT = 64 * 1024
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
