"""Two processes of policy and two of token answer as one, also where one was killed meanwhile and starts again."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import grpc
import psutil

from suite.contract import ConfidentialClient
from tests.harness.applications import Application, machine
from tests.harness.people import People, Signed, claims
from tests.harness.running import PATIENCE, Running, Served
from watchword.policy.v1 import facts_pb2, policy_pb2_grpc
from watchword.policy.v1 import policy_pb2 as pb

Fact = facts_pb2.Fact
ACTION = "document.read"


@dataclass
class Second:
    """A second process of a service beside the one that `up` runs, told as that is."""

    suite: Running
    name: str
    served: Served

    def kill(self) -> None:
        """`kill -9`."""
        self.served.process.kill()
        self.served.process.wait()

    def start(self) -> None:
        """Returns once it is ready."""
        self.served = beside(self.suite, self.name)

    @property
    def rest(self) -> Sequence[str]:
        return self.suite.url(self.name), self.served.rest

    @property
    def grpc(self) -> Sequence[str]:
        return self.suite.fleet.target(self.name), self.served.grpc


def beside(suite: Running, name: str) -> Served:
    """Reads others' logs from where the first process does."""
    told = psutil.Process(suite.pid(name)).environ()
    return suite.start_second(
        name, {key: told[key] for key in told if key.startswith(f"WATCHWORD_{name.upper()}_KAFKA")}
    )


@contextmanager
def second(suite: Running, name: str) -> Iterator[Second]:
    one = Second(suite, name, beside(suite, name))
    try:
        yield one
    finally:
        one.served.stop()


@asynccontextmanager
async def policy(suite: Running, target: str) -> AsyncIterator[Any]:
    async with suite.channel("policy", target=target) as channel:
        yield policy_pb2_grpc.PolicyServiceStub(channel)


async def written(suite: Running, target: str, *write: Any, **how: Any) -> str:
    """The position at which it is so."""
    async with policy(suite, target) as stub:
        answer = await stub.WriteFacts(pb.WriteFactsRequest(write=write, **how))
    return f"policy={answer.position}"


async def codes(suite: Running, both: Second, subject: str, position: str, session: str | None = None) -> list[str]:
    """What each process says once it has applied a position, as `at_least` asks."""
    type_, _, id_ = subject.partition("/")
    check = pb.CheckRequest(subject=pb.Entity(type=type_, id=id_), action=ACTION, session_id=session)
    return [await code(suite, target, check, position) for target in both.grpc]


async def code(suite: Running, target: str, check: pb.CheckRequest, position: str) -> str:
    deadline = time.monotonic() + PATIENCE
    async with policy(suite, target) as stub:
        while True:
            try:
                answer = await stub.Check(check, metadata=(("watchword-position", position),), wait_for_ready=True)
            except grpc.aio.AioRpcError as error:
                # Not applied within the two seconds that a request waits.
                if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() > deadline:
                    raise
            else:
                assert answer.allowed == (answer.code == "allowed")
                return str(answer.code)


async def tokens(people: People, both: Second, client: Application, position: str) -> list[str]:
    """One of each process of token, which has applied a position of policy's log."""
    return [await token(people, rest, client, position) for rest in both.rest]


async def token(people: People, rest: str, client: Application, position: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = await people.http.post(
            f"{rest}/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=client.auth,
            headers={"Watchword-Position": position},
        )
        if answer.status_code != 503 or time.monotonic() > deadline:
            assert answer.status_code == 200, answer.text
            return str(answer.json()["access_token"])


async def ended(people: People, ways: Sequence[str], present: Sequence[str]) -> None:
    """Returns once none of these processes takes any of these tokens."""
    deadline, service = time.monotonic() + PATIENCE, people.suite.service
    for rest, one in product(ways, present):
        while (await introspected(people, rest, one, service)) != {"active": False}:
            assert time.monotonic() < deadline, "the token goes on"
            await asyncio.sleep(0.02)


async def introspected(people: People, rest: str, presented: str, service: ConfidentialClient) -> dict[str, Any]:
    auth = service.client_id, service.client_secret
    found: dict[str, Any] = (
        await people.http.post(f"{rest}/oauth2/introspect", data={"token": presented}, auth=auth)
    ).json()
    return found


@dataclass
class Scene:
    """A client that sees its role and group in tokens, and two people who hold that role, in sessions of theirs."""

    client: Application
    admin: Signed
    signed_out: Signed
    disabled: Signed
    role: str

    @classmethod
    async def set(cls, suite: Running, people: People) -> "Scene":
        role = f"r{secrets.token_hex(4)}"
        client = await machine(suite, visible_roles=[role], visible_groups=[role])
        one, other = [await people.login(await people.register()) for _ in range(2)]
        return cls(client, await people.administrator(), one, other, role)

    @property
    def subject(self) -> str:
        return f"client/{self.client.client_id}"

    @property
    def held(self) -> Any:
        return Fact(assignment=facts_pb2.Assignment(holder=f"group/{self.role}", role=self.role))

    @property
    def facts(self) -> list[Any]:
        """The role, the group, that this holds it, and who is in it."""
        members = [self.subject, *(account(one) for one in (self.signed_out, self.disabled))]
        return [
            Fact(role=facts_pb2.Role(name=self.role, actions=[ACTION])),
            Fact(group=facts_pb2.Group(id=self.role)),
            self.held,
            *(Fact(membership=facts_pb2.Membership(member=one, group=self.role)) for one in members),
        ]


def account(signed: Signed) -> str:
    return f"account/{signed.account_id}"


async def test_what_changed_while_one_of_each_was_killed_holds_at_both_and_so_does_what_changes_next(
    suite: Running, people: People
) -> None:
    scene = await Scene.set(suite, people)
    with second(suite, "policy") as deciding, second(suite, "token") as issuing:
        position = await written(suite, deciding.grpc[1], *scene.facts)
        present = await tokens(people, issuing, scene.client, position)
        for given in present:
            assert (claims(given)["roles"], claims(given)["groups"]) == ([scene.role], [scene.role])
        assert await codes(suite, deciding, scene.subject, position) == ["allowed"] * 2
        for one in (scene.signed_out, scene.disabled):
            assert await codes(suite, deciding, account(one), position, one.session_id) == ["allowed"] * 2

        deciding.kill()
        issuing.kill()
        revoked, disabled = await revoke(people, scene), await disable(people, scene)
        deciding.start()
        for signed, at, code in (
            (scene.signed_out, revoked, "session_revoked"),
            (scene.disabled, disabled, "subject_disabled"),
        ):
            assert await codes(suite, deciding, account(signed), at, signed.session_id) == [code] * 2
        assert await codes(suite, deciding, account(scene.signed_out), revoked) == ["allowed"] * 2

        position = await written(suite, deciding.grpc[1], remove=[scene.held], recall=True)
        assert await codes(suite, deciding, scene.subject, position) == ["no_matching_role"] * 2
        await ended(people, issuing.rest[:1], present)
        issuing.start()
        await ended(people, issuing.rest, present)
        for given in await tokens(people, issuing, scene.client, position):
            assert "roles" not in claims(given)

        position = await written(suite, deciding.grpc[0], scene.held)
        assert await codes(suite, deciding, scene.subject, position) == ["allowed"] * 2
        for given in await tokens(people, issuing, scene.client, position):
            assert claims(given)["roles"] == [scene.role]


async def revoke(people: People, scene: Scene) -> str:
    """Ends a session; the positions at which it is so."""
    body = {"session_id": scene.signed_out.session_id, "reason": "a test"}
    answer = await people.post("token", "/v1/revocations", headers=scene.admin.bearer, **body)
    assert answer.status_code == 200, answer.text
    return answer.headers["Watchword-Position"]


async def disable(people: People, scene: Scene) -> str:
    """Disables an account; the positions at which it is so."""
    path = f"/v1/accounts/{scene.disabled.account_id}/disable"
    answer = await people.post("identity", path, headers=scene.admin.bearer, reason="a test")
    assert answer.status_code == 200, answer.text
    return answer.headers["Watchword-Position"]
