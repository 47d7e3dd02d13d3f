"""A login that was delayed between identity and token, and overtaken by what ended it, gives no token (RULES 7)."""

import asyncio
import secrets
import time

import grpc
import pytest

from chassis.rpc import refusal_of
from tests.harness.people import PASSWORD, People, Person
from tests.harness.running import Running
from watchword.token.v1 import token_pb2, token_pb2_grpc


def delayed(suite: Running, person: Person, position: int, seen: int) -> token_pb2.StartFamilyRequest:
    """What identity asks for a session that started at `position` of its log, having seen token's up to `seen`."""
    return token_pb2.StartFamilyRequest(
        client_id=suite.app,
        account_id=person.account_id,
        session_id=f"ses_{secrets.token_urlsafe(12)}",
        session_position=position,
        seen=seen,
        acr="urn:watchword:acr:password",
        amr=["pwd"],
    )


async def position_of(people: People) -> int:
    """Where identity's log ends, or nearly: a registration's position."""
    answer = await people.post("identity", "/v1/accounts", username=f"mark-{secrets.token_hex(6)}", password=PASSWORD)
    position: int = answer.json()["position"]
    return position


@pytest.mark.parametrize("what", ["disable", "password"])
async def test_one_overtaken_by_a_disable_or_a_password_change(suite: Running, people: People, what: str) -> None:
    person = await people.register()
    login, admin = await people.login(person), await people.administrator()
    started = await position_of(people)
    if what == "disable":
        path = f"/v1/accounts/{person.account_id}/disable"
        assert (await people.post("identity", path, headers=admin.bearer, reason="a test")).status_code == 200
    else:
        body = {"current_password": person.password, "new_password": "another correct horse battery 7"}
        url = people.url("identity") + "/v1/account/password"
        assert (await people.http.put(url, json=body, headers=login.bearer)).status_code == 200
    suite.second("token")
    for target in (suite.fleet.target("token"), suite.second("token").grpc):
        async with suite.channel("token", "service", "identity", target) as channel:
            stub = token_pb2_grpc.TokenServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.StartFamily(delayed(suite, person, started, seen=2**40))
            assert refusal_of(refused.value).code == "session_ended"


async def test_one_overtaken_by_a_revocation_at_token_must_start_anew(suite: Running, people: People) -> None:
    person, admin = await people.register(), await people.administrator()
    started = await position_of(people)
    revoked = await people.revoke(admin, subject=person.account_id)
    async with suite.channel("token", "service", "identity") as channel:
        stub = token_pb2_grpc.TokenServiceStub(channel)
        early = await stub.StartFamily(delayed(suite, person, started, seen=revoked["position"] - 1))
        assert early.overtaken_by == revoked["position"]
        assert not early.HasField("tokens")
        late = await stub.StartFamily(delayed(suite, person, started, seen=revoked["position"]))
        assert late.tokens.access_token


async def test_identity_starts_such_a_session_anew_within_the_same_request(suite: Running, people: People) -> None:
    person, admin = await people.register(), await people.administrator()

    async def revoke_often() -> None:
        until = time.monotonic() + 3
        while time.monotonic() < until:
            answer = await people.post(
                "token", "/v1/revocations", headers=admin.bearer, reason="a test", subject=person.account_id
            )
            assert answer.status_code == 200, answer.text

    revoking = asyncio.ensure_future(revoke_often())
    statuses = set()
    while not revoking.done():
        answer = await people.try_login(person.username, person.password, client=suite.app)
        statuses.add((answer.status_code, answer.json().get("code")))
    await revoking
    assert statuses <= {(200, None), (503, "not_yet_applied"), (429, "too_many_attempts")}, statuses
    assert (200, None) in statuses


async def test_only_identity_may_ask(suite: Running, people: People) -> None:
    person = await people.register()
    for kind, who in (("operator", "admin"), ("backend", "demo"), ("service", "policy")):
        async with suite.channel("token", kind, who) as channel:  # type: ignore[arg-type]
            stub = token_pb2_grpc.TokenServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.StartFamily(delayed(suite, person, 1, seen=1))
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
