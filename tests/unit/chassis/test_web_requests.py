"""Requests before any handler sees them: who sent them and from where, how much comes, and what they wait for."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message

from chassis import positions
from chassis.web.edge import client_address
from tests.unit.chassis.test_positions import Applied
from tests.unit.chassis.web_served import FORM, OWN, app, asked, client


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
