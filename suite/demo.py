"""The seeded demo: an administrator, a user, two clients, a backend; made once, by the APIs that any operator has."""

import asyncio
import secrets
from typing import TypeVar

import msgspec
from grpc.aio import UnaryUnaryMultiCallable

from chassis.positions import HEADER, render
from chassis.rpc.client import ask
from eventlog.errors import Kind, Refusal
from suite.authority import uri
from suite.contract import Clients, ConfidentialClient, Demo, Login, PublicClient
from suite.operator import Operator
from suite.place import Place, write_private
from watchword.identity.v1.identity_pb2 import CreateAccountRequest, FindAccountRequest
from watchword.policy.v1.policy_pb2 import CreateFirstAdministratorRequest
from watchword.token.v1.token_pb2 import Client, CreateClientRequest, GrantCallerRequest

Q = TypeVar("Q")
A = TypeVar("A")

BACKEND = "demo"
ADMIN = "admin"
USER = "alice"
PATIENCE = 20.0
PAUSE = 0.1


class Kept(msgspec.Struct):
    """What is known of the demo so far (DIR/secrets/demo): written after each step, so that a start that was killed
    goes on where it was."""

    admin_password: str = msgspec.field(default_factory=lambda: secrets.token_urlsafe(18))
    user_password: str = msgspec.field(default_factory=lambda: secrets.token_urlsafe(18))
    accounts: bool = False
    app_id: str = ""
    service_id: str = ""
    service_secret: str = ""
    granted: bool = False
    positions: dict[str, int] = {}

    def save(self, place: Place) -> None:
        write_private(place.secrets / "demo", msgspec.json.encode(self).decode())

    def demo(self) -> Demo:
        return Demo(
            admin=Login(ADMIN, self.admin_password),
            user=Login(USER, self.user_password),
            clients=Clients(PublicClient(self.app_id), ConfidentialClient(self.service_id, self.service_secret)),
        )


async def seed(operator: Operator, place: Place) -> tuple[Demo, dict[str, int]]:
    """Makes what is not made yet; answers with it and with the positions, by log, at which it was.

    Raises Refusal where a service refuses.
    """
    kept = _load(place)
    kept.save(place)
    if not kept.accounts:
        await _accounts(operator, kept)
        kept.accounts = True
        kept.save(place)
    if not kept.app_id:
        await _app(operator, kept)
        kept.save(place)
    if not kept.service_id:
        await _service(operator, kept)
        kept.save(place)
    if not kept.granted:
        request = GrantCallerRequest(uri=uri("backend", BACKEND), grants=["introspect:any"])
        kept.positions["token"] = (await insist(operator.token.GrantCaller, request)).position
        kept.granted = True
        kept.save(place)
    return kept.demo(), kept.positions


async def insist(method: UnaryUnaryMultiCallable[Q, A], request: Q, *metadata: tuple[str, str]) -> A:
    """Asks a service that may still be starting until it answers. Raises the Refusal that it ends with."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        try:
            return await ask(method, request, metadata=metadata, wait_for_ready=True)
        except Refusal as refusal:
            if refusal.kind is not Kind.UNAVAILABLE or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(PAUSE)


def _load(place: Place) -> Kept:
    path = place.secrets / "demo"
    return msgspec.json.decode(path.read_bytes(), type=Kept) if path.exists() else Kept()


async def _accounts(operator: Operator, kept: Kept) -> None:
    admin = await _account(operator, kept, ADMIN, kept.admin_password)
    await _account(operator, kept, USER, kept.user_password)
    request = CreateFirstAdministratorRequest(account_id=admin)
    written = (HEADER, render({"identity": kept.positions.get("identity", 0)}))
    try:
        made = await insist(operator.policy.CreateFirstAdministrator, request, written)
    except Refusal as refusal:
        if refusal.code != "administrator_exists":
            raise
    else:
        kept.positions["policy"] = made.position


async def _account(operator: Operator, kept: Kept, username: str, password: str) -> str:
    try:
        request = CreateAccountRequest(username=username, password=password)
        made = await insist(operator.identity.CreateAccount, request)
    except Refusal as refusal:
        if refusal.kind is not Kind.CONFLICT:
            raise
        found = await insist(operator.identity.FindAccount, FindAccountRequest(username=username))
        return found.account_id
    kept.positions["identity"] = made.position
    return made.account_id


async def _app(operator: Operator, kept: Kept) -> None:
    client = Client(
        name="Demo app",
        first_party=True,
        direct_login=True,
        grant_types=["refresh_token"],
        scopes=["watchword:account", "watchword:admin"],
    )
    made = await insist(operator.token.CreateClient, CreateClientRequest(client=client))
    kept.app_id = made.client.client_id
    kept.positions["token"] = made.position


async def _service(operator: Operator, kept: Kept) -> None:
    client = Client(
        name="Demo service", confidential=True, grant_types=["client_credentials"], grants=["introspect:any"]
    )
    made = await insist(operator.token.CreateClient, CreateClientRequest(client=client))
    kept.service_id, kept.service_secret = made.client.client_id, made.client_secret
    kept.positions["token"] = made.position
