"""Administration of clients over gRPC and REST: for administrators alone, whom the events name."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec
import pytest
import pytest_asyncio
from starlette.datastructures import Headers

from chassis.administration import by_action
from chassis.readiness import Readiness
from chassis.rpc import Admission, RpcServer, Tls, ask, connect
from chassis.web import application
from eventlog.errors import Kind, Refusal
from services.token.api.grpc import ACTIONS, ALLOWED, TokenRpc
from services.token.api.rest_clients import ClientMembers, ClientsApi
from services.token.commands.clients import authenticate
from services.token.domain.client import Client
from services.token.domain.errors import InvalidClient
from services.token.domain.events import Described
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


async def test_the_life_of_a_client_over_grpc(doors: Doors) -> None:
    stub = doors.stub()
    made = await ask(stub.CreateClient, pb.CreateClientRequest(client=message(**SHOP, confidential=True)))
    assert (made.position, doors.actors[-1]) == (doors.world.head, "operator/admin")
    found = (await ask(stub.GetClient, pb.GetClientRequest(client_id="shop"))).client
    assert found == made.client
    assert (found.require_pkce, found.ask_consent, found.default_max_age.seconds) == (False, False, 3600)
    assert (found.contacts, found.default_acr_values) == (["ops@shop.example"], ["gold"])
    assert (found.software_id, found.require_auth_time) == ("4NRB1", True)
    assert found.jwks["keys"][0]["kty"] == "OKP"
    assert list(found.scopes) == ["openid", "profile", "email", "address", "phone", "offline_access"]
    found.name = "A better shop"
    changed = await ask(stub.UpdateClient, pb.UpdateClientRequest(client=found))
    assert (changed.client.name, changed.client_secret) == ("A better shop", "")
    request = pb.RotateClientSecretRequest(client_id="shop")
    request.overlap.seconds = 60
    rotated = await ask(stub.RotateClientSecret, request)
    assert await opens(doors, made.client_secret)
    assert await opens(doors, rotated.client_secret)
    assert rotated.old_secret_until.seconds == doors.world.clock.now() // 1_000_000 + 60
    await doors.hears()
    listed = (await ask(stub.ListClients, pb.ListClientsRequest())).clients
    assert [client.client_id for client in listed] == ["app", "service", "shop"]
    deleted = await ask(stub.DeleteClient, pb.DeleteClientRequest(client_id="shop"))
    assert deleted.position == doors.world.head
    with pytest.raises(Refusal, match="not_found"):
        await ask(stub.GetClient, pb.GetClientRequest(client_id="shop"))
    await doors.hears()
    assert len((await ask(stub.ListClients, pb.ListClientsRequest())).clients) == 2


async def test_a_client_is_public_where_its_message_does_not_say_confidential(doors: Doors) -> None:
    wanted = pb.Client(client_id="phone", grant_types=["refresh_token"])
    made = await ask(doors.stub().CreateClient, pb.CreateClientRequest(client=wanted))
    assert (made.client.confidential, made.client_secret) == (False, "")


async def test_a_secret_from_elsewhere_opens_and_is_not_told_again(doors: Doors) -> None:
    request = pb.CreateClientRequest(client=message(**SHOP, confidential=True), client_secret=SECRET)
    assert (await ask(doors.stub().CreateClient, request)).client_secret == ""
    assert await opens(doors, SECRET)


async def test_a_client_is_brought_from_elsewhere_with_its_id_its_secret_and_what_is_the_operators_to_say(
    doors: Doors,
) -> None:
    told = {name: value for name, value in SHOP.items() if name not in ("name", "scopes", "id_token_alg")}
    foreign = {
        "client_name": "The shop",
        "client_secret": SECRET,
        "scope": "openid orders:read",
        "software_statement": "a.b.c",
    }
    sector = {"sector_identifier_uri": "https://family.example/uris"}
    own = {"first_party": True, "audiences": ["orders"]}
    document = told | foreign | sector | own | {"id_token_signed_response_alg": "PS256"}
    request = pb.CreateClientRequest(document=json.dumps(document).encode())
    made = await ask(doors.stub().CreateClient, request)
    assert (made.client_secret, list(made.ignored)) == ("", ["software_statement"])
    client = made.client
    assert (client.client_id, client.name, client.first_party, client.ask_consent) == ("shop", "The shop", True, False)
    assert (list(client.scopes), list(client.audiences)) == (["openid", "orders:read"], ["orders"])
    assert (client.sector, client.id_token_alg, client.self_registered) == ("family.example", "PS256", False)
    assert await opens(doors, SECRET)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"{", "malformed_json"),
        (b"[]", "invalid_client_metadata"),
        (b'{"redirect_uris":["https://a.example/"],"client_secret":"short"}', "invalid_client_metadata"),
        (b'{"redirect_uris":["https://a.example/"],"client_id":"app"}', "client_exists"),
        (b'{"redirect_uris":["https://a.example/"],"client_id":7}', "invalid_client_metadata"),
        (b'{"redirect_uris":["https://a.example/"],"leeway":"x"}', "invalid_client_metadata"),
        (b'{"redirect_uris":["https://a.example/"],"sector_identifier_uri":"x"}', "invalid_client_metadata"),
        (b'{"redirect_uris":["http://a.example/"]}', "invalid_redirect_uri"),
    ],
)
async def test_a_wrong_document_is_refused(doors: Doors, document: bytes, code: str) -> None:
    before = doors.world.head
    with pytest.raises(Refusal, match=code):
        await ask(doors.stub().CreateClient, pb.CreateClientRequest(document=document))
    both = pb.CreateClientRequest(document=document, client=pb.Client(name="x"))
    with pytest.raises(Refusal, match="invalid_request"):
        await ask(doors.stub().CreateClient, both)
    assert doors.world.head == before


async def test_only_administrators_administer_and_the_event_names_them(doors: Doors) -> None:
    calls = [
        ("CreateClient", pb.CreateClientRequest(client=message(**SHOP, confidential=True))),
        ("GetClient", pb.GetClientRequest(client_id="service")),
        ("UpdateClient", pb.UpdateClientRequest(client=pb.Client(client_id="service", confidential=True))),
        ("RotateClientSecret", pb.RotateClientSecretRequest(client_id="service")),
        ("ListClients", pb.ListClientsRequest()),
        ("DeleteClient", pb.DeleteClientRequest(client_id="service")),
    ]
    before = doors.world.head
    for name, request in calls:
        with pytest.raises(Refusal, match="PERMISSION_DENIED"):
            await ask(getattr(doors.stub(BACKEND), name), request)
        with pytest.raises(Refusal, match="not_allowed"):
            await ask(getattr(doors.stub(BACKEND), name), request, metadata=(("authorization", "Bearer bad"),))
    assert doors.world.head == before
    doors.asked.clear()
    for name, request in calls:
        await ask(getattr(doors.stub(BACKEND), name), request, metadata=(("authorization", "Bearer good"),))
    assert set(doors.actors[before:]) == {"acc_administrator"}
    acts = ["create", "show", "update", "rotate_secret", "list", "delete"]
    assert doors.asked == [f"token.client.{act}" for act in acts]


async def test_the_life_of_a_client_over_rest(doors: Doors) -> None:
    status, made = await doors.ask("POST", body=SHOP)
    assert (status, made["position"], doors.actors[-1]) == (201, doors.world.head, "acc_administrator")
    assert {name: made[name] for name in SHOP} == SHOP
    assert await opens(doors, made["client_secret"])
    status, found = await doors.ask("GET", "/shop")
    assert found == {name: value for name, value in made.items() if name not in ("client_secret", "position")}
    shown = {"client_id", "registered_at", "self_registered"}
    changing = {name: value for name, value in found.items() if name not in shown} | {"name": "A better shop"}
    status, changed = await doors.ask("PUT", "/shop", changing)
    assert (status, changed["name"], "client_secret" in changed) == (200, "A better shop", False)
    status, rotated = await doors.ask("POST", "/shop/secret", {"overlap": 60})
    assert status == 200
    assert await opens(doors, made["client_secret"])
    assert await opens(doors, rotated["client_secret"])
    assert (await doors.ask("GET", "/shop"))[1]["old_secret_until"] == rotated["old_secret_until"]
    status, again = await doors.ask("POST", "/shop/secret", {})
    assert "old_secret_until" not in again
    assert not await opens(doors, rotated["client_secret"])
    await doors.hears()
    assert [client["client_id"] for client in (await doors.ask("GET"))[1]["clients"]] == ["app", "service", "shop"]
    assert await doors.ask("DELETE", "/shop") == (200, {"position": doors.world.head})
    assert (await doors.ask("GET", "/shop"))[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "", SHOP | {"redirect_uris": ["https://*.example/"]}, 422, "invalid_redirect_uri"),
        ("POST", "", SHOP | {"scopes": ["watchword:admin"]}, 422, "invalid_client_metadata"),
        ("POST", "", SHOP | {"client_secret": "short"}, 422, "invalid_client_metadata"),
        ("POST", "", SHOP | {"default_max_age": 10**30}, 422, "invalid_client_metadata"),
        ("POST", "", SHOP | {"jwks": {"keys": [{"kty": "RSA", "n": 10**30}]}}, 422, "invalid_client_metadata"),
        ("POST", "", SHOP | {"client_id": "app"}, 409, "client_exists"),
        ("POST", "", SHOP | {"self_registered": False}, 422, "invalid_request"),
        ("PUT", "/service", {"confidential": False}, 422, "invalid_client_metadata"),
        ("PUT", "/nobody", {}, 404, "not_found"),
        ("GET", "/a%20b", None, 404, "not_found"),
        ("DELETE", "/nobody", None, 404, "not_found"),
        ("POST", "/nobody/secret", {}, 404, "not_found"),
        ("POST", "/app/secret", {}, 409, "no_client_secret"),
        ("POST", "/service/secret", {"overlap": 10**9}, 422, "invalid_request"),
    ],
)
async def test_what_is_wrong_is_named_and_writes_nothing(
    doors: Doors, method: str, path: str, body: Any, status: int, code: str
) -> None:
    before = doors.world.head
    answered = await doors.ask(method, path, body)
    assert (answered[0], answered[1]["code"]) == (status, code)
    assert doors.world.head == before


async def test_without_policys_word_nothing_is_told_or_done_over_rest(doors: Doors) -> None:
    before = doors.world.head
    asks = [("GET", ""), ("POST", ""), ("GET", "/app"), ("PUT", "/app"), ("DELETE", "/app"), ("POST", "/app/secret")]
    for method, path in asks:
        body: Any = None if method in ("GET", "DELETE") else {}
        status, answer = await doors.ask(method, path, body, bearer="bad")
        assert (status, answer["code"]) == (403, "not_allowed")
    assert doors.world.head == before
    acts = ["list", "create", "show", "update", "delete", "rotate_secret"]
    assert doors.asked == [f"token.client.{act}" for act in acts]


def test_rest_and_grpc_say_all_that_describes_a_client_under_the_same_names() -> None:
    described = set(Described.__struct_fields__)
    assert set(ClientMembers.model_fields) == described - {"client_id"} | {"confidential"}
    spoken = {f.name for f in pb.Client.DESCRIPTOR.fields}
    answered = {"self_registered", "registered_at", "old_secret_until", "unused_until"}
    assert spoken == described | {"confidential", *answered}
    defaults: Any = Client()
    body: Any = ClientMembers()
    for name in ClientMembers.model_fields:
        told = getattr(body, name)
        assert (tuple(told) if isinstance(told, list) else told) == getattr(defaults, name), name
