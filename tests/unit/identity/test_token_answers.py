"""What token answers over gRPC, as identity reads it: each answer for what it is, and none that it does not know."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf.message import Message

from chassis.rpc import Admission, RpcServer, connect
from eventlog.errors import Kind, Refusal
from services.identity.adapters.authorizations import AuthorizationPeer
from services.identity.adapters.devices import DevicePeer
from services.identity.ports import Ended, Overtaken, SignedIn, Started, Wrong
from tests.unit.chassis.authority import Authority
from watchword.token.v1 import authorization_pb2 as pb
from watchword.token.v1 import authorization_pb2_grpc

AUTHORITY = Authority()
IDENTITY = AUTHORITY.service("identity")
SERVICE = pb.DESCRIPTOR.services_by_name["AuthorizationService"]
METHODS = ("BeginAuthorization", "ContinueAuthorization", "JudgeLogout", "LookUpDevice", "DecideDevice")
ALICE = SignedIn(Started("ses_1", "acc_alice", 1, 1, 1, "urn:acr", ("pwd",)))
WRONG = Wrong("invalid_request", "as asked")


def answering(answers: dict[str, Message]) -> Any:
    """A servicer that answers each call with what a test says."""

    def says(method: str) -> Callable[[Any, Any], Awaitable[Message]]:
        async def answer(request: Any, context: Any) -> Message:
            return answers[method]

        return answer

    return SimpleNamespace(**{method.name: says(method.name) for method in SERVICE.methods})


@dataclass
class Token:
    answers: dict[str, Message]
    channel: grpc.aio.Channel

    @property
    def authorizations(self) -> AuthorizationPeer:
        return AuthorizationPeer(self.channel)

    @property
    def devices(self) -> DevicePeer:
        return DevicePeer(self.channel)

    def says(self, method: str, **answer: Any) -> None:
        self.answers[method] = getattr(pb, f"{method}Response")(**answer)

    async def asked(self, method: str) -> object:
        """By the method of identity's that asks."""
        asks: dict[str, Callable[[], Awaitable[object]]] = {
            "BeginAuthorization": lambda: self.authorizations.begin(b""),
            "ContinueAuthorization": lambda: self.authorizations.proceed("handle", ALICE),
            "JudgeLogout": lambda: self.authorizations.judge_logout(b""),
            "LookUpDevice": lambda: self.devices.look_up("BCDF-GHJK"),
            "DecideDevice": lambda: self.devices.decide("BCDF-GHJK", ALICE),
        }
        return await asks[method]()


@pytest_asyncio.fixture
async def token() -> AsyncIterator[Token]:
    answers: dict[str, Message] = {}
    server = RpcServer(AUTHORITY.service("token"), Admission())
    allowed = {f"{SERVICE.full_name}/{name}": frozenset({"service/identity"}) for name in METHODS}
    server.add(authorization_pb2_grpc.add_AuthorizationServiceServicer_to_server, answering(answers), allowed)
    port = await server.start("127.0.0.1:0")
    async with connect(f"127.0.0.1:{port}", IDENTITY, "token") as channel:
        yield Token(answers, channel)
    await server.stop(0)


@pytest.mark.parametrize("method", METHODS)
async def test_what_is_wrong_is_said_in_token_s_words(token: Token, method: str) -> None:
    token.says(method, error=pb.AuthorizationError(error=WRONG.error, description=WRONG.description))
    assert await token.asked(method) == WRONG


@pytest.mark.parametrize("method", METHODS)
async def test_an_answer_of_a_newer_token_that_is_not_understood_is_no_answer(token: Token, method: str) -> None:
    token.says(method)
    with pytest.raises(Refusal) as refused:
        await token.asked(method)
    assert (refused.value.kind, refused.value.code) == (Kind.UNAVAILABLE, "peer_unavailable")


@pytest.mark.parametrize("method", ["ContinueAuthorization", "DecideDevice"])
async def test_a_session_that_was_overtaken_is_told_by_what(token: Token, method: str) -> None:
    token.says(method, overtaken_by=4711)
    assert await token.asked(method) == Overtaken(4711)


async def test_whose_session_is_over_decides_on_no_device(token: Token) -> None:
    token.says("DecideDevice", login=pb.LoginNeeded())
    assert await token.asked("DecideDevice") == Ended()
