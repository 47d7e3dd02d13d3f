"""64 concurrent refreshes of one token, over two token processes: one lineage, never two, never a 5xx."""

import asyncio

import pytest

from tests.harness.people import People, claims
from tests.harness.running import Running
from watchword.token.v1 import token_pb2, token_pb2_grpc

pytestmark = pytest.mark.over("feed")


async def test_64_concurrent_refreshes_give_the_same_successor(suite: Running, people: People) -> None:
    suite.second("token")
    signed = await people.login(await people.register())
    answers = await asyncio.gather(*(people.refresh(signed.refresh_token, where=one % 2) for one in range(64)))
    assert {answer.status_code for answer in answers} == {200}, {answer.text for answer in answers}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    said = [claims(answer.json()["access_token"]) for answer in answers]
    assert len({one["jti"] for one in said}) == len({one["pos"] for one in said}) == 64


async def test_64_concurrent_uses_of_a_spent_token_are_one_theft(suite: Running, people: People) -> None:
    suite.second("token")
    signed = await people.login(await people.register())
    second = (await people.refresh(signed.refresh_token)).json()["refresh_token"]
    assert (await people.refresh(second, where=1)).status_code == 200
    answers = await asyncio.gather(*(people.refresh(signed.refresh_token, where=one % 2) for one in range(64)))
    assert {(answer.status_code, answer.json()["error"]) for answer in answers} == {(400, "invalid_grant")}
    for where in (0, 1):
        assert not (await people.introspect(second, where))["active"]


async def test_what_one_process_gave_the_other_takes_at_once(suite: Running, people: People) -> None:
    suite.second("token")
    signed = await people.login(await people.register())
    token = signed.refresh_token
    for turn in range(10):
        answer = await people.refresh(token, where=turn % 2)
        assert answer.status_code == 200, answer.text
        token = answer.json()["refresh_token"]


async def test_a_key_rotation_between_a_refresh_and_its_retry_gives_the_same_successor(
    suite: Running, people: People
) -> None:
    suite.second("token")
    signed = await people.login(await people.register())
    first = await people.refresh(signed.refresh_token)
    async with suite.channel("token") as channel:
        stub = token_pb2_grpc.TokenServiceStub(channel)
        await stub.RotateKey(token_pb2.RotateKeyRequest(refresh=True))
        await stub.RotateKey(token_pb2.RotateKeyRequest())
    for where in (0, 1):
        retried = await people.refresh(signed.refresh_token, where=where)
        assert retried.json()["refresh_token"] == first.json()["refresh_token"]
        assert (await people.introspect(first.json()["access_token"], where))["active"]
    after = await people.refresh(first.json()["refresh_token"], where=1)
    assert after.status_code == 200
    assert after.json()["refresh_token"].split(".")[1] != first.json()["refresh_token"].split(".")[1]
