"""No known confusion of JWTs opens anything at any door (RFC 8725, RULES 9), even where the suite itself signed it."""

import asyncio
import re
from typing import Any

import grpc.aio
import pytest

from tests.harness.calls import bearer, reason_of, refused
from tests.harness.confusions import CONFUSIONS, TAKEN, Given
from tests.harness.feeds import nothing_written
from tests.harness.forging import active_key, forge
from tests.harness.people import People, claims
from tests.harness.running import Running
from watchword.token.v1 import token_pb2, token_pb2_grpc

ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA")
INTROSPECTED = {
    "form / another audience": "introspection asks for no audience",
    "form / bound to a proof": "introspection says what to prove (RFC 8705 3.2, RFC 9449 6.2), for others to ask for",
}
"""What the suite itself has signed, and what is right to call active to whoever may introspect any token."""
AT_ONCE = 8
# What a header of HTTP, and what gRPC's metadata, can carry at all.
SENDABLE = re.compile(r"[!-~]([ -~]*[!-~])?")
METADATA = 8_000


@pytest.fixture
async def given(suite: Running, people: People) -> Given:
    keys = {alg: await forge(suite, alg) for alg in ALGORITHMS}
    published = (await people.get("token", "/.well-known/jwks.json")).json()["keys"]
    said = claims((await people.administrator()).access_token)
    return Given(said, keys, {key["kid"]: key for key in published}, await active_key(suite, "HS256", "refresh"))


async def test_no_confusion_opens_anything(suite: Running, people: People, given: Given) -> None:
    wrong: list[str] = []
    places = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> None:
        async with places:
            token = CONFUSIONS[name](given)
            answers = [*await over_rest(people, token), *await over_grpc(stub, token)]
            taken = [answer for answer in answers if answer not in REFUSED]
            if name in INTROSPECTED:
                assert [bool(answer[1]) for answer in taken] == [True, True], INTROSPECTED[name]
            else:
                wrong.extend(f"{name}: {answer}" for answer in taken)

    async with suite.channel("token", "backend", "demo") as channel, nothing_written(suite):
        stub: Any = token_pb2_grpc.TokenServiceStub(channel)
        async with asyncio.TaskGroup() as group:
            for name in CONFUSIONS:
                group.create_task(one(name))
    assert not wrong


REFUSED: tuple[Any, ...] = (
    (401, "invalid_token"),
    (200, {"active": False}),
    ("UNAUTHENTICATED", "invalid_token"),
    ("OK", False),
    # No text of a form or a message holds a NUL.
    (400, "invalid_request"),
    ("INVALID_ARGUMENT", "invalid_request"),
)


async def over_rest(people: People, token: str) -> list[Any]:
    """Introspection, and each service's own check of a bearer."""
    service = people.suite.service
    asked = await people.http.post(
        people.url("token") + "/oauth2/introspect",
        data={"token": token},
        auth=(service.client_id, service.client_secret),
    )
    said = asked.json()
    introspected = (asked.status_code, said if asked.status_code == 200 else said["error"])
    if not SENDABLE.fullmatch(token):
        return [introspected]
    headers = {"Authorization": f"Bearer {token}"}
    answers = [
        await people.get("identity", "/v1/account", headers=headers),
        await people.get("policy", "/v1/roles", headers=headers),
        await people.post("token", "/v1/revocations", 0, headers, subject="acc_another", reason="forged"),
    ]
    return [introspected, *((one.status_code, one.json().get("code")) for one in answers)]


async def over_grpc(stub: Any, token: str) -> list[Any]:
    """Introspection, and a bearer in place of an operator's certificate."""
    text = token.encode("utf-8", "replace").decode()
    try:
        answers: list[Any] = [("OK", (await stub.Introspect(token_pb2.IntrospectRequest(token=text))).active)]
    except grpc.aio.AioRpcError as error:
        answers = [(error.code().name, reason_of(error))]
    if SENDABLE.fullmatch(token) and len(token) < METADATA:
        answers.append(await refused(stub.ListClients(token_pb2.ListClientsRequest(), metadata=bearer(token))))
    return answers


async def test_what_is_no_confusion_is_taken(people: People, given: Given) -> None:
    for name, made in TAKEN.items():
        assert (await people.introspect(made(given)))["active"], name


async def test_signing_keys_leave_nothing_private_in_the_published_set(people: People) -> None:
    keys = (await people.get("token", "/.well-known/jwks.json")).json()["keys"]
    assert {key["alg"] for key in keys} == set(ALGORITHMS)
    for key in keys:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & key.keys()
        assert (key["use"], key["kid"] != "") == ("sig", True)
