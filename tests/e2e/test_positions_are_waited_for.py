"""Watchword-Position: people read what they just wrote, whichever process and service they ask (DESIGN)."""

import secrets
from collections.abc import Mapping
from typing import Any

import grpc.aio
import pytest
from httpx2 import Response

from tests.harness.calls import refused
from tests.harness.feeds import heads
from tests.harness.people import PASSWORD, People
from tests.harness.running import Running
from watchword.policy.v1 import policy_pb2, policy_pb2_grpc
from watchword.token.v1 import token_pb2, token_pb2_grpc

HEADER = "Watchword-Position"
FOLLOWED = {"identity": ("token",), "token": ("identity",), "policy": ("identity", "token")}


def named(answer: Response) -> dict[str, int]:
    """The positions that an answer names."""
    pairs = (one.split("=") for one in answer.headers[HEADER].split(","))
    return {name: int(position) for name, position in pairs}


@pytest.mark.over("feed")
async def test_an_answer_names_every_log_that_it_wrote_or_had_written(suite: Running, people: People) -> None:
    made = await people.post("identity", "/v1/accounts", username=f"named-{secrets.token_hex(6)}", password=PASSWORD)
    assert named(made) == {"identity": made.json()["position"]}
    person, admin = await people.register(), await people.administrator()
    without = await people.try_login(person.username, person.password)
    assert named(without) == {"identity": without.json()["position"]}
    with_tokens = await people.try_login(person.username, person.password, client=suite.app)
    people.http.cookies.clear()
    assert named(with_tokens).keys() == {"identity", "token"}
    signed = await people.login(person)
    refreshed = await people.refresh(signed.refresh_token)
    assert named(refreshed).keys() == {"token"}
    out = await people.http.post(people.url("identity") + "/v1/logout", headers=signed.bearer)
    assert out.json()["applied"] is True
    assert named(out).keys() == {"identity", "token"}
    revoked = await people.post("token", "/v1/revocations", headers=admin.bearer, reason="x", subject=person.account_id)
    assert named(revoked) == {"token": revoked.json()["position"]}
    url = f"/v1/accounts/{person.account_id}"
    for verb, logs in (("disable", {"identity", "token"}), ("enable", {"identity"})):
        done = await people.post("identity", f"{url}/{verb}", headers=admin.bearer, reason="x")
        assert named(done).keys() == logs
    assert HEADER not in (await people.get("policy", "/v1/roles", headers=admin.bearer)).headers


async def test_what_one_process_wrote_another_reads(suite: Running, people: People) -> None:
    suite.second("identity")
    for turn in range(4):
        here, there = turn % 2, (turn + 1) % 2
        name = await people.register(here)
        login = await people.login(name, where=here)
        other = await people.http.post(
            people.url("identity", there) + "/v1/login",
            json={"username": name.username, "password": name.password, "client_id": suite.app},
        )
        people.http.cookies.clear()
        assert other.status_code == 200, other.text
        seen = {HEADER: other.headers[HEADER]} | login.bearer
        listed = await people.get("identity", "/v1/sessions", here, headers=seen)
        assert other.json()["session_id"] in {one["session_id"] for one in listed.json()["sessions"]}
        roles = await people.get("policy", "/v1/roles", headers=seen)
        assert roles.status_code == 200, roles.text


async def test_a_revocation_is_applied_wherever_its_position_is_shown(suite: Running, people: People) -> None:
    suite.second("identity")
    suite.second("token")
    person, admin = await people.register(), await people.administrator()
    for turn in range(6):
        signed = await people.login(person)
        revoked = await people.post(
            "token", "/v1/revocations", turn % 2, admin.bearer, session_id=signed.session_id, reason="a test"
        )
        seen = {HEADER: revoked.headers[HEADER]} | signed.bearer
        for service, path, where in (
            ("identity", "/v1/account", 0),
            ("identity", "/v1/account", 1),
            ("policy", "/v1/roles", 0),
        ):
            answer = await people.get(service, path, where, headers=seen)
            assert answer.status_code == 401, (service, where)
        form = {"token": signed.access_token}
        for where in (0, 1):
            told = await people.http.post(
                people.url("token", where) + "/oauth2/introspect",
                data=form,
                headers={HEADER: revoked.headers[HEADER]},
                auth=(suite.service.client_id, suite.service.client_secret),
            )
            assert told.json() == {"active": False}, where


GARBAGE = [
    "",
    "identity",
    "identity=",
    "=1",
    "identity=-1",
    "identity=01",
    "identity=1.5",
    "identity=one",
    "identity=1,",
    ",identity=1",
    "identity=1,,token=2",
    "identity=1;token=2",
    "identity=1 token=2",
    "IDENTITY=1",
    "identity=99999999999999999999",
    "identity=9223372036854775808",
    "identity=1,identity=1",
    "nobody=1",
    "identity=1,nobody=2",
    "x" * 5_000,
]


@pytest.mark.over("feed")
@pytest.mark.parametrize("service", ["identity", "token", "policy"])
async def test_another_grammar_unknown_names_and_repeated_ones_are_400(people: People, service: str) -> None:
    for path in ("/livez", "/v1/account", "/v1/roles", "/v1/revocations"):
        for text in GARBAGE:
            answer = await people.get(service, path, headers={HEADER: text})
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_position"), text
    twice = [(HEADER, "identity=1"), (HEADER, "identity=2")]
    answer = await people.http.get(people.url(service) + "/livez", headers=twice)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_position")
    joined = [(HEADER, "identity=1"), (HEADER, "token=1")]
    assert (await people.http.get(people.url(service) + "/livez", headers=joined)).status_code == 200


@pytest.mark.over("feed")
@pytest.mark.parametrize("service", ["identity", "token", "policy"])
async def test_only_an_own_position_beyond_the_head_is_unknown_others_are_waited_for(
    suite: Running, people: People, service: str
) -> None:
    ends = await heads(suite)
    level = ",".join(f"{name}={ends[name]}" for name in (service, *FOLLOWED[service]))
    assert (await people.get(service, "/livez", headers={HEADER: level})).status_code == 200
    own = await people.get(service, "/livez", headers={HEADER: f"{service}={ends[service] + 1_000_000}"})
    assert (own.status_code, own.json()["code"]) == (400, "position_unknown")
    assert "retry-after" not in own.headers
    for other in FOLLOWED[service]:
        waited = await people.get(service, "/livez", headers={HEADER: f"{other}={ends[other] + 1_000_000}"})
        assert (waited.status_code, waited.json()["code"]) == (503, "not_yet_applied")
        assert int(waited.headers["retry-after"]) >= 1


@pytest.mark.over("feed")
async def test_oauth_clients_are_told_in_their_own_words(suite: Running, people: People) -> None:
    end = (await heads(suite))["token"]
    url = people.url("token") + "/oauth2/token"
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": suite.app}
    for text, code in (("nonsense", "invalid_position"), (f"token={end + 1_000_000}", "position_unknown")):
        answer = await people.http.post(url, data=form, headers={HEADER: text})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert answer.json()["code"] == code


def metadata(text: str) -> grpc.aio.Metadata:
    return grpc.aio.Metadata(("watchword-position", text))


async def trailing(call: Any) -> Mapping[str, Any]:
    """The metadata that a call ends with."""
    await call
    return dict(await call.trailing_metadata())


async def test_the_same_holds_over_grpc(suite: Running, people: People) -> None:
    person, ends = await people.register(), await heads(suite)
    async with suite.channel("token") as token, suite.channel("policy") as policy:
        clients: Any = token_pb2_grpc.TokenServiceStub(token)
        roles: Any = policy_pb2_grpc.PolicyServiceStub(policy)
        for text in GARBAGE[:-1]:
            asked = clients.Introspect(token_pb2.IntrospectRequest(token="x"), metadata=metadata(text))
            assert await refused(asked) == ("INVALID_ARGUMENT", "invalid_position"), text
        beyond = metadata(f"token={ends['token'] + 1_000_000}")
        asked = clients.Introspect(token_pb2.IntrospectRequest(token="x"), metadata=beyond)
        assert await refused(asked) == ("INVALID_ARGUMENT", "position_unknown")
        assert await refused(roles.Check(policy_pb2.CheckRequest(), metadata=beyond)) == (
            "UNAVAILABLE",
            "not_yet_applied",
        )
        subject = policy_pb2.Entity(type="account", id=person.account_id)
        assign = policy_pb2.AssignRoleRequest(role="administrator", subject=subject)
        written = await trailing(roles.AssignRole(assign))
        check = policy_pb2.CheckRequest(subject=subject, action="identity.account.disable")
        allowed = await roles.Check(check, metadata=metadata(str(written["watchword-position"])))
        assert (allowed.allowed, f"policy={allowed.position}") == (True, written["watchword-position"])
        signed = await people.login(person)
        revoke = token_pb2.RevokeRequest(session_id=signed.session_id)
        ended = await trailing(clients.Revoke(revoke))
        check.session_id = signed.session_id
        denied = await roles.Check(check, metadata=metadata(str(ended["watchword-position"])))
        assert (denied.allowed, denied.code) == (False, "session_revoked")
        unassign = policy_pb2.UnassignRoleRequest(role="administrator", subject=subject)
        taken = await trailing(roles.UnassignRole(unassign))
        check.ClearField("session_id")
        assert not (await roles.Check(check, metadata=metadata(str(taken["watchword-position"])))).allowed
