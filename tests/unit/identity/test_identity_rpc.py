"""IdentityService: for operators and administrators, who are the actors of what they do."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf.json_format import MessageToDict

from chassis.administration import by_action
from chassis.rpc import ADMINISTRATOR, Admission, RpcServer, Tls, ask, connect
from eventlog.errors import Kind, Refusal
from services.identity.api.grpc import ACTIONS, ALLOWED, IdentityRpc
from services.identity.commands.sessions import of_cookie
from tests.unit.chassis.authority import Authority
from tests.unit.identity.house import PASSWORD, House, refusal_of
from watchword.identity.v1 import identity_pb2 as pb
from watchword.identity.v1 import identity_pb2_grpc

AUTHORITY = Authority()
OPERATOR = AUTHORITY.issue("spiffe://watchword/operator/admin")
BACKEND = AUTHORITY.issue("spiffe://watchword/backend/demo")


@dataclass(slots=True)
class Rpc:
    port: int
    asked: list[tuple[str, str]] = field(default_factory=list)

    def stub(self, tls: Tls) -> Any:
        return identity_pb2_grpc.IdentityServiceStub(connect(f"127.0.0.1:{self.port}", tls, "identity"))

    async def authorize(self, bearer: str, action: str) -> str:
        self.asked.append((bearer, action))
        if bearer != "good":
            raise Refusal(Kind.FORBIDDEN, "not_allowed", "policy does not allow it")
        return "acc_administrator"


@pytest_asyncio.fixture
async def rpc(house: House) -> AsyncIterator[Rpc]:
    made = Rpc(0)
    server = RpcServer(
        AUTHORITY.service("identity"), Admission(authorize=by_action(made.authorize, "identity", ACTIONS))
    )
    server.add(identity_pb2_grpc.add_IdentityServiceServicer_to_server, IdentityRpc(house.identity), ALLOWED)
    made.port = await server.start("127.0.0.1:0")
    yield made
    await server.stop(0)


async def test_token_alone_asks_what_an_application_was_let_know(house: House, rpc: Rpc) -> None:
    made = await ask(
        rpc.stub(OPERATOR).CreateAccount, pb.CreateAccountRequest(username="alice", password=PASSWORD, email="a@b.org")
    )
    names = ["email", "preferred_username", "phone_number", "sub", "password_hash"]
    asked = pb.GetClaimsRequest(account_id=made.account_id, names=names)
    said = MessageToDict((await ask(rpc.stub(AUTHORITY.service("token")).GetClaims, asked)).claims)
    assert said == {"email": "a@b.org", "preferred_username": "alice", "sub": made.account_id}
    for other in (OPERATOR, BACKEND, AUTHORITY.service("policy")):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await rpc.stub(other).GetClaims(asked)
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    nobody = pb.GetClaimsRequest(account_id="acc_nobody")
    assert (await refusal_of(ask(rpc.stub(AUTHORITY.service("token")).GetClaims, nobody))).code == "account_unknown"


async def test_an_operator_makes_finds_disables_and_enables_an_account(house: House, rpc: Rpc) -> None:
    stub = rpc.stub(OPERATOR)
    made = await ask(stub.CreateAccount, pb.CreateAccountRequest(username="alice", password=PASSWORD, email="a@b.org"))
    logged_in = await house.log_in()
    found = await ask(stub.FindAccount, pb.FindAccountRequest(username="ALICE"))
    assert (found.account_id, found.disabled) == (made.account_id, False)
    disabled = await ask(stub.DisableAccount, pb.DisableAccountRequest(account_id=made.account_id, reason="left"))
    assert (disabled.position, disabled.applied) == (len(house.store.rows), True)
    assert (await refusal_of(of_cookie(house.identity, logged_in.cookie))).code == "unauthenticated"
    assert (await ask(stub.FindAccount, pb.FindAccountRequest(username="alice"))).disabled
    await ask(stub.EnableAccount, pb.EnableAccountRequest(account_id=made.account_id, reason="back"))
    assert (await house.log_in()).account_id == made.account_id
    actors = {row.actor for row in house.store.rows if row.stream == f"account/{made.account_id}"}
    assert actors == {"operator/admin"}


async def test_the_refusals_cross_grpc_with_their_codes(rpc: Rpc) -> None:
    stub = rpc.stub(OPERATOR)
    weak = await refusal_of(ask(stub.CreateAccount, pb.CreateAccountRequest(username="bob", password="bob")))
    assert weak.code == "password_too_weak"
    nobody = await refusal_of(ask(stub.FindAccount, pb.FindAccountRequest(username="nobody")))
    assert (nobody.kind, nobody.code) == (Kind.NOT_FOUND, "account_unknown")
    request = pb.DisableAccountRequest(account_id="acc_none")
    assert (await refusal_of(ask(stub.DisableAccount, request))).code == "invalid_request"


async def test_a_backend_may_call_nothing_without_an_administrators_bearer(house: House, rpc: Rpc) -> None:
    account_id = await house.register()
    stub = rpc.stub(BACKEND)
    request = pb.DisableAccountRequest(account_id=account_id, reason="left")
    for metadata in ((), (("authorization", "Bearer bad"),)):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.DisableAccount(request, metadata=metadata)
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    await stub.DisableAccount(request, metadata=(("authorization", "Bearer good"),))
    assert house.store.rows[-1].actor == "acc_administrator"
    assert rpc.asked == [("bad", "identity.account.disable"), ("good", "identity.account.disable")]


async def test_every_administrative_method_has_a_name_that_policy_knows() -> None:
    assert {method for method, callers in ALLOWED.items() if ADMINISTRATOR in callers} == set(ACTIONS)
