"""Methods, addresses, headers and heads that are none get a 4xx with a stable code, and change nothing."""

import json
import re
import socket

import pytest

from tests.e2e.nonsense import CODE, NAMES, endpoints, refusal
from tests.harness.feeds import nothing_written
from tests.harness.people import People
from tests.harness.running import Running

pytestmark = pytest.mark.over("feed")

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
