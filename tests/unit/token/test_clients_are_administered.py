"""The life of a client, as it is administered over gRPC and REST."""

import json

import pytest

from chassis.rpc import ask
from eventlog.errors import Refusal
from tests.unit.token.administering import SECRET, SHOP, Doors, doors, message, opens
from watchword.token.v1 import token_pb2 as pb

__all__ = ["doors"]


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
