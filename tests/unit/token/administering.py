"""Token's gRPC and REST through which clients are administered, in one process."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec
import pytest_asyncio
from starlette.datastructures import Headers

from chassis.administration import by_action
from chassis.readiness import Readiness
from chassis.rpc import Admission, RpcServer, Tls, connect
from chassis.web import application
from eventlog.errors import Kind, Refusal
from services.token.api.grpc import ACTIONS, ALLOWED, TokenRpc
from services.token.api.rest_clients import ClientsApi
from services.token.commands.clients import authenticate
from services.token.domain.errors import InvalidClient
from services.token.known_clients import KnownClients
from services.token.projections import CLIENTS
from tests.unit.chassis.authority import Authority
from tests.unit.token.test_oauth import following
from tests.unit.token.world import World
from watchword.claims import Claims
from watchword.token.v1 import token_pb2 as pb
from watchword.token.v1 import token_pb2_grpc

AUTHORITY = Authority()
OPERATOR = AUTHORITY.issue("spiffe://watchword/operator/admin")
BACKEND = AUTHORITY.issue("spiffe://watchword/backend/demo")
SECRET = "a secret of another provider, long enough"
SHOP = {
    "client_id": "shop",
    "name": "The shop",
    "grant_types": ["authorization_code", "refresh_token"],
    "redirect_uris": ["https://shop.example/callback"],
    "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]},
    "require_pkce": False,
    "ask_consent": False,
    "id_token_alg": "ES256",
    "default_max_age": 3600,
    "cors_origins": ["https://shop.example"],
    "contacts": ["ops@shop.example"],
    "software_id": "4NRB1",
    "require_auth_time": True,
    "default_acr_values": ["gold"],
}


@dataclass(slots=True)
class Doors:
    """Process a's gRPC and REST. `asked` is what policy was asked about; it allows who comes with `good`."""

    world: World
    known: KnownClients
    asked: list[str] = field(default_factory=list)
    port: int = 0
    rest: httpx2.AsyncClient = field(default_factory=httpx2.AsyncClient)

    def stub(self, tls: Tls = OPERATOR) -> Any:
        return token_pb2_grpc.TokenServiceStub(connect(f"127.0.0.1:{self.port}", tls, "token"))

    async def authorize(self, bearer: str, action: str) -> str:
        self.asked.append(action)
        if bearer != "good":
            raise Refusal(Kind.FORBIDDEN, "not_allowed", "policy does not allow it")
        return "acc_administrator"

    async def administrator(self, headers: Headers, action: str) -> Claims:
        actor = await self.authorize(headers.get("authorization", "").removeprefix("Bearer "), action)
        said = {"iss": "i", "aud": ("i",), "exp": 1, "iat": 0, "jti": "j", "client_id": "app", "pos": 1, "kid": "k"}
        return msgspec.convert(said | {"sub": actor, "scope": frozenset()}, Claims)

    async def ask(self, method: str, path: str = "", body: Any = None, bearer: str = "good") -> tuple[int, Any]:
        answer = await self.rest.request(
            method, f"/v1/clients{path}", json=body, headers={"Authorization": f"Bearer {bearer}"}
        )
        return answer.status_code, answer.json()

    async def hears(self) -> None:
        """The projection of clients, which `list` reads, is as far as the log."""
        self.known.reset([])
        for row in self.world.store.rows:
            for change in await CLIENTS.changes(row):
                self.known.apply(change)

    @property
    def actors(self) -> list[str]:
        return [row.actor for row in self.world.store.rows]


@pytest_asyncio.fixture
async def doors() -> AsyncIterator[Doors]:
    world = await World.made()
    known = KnownClients(world.a.token.log)
    made = Doors(world, known)
    revoking, trust = following(world.a)
    running = asyncio.ensure_future(trust.run())
    server = RpcServer(AUTHORITY.service("token"), Admission(authorize=by_action(made.authorize, "token", ACTIONS)))
    served: Any = TokenRpc
    rpc = served(world.a.token, world.a.verifier, world.a.trust, revoking, None, known, None)
    server.add(token_pb2_grpc.add_TokenServiceServicer_to_server, rpc, ALLOWED)
    made.port = await server.start("127.0.0.1:0")
    bearers: Any = made
    routers = [ClientsApi(world.a.token, bearers, known, revoking).router()]
    app = application(title="token", readiness=Readiness(), origins=frozenset(), routers=routers)
    made.rest = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1")
    yield made
    await made.rest.aclose()
    await server.stop(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def message(**said: Any) -> pb.Client:
    client = pb.Client()
    client.default_max_age.seconds = said.pop("default_max_age")
    client.jwks.update(said.pop("jwks"))
    client.MergeFrom(pb.Client(**said))
    return client


async def opens(doors: Doors, secret: str, client_id: str = "shop") -> bool:
    try:
        await authenticate(doors.world.a.token, client_id, secret)
    except InvalidClient:
        return False
    return True
