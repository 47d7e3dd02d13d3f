"""A running suite as its operators see it: liveness, readiness, metrics, docs, and one id that follows a request."""

import json
import re
import secrets
from typing import Any
from urllib.parse import urljoin

import grpc.aio
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.harness.feeds import correlated, heads, settled
from tests.harness.people import People
from tests.harness.reuse import judged
from tests.harness.running import Running, until
from watchword.identity.v1 import identity_pb2, identity_pb2_grpc
from watchword.token.v1 import token_pb2, token_pb2_grpc

pytestmark = pytest.mark.over("feed")

NAMES = ("identity", "token", "policy")
FOLLOWS = {
    "identity": {("trust", "token"), ("sessions", "identity")},
    "token": {
        ("trust", "token"),
        ("families", "token"),
        ("parts", "token"),
        ("follow-up-what-ended", "token"),
        ("revoke-what-identity-ended", "identity"),
    },
    "policy": {("facts", "policy"), ("accounts", "identity"), ("revoked", "token"), ("trust", "token")},
}


@pytest.mark.parametrize("name", NAMES)
async def test_a_process_says_that_it_lives_and_why_it_is_ready(suite: Running, people: People, name: str) -> None:
    assert (await people.get(name, "/livez")).text == "alive\n"
    assert (await people.get(name, "/readyz")).text == "ready\n"
    report = (await people.get(name, "/readyz?verbose")).json()
    assert report["ready"] is True
    assert report["checks"]["database"] == {"ok": True, "reason": ""}
    assert all(check["ok"] for check in report["checks"].values())
    shown = {(one["name"], one["log"]): one for one in report["projections"]}
    assert FOLLOWS[name] <= shown.keys()
    for one in shown.values():
        assert 0 < one["applied"] <= one["head"]
        assert one["lag_seconds"] is None or 0 <= one["lag_seconds"] < 60
        assert one["parked"] == []


@pytest.mark.over("feed", "kafka")
@pytest.mark.parametrize("name", NAMES)
async def test_readiness_and_metrics_show_how_far_each_projection_is(suite: Running, people: People, name: str) -> None:
    await people.login(await people.register())
    ends = await settled(suite)
    for one in (await people.get(name, "/readyz?verbose")).json()["projections"]:
        assert one["applied"] >= ends[one["log"]], one
        assert one["head"] >= ends[one["log"]], one
    answer = await people.get(name, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {one.name: one.samples for one in text_string_to_metric_families(answer.text)}
    shown = {(one["name"], one["log"]) for one in (await people.get(name, "/readyz?verbose")).json()["projections"]}
    for gauge in ("applied", "head", "parked"):
        samples = families[f"watchword_projection_{gauge}"]
        assert {(one.labels["projection"], one.labels["log"]) for one in samples} == shown
        wanted = 0 if gauge == "parked" else 1
        assert all((one.value >= wanted) if wanted else (one.value == 0) for one in samples)
    assert all(0 <= one.value < 60 for one in families["watchword_projection_lag_seconds"])


async def test_requests_are_counted_by_route_and_never_by_what_was_asked(suite: Running, people: People) -> None:
    signed, secret = await people.login(await people.register()), f"ses_{secrets.token_hex(8)}"
    await people.http.delete(people.url("identity") + f"/v1/sessions/{secret}", headers=signed.bearer)
    await people.get("identity", f"/nowhere/{secret}")
    await people.refresh(signed.refresh_token)
    identity = (await people.get("identity", "/metrics")).text
    token = (await people.get("token", "/metrics")).text
    assert secret not in identity
    assert_counts(identity, "watchword_http_request_seconds", method="DELETE", route="/v1/sessions/{session_id}")
    assert_counts(identity, "watchword_http_request_seconds", method="any", route="unmatched", status="404")
    assert_counts(token, "watchword_http_request_seconds", method="POST", route="/oauth2/token", status="200")
    family = "watchword.token.v1.TokenService/StartFamily"
    assert_counts(token, "watchword_grpc_call_seconds", method=family, code="OK")
    assert_counts(token, "watchword_token_requests", grant_type="refresh_token", outcome="issued")


def assert_counts(text: str, family: str, **labels: str) -> None:
    samples = [one for found in text_string_to_metric_families(text) if found.name == family for one in found.samples]
    matching = [one for one in samples if labels.items() <= one.labels.items() and one.value > 0]
    assert matching, (family, labels)


@pytest.mark.parametrize("name", NAMES)
async def test_the_docs_need_nothing_from_elsewhere(people: People, name: str) -> None:
    base = people.url(name)
    page = await people.get(name, "/docs")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    addresses = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)
    start = (await people.get(name, "/docs/start.js")).text
    addresses += re.findall(r"url: \"([^\"]+)\"", start)
    assert len(addresses) >= 4
    for address in addresses:
        whole = urljoin(f"{base}/docs", address)
        assert whole.startswith(f"{base}/"), address
        assert (await people.http.get(whole)).status_code == 200, address
    described = (await people.get(name, "/openapi.json")).json()
    assert described["openapi"].startswith("3.")
    assert described["paths"]


async def test_one_id_follows_a_request_into_the_events_of_every_service(suite: Running, people: People) -> None:
    person, before = await people.register(), await heads(suite)
    mark = f"mark-{secrets.token_hex(8)}"
    headers = {"X-Correlation-Id": mark}
    login = {"username": person.username, "password": person.password, "client_id": suite.app}
    answer = await people.http.post(people.url("identity") + "/v1/login", json=login, headers=headers)
    assert answer.headers["x-correlation-id"] == mark
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    people.http.cookies.clear()
    await people.http.post(people.url("identity") + "/v1/logout", headers=headers | bearer)
    await settled(suite)
    assert await types(suite, "identity", mark, before) == ["login.succeeded", "session.started", "session.ended"]
    assert await types(suite, "token", mark, before) == ["family.started", "token.issued", "session.revoked"]


async def types(suite: Running, name: str, mark: str, before: dict[str, int]) -> list[str]:
    found = await correlated(suite, name, mark, before[name])
    return [event.type.removeprefix(f"watchword.{name}.").removesuffix(".v1") for event in found]


@pytest.mark.over("feed", "kafka")
async def test_the_id_follows_into_what_other_services_do_by_reaction(suite: Running, people: People) -> None:
    signed, admin, before = await people.login(await people.register()), await people.administrator(), None
    before, mark = await heads(suite), f"mark-{secrets.token_hex(8)}"
    headers = admin.bearer | {"X-Correlation-Id": mark}
    revoked = await people.post("token", "/v1/revocations", headers=headers, session_id=signed.session_id, reason="x")
    assert revoked.status_code == 200
    await settled(suite)
    assert await types(suite, "token", mark, before) == ["session.revoked"]
    assert await types(suite, "identity", mark, before) == ["session.ended"]


async def test_the_id_follows_over_grpc(suite: Running, people: People) -> None:
    person, before, mark = await people.register(), await heads(suite), f"mark-{secrets.token_hex(8)}"
    await people.login(person)
    metadata = grpc.aio.Metadata(("watchword-correlation-id", mark))
    async with suite.channel("identity") as channel:
        accounts: Any = identity_pb2_grpc.IdentityServiceStub(channel)
        wanted = identity_pb2.DisableAccountRequest(account_id=person.account_id, reason="a test")
        await accounts.DisableAccount(wanted, metadata=metadata)
    async with suite.channel("token") as channel:
        tokens: Any = token_pb2_grpc.TokenServiceStub(channel)
        wanted_too = token_pb2.RevokeRequest(session_id=f"ses_{secrets.token_hex(8)}")
        await tokens.Revoke(wanted_too, metadata=metadata)
    await settled(suite)
    assert await types(suite, "identity", mark, before) == ["account.disabled"]
    assert await types(suite, "token", mark, before) == ["subject.revoked", "session.revoked"]


async def test_an_id_is_made_where_none_fits_and_a_trace_is_one(people: People) -> None:
    made = [(await people.get("token", "/livez")).headers["x-correlation-id"] for _ in range(2)]
    assert len(set(made)) == 2
    for odd in ("a b", "x" * 65, "<script>", "a;b", "ä".encode().decode("latin-1")):
        headers = {b"X-Correlation-Id": odd.encode("latin-1")}
        answer = await people.http.get(people.url("token") + "/livez", headers=headers)
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-correlation-id"]), odd
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    followed = await people.get("token", "/livez", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert followed.headers["x-correlation-id"] == trace


async def test_an_error_names_the_id_and_the_log_has_it(suite: Running, people: People) -> None:
    mark = f"mark-{secrets.token_hex(8)}"
    refused = await people.get("policy", "/v1/roles", headers={"X-Correlation-Id": mark})
    assert refused.json()["reference"] == mark
    signed = await people.login(await people.register())
    second = (await people.refresh(signed.refresh_token)).json()["refresh_token"]
    assert (await people.refresh(second)).status_code == 200
    form = {"grant_type": "refresh_token", "refresh_token": signed.refresh_token, "client_id": suite.app}
    url = people.url("token") + "/oauth2/token"
    reused = await judged(lambda: people.http.post(url, data=form, headers={"X-Correlation-Id": mark}))
    assert (reused.status_code, reused.json()["reference"]) == (400, mark)
    lines = until(lambda: logged(suite, "token", mark), "the log has the request's line")
    assert lines[0]["event"] == "refresh_reuse_detected"
    assert {"level", "timestamp", "service"} <= lines[0].keys()


def logged(suite: Running, name: str, mark: str) -> list[dict[str, Any]]:
    """The log lines of a request; each line of a log is one JSON object."""
    text = (suite.place.logs / f"{name}.log").read_text()
    lines = [json.loads(line) for line in text.splitlines() if mark in line]
    return [line for line in lines if line["correlation_id"] == mark]
