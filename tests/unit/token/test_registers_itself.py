"""Dynamic client registration over HTTP: RFC 7591, OpenID Connect Registration 1.0."""

from services.token.commands.client_changes import find_client
from services.token.commands.clients import authenticate
from services.token.domain import SECOND
from services.token.domain.client import OPENID_SCOPES
from tests.unit.token.registering import KEYS, SHOP, Door, closed, door, opened
from tests.unit.token.world import ISSUER

__all__ = ["door"]


async def test_an_open_registration_is_answered_with_all_that_is_registered(door: Door) -> None:
    answer = await door.ask("POST", body=SHOP | {"unknown": 1, "client_name#fr": "La boutique", "client_id": "mine"})
    told = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert told == SHOP | {
        "client_id": told["client_id"],
        "client_id_issued_at": door.world.clock.now() // SECOND,
        "client_secret": told["client_secret"],
        "client_secret_expires_at": 0,
        "registration_access_token": told["registration_access_token"],
        "registration_client_uri": f"{ISSUER}/oauth2/register/{told['client_id']}",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "scope": " ".join(OPENID_SCOPES),
        "token_endpoint_auth_method": "client_secret_basic",
        "id_token_signed_response_alg": "RS256",
        "subject_type": "public",
    }
    assert told["client_id"].startswith("cli_")
    assert (await authenticate(door.world.b.token, told["client_id"], told["client_secret"])).name == "The shop"
    assert door.world.store.rows[-1].actor == "registration/open"


async def test_what_open_registration_makes_is_never_first_party_and_always_asks(door: Door) -> None:
    sent = {"first_party": True, "direct_login": True, "ask_consent": False, "grants": ["introspect:any"]}
    told = await door.registered(**sent, audiences=["orders"], cors_origins=["https://a.example"], leeway=60)
    client = await find_client(door.world.b.token, told["client_id"])
    assert (client.first_party, client.direct_login, client.ask_consent) == (False, False, True)
    assert (client.grants, client.audiences, client.cors_origins, client.leeway) == ((), (), (), 10)
    assert client.self_registered
    assert not client.require_pkce


async def test_a_public_client_that_registers_itself_uses_pkce_and_has_no_secret(door: Door) -> None:
    told = await door.registered(token_endpoint_auth_method="none", redirect_uris=["com.example.shop:/cb"])
    assert not {"client_secret", "client_secret_expires_at"} & told.keys()
    client = await find_client(door.world.a.token, told["client_id"])
    assert (client.confidential, client.require_pkce) == (False, True)


async def test_a_client_that_proves_itself_by_a_key_is_given_no_secret(door: Door) -> None:
    told = await door.registered(token_endpoint_auth_method="private_key_jwt", jwks=KEYS | {"made": {"by": 1}})
    assert "client_secret" not in told
    assert told["jwks"] == KEYS


async def test_what_is_said_of_the_software_and_of_logins_is_kept_and_told(door: Door) -> None:
    said = {
        "contacts": ["ops@shop.example", "Ada"],
        "default_acr_values": ["urn:mace:incommon:iap:silver"],
        "default_max_age": 60,
        "require_auth_time": True,
        "initiate_login_uri": "https://shop.example/start",
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
        "software_version": "2.1",
    }
    told = await door.registered(**said)
    other = await opened(door.world, process=door.world.b)
    own = f"/oauth2/register/{told['client_id']}", told["registration_access_token"]
    shown = (await other.ask("GET", own[0], bearer=own[1])).json()
    for answer in (told, shown):
        assert {name: answer[name] for name in said} == said
    less = (await other.ask("PUT", own[0], SHOP | {"client_id": told["client_id"]}, own[1])).json()
    assert not said.keys() & less.keys()
    assert not said.keys() & (await door.ask("GET", own[0], bearer=own[1])).json().keys()
    await closed(other)


async def test_who_answers_for_a_client_leaves_in_no_events_body(door: Door) -> None:
    told = await door.registered(contacts=["ops@shop.example"])
    own = f"/oauth2/register/{told['client_id']}", told["registration_access_token"]
    await door.ask("PUT", own[0], SHOP | {"client_id": told["client_id"], "contacts": ["ada@shop.example"]}, own[1])
    assert (await door.ask("GET", own[0], bearer=own[1])).json()["contacts"] == ["ada@shop.example"]
    assert b"@" not in b"".join(row.body for row in door.world.store.rows)


async def test_null_is_as_good_as_absent(door: Door) -> None:
    told = await door.registered(jwks=None, scope=None, client_uri=None, response_types=None, grant_types=None)
    assert not {"jwks", "client_uri"} & told.keys()


async def test_a_sector_is_believed_where_it_publishes_all_redirect_uris(door: Door) -> None:
    sector = "https://family.example/uris.json"
    uris = ["https://a.example/cb", "https://b.example/cb"]
    shared = {"redirect_uris": uris, "sector_identifier_uri": sector}
    assert await door.refused(SHOP | shared) == "invalid_client_metadata"
    door.sectors[sector] = uris[:1]
    assert await door.refused(SHOP | shared) == "invalid_client_metadata"
    door.sectors[sector] = {"uris": uris}
    assert await door.refused(SHOP | shared) == "invalid_client_metadata"
    door.sectors[sector] = [*uris, "https://c.example/cb"]
    told = await door.registered(**shared)
    assert (await find_client(door.world.a.token, told["client_id"])).sector == "family.example"
    assert await door.refused(SHOP | {"sector_identifier_uri": "http://family.example/"}) == "invalid_client_metadata"


async def test_a_pairwise_client_has_the_sector_of_its_redirect_uris_or_of_what_it_publishes(door: Door) -> None:
    told = await door.registered(
        subject_type="pairwise", redirect_uris=["https://A.example/1", "https://a.example:8443/2"]
    )
    assert told["subject_type"] == "pairwise"
    assert (await find_client(door.world.b.token, told["client_id"])).sector == "a.example"
    sector = "https://family.example/uris.json"
    door.sectors[sector] = ["https://a.example/cb", "https://b.example/cb"]
    shared = {"redirect_uris": door.sectors[sector], "sector_identifier_uri": sector}
    told = await door.registered(subject_type="pairwise", **shared)
    assert (await find_client(door.world.b.token, told["client_id"])).sector == "family.example"
