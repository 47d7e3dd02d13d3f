"""Dynamic client registration and its management, over HTTP: RFC 7591, RFC 7592, OpenID Connect Registration 1.0."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec
import pytest
import pytest_asyncio
from limits import parse
from limits.aio.storage import MemoryStorage

from chassis.limits import WindowLimits
from chassis.readiness import Readiness
from chassis.web import application
from services.token.api.metadata import metadata
from services.token.api.registration import LIMIT, Registering, RegistrationApi
from services.token.commands.client_changes import delete_client, find_client, rotate_secret
from services.token.commands.clients import authenticate, hashed
from services.token.domain import SECOND
from services.token.domain.client import OPENID_SCOPES
from services.token.domain.errors import InvalidClient, InvalidClientMetadata
from tests.unit.token.test_oauth import following
from tests.unit.token.world import IDENTITY, ISSUER, Process, World

INITIAL = "an initial access token that was handed out"
SHOP = {"client_name": "The shop", "redirect_uris": ["https://shop.example/callback"]}
TWO_HOSTS = ["https://a.example/", "https://b.example/"]
NO_OBJECTS = [b"", b"[]", b"null", b"{", b'{"a":1,"a":2}', b"\xff", b"[" * 5000, b'{"a":"\\u0000"}']
KEYS = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}


@dataclass
class Door:
    """One process that lets clients register themselves."""

    world: World
    http: httpx2.AsyncClient
    sectors: dict[str, Any] = field(default_factory=dict)

    async def ask(
        self, method: str, path: str = "/oauth2/register", body: Any = None, bearer: str | None = None
    ) -> httpx2.Response:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        return await self.http.request(method, path.removeprefix(ISSUER), json=body, headers=headers)

    async def registered(self, **said: Any) -> dict[str, Any]:
        answer = await self.ask("POST", body=SHOP | said)
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def refused(self, body: Any, status: int = 400, **how: Any) -> str:
        before = self.world.head
        answer = await self.ask("POST", body=body, **how)
        assert (answer.status_code, self.world.head) == (status, before), answer.text
        error: str = answer.json()["error"]
        return error


async def opened(world: World, initial: str = "", limit: str = "100 per hour", process: Process | None = None) -> Door:
    where = process or world.a
    door = Door(world, httpx2.AsyncClient())

    async def sector(url: str) -> Any:
        if url not in door.sectors:
            raise InvalidClientMetadata("sector_identifier_uri: nothing is there")
        return door.sectors[url]

    revoking, trust = following(where)
    limits = WindowLimits(MemoryStorage(), {LIMIT: parse(limit)})
    api = RegistrationApi(where.token, Registering(initial, limits), sector, revoking)
    app = application(title="token", readiness=Readiness(), origins=frozenset(), routers=[api.router()])
    transport = httpx2.ASGITransport(app=app, client=("192.0.2.7", 1234))
    door.http = httpx2.AsyncClient(transport=transport, base_url=ISSUER)
    door.http.running = asyncio.ensure_future(trust.run())  # type: ignore[attr-defined]
    return door


async def closed(*doors: Door) -> None:
    for door in doors:
        door.http.running.cancel()  # type: ignore[attr-defined]
        await asyncio.gather(door.http.running, return_exceptions=True)  # type: ignore[attr-defined]
        await door.http.aclose()


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    made = await opened(await World.made())
    yield made
    await closed(made)


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


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://shop.example/#x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://shop.example/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["com.example.shop:/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": "https://shop.example/"}, "invalid_client_metadata"),
        ({"redirect_uris": [1]}, "invalid_client_metadata"),
        ({"grant_types": ["client_credentials"], "response_types": []}, "invalid_client_metadata"),
        ({"grant_types": ["implicit"], "redirect_uris": []}, "invalid_redirect_uri"),
        ({"grant_types": ["implicit"], "redirect_uris": ["http://127.0.0.1/callback"]}, "invalid_client_metadata"),
        ({"grant_types": ["implicit"], "dpop_bound_access_tokens": True}, "invalid_client_metadata"),
        ({"grant_types": ["implicit"], "response_types": ["code", "id_token"]}, "invalid_client_metadata"),
        ({"response_types": ["code", "id_token"]}, "invalid_client_metadata"),
        ({"response_types": [["code"]]}, "invalid_client_metadata"),
        ({"grant_types": ["authorization_code"], "response_types": []}, "invalid_client_metadata"),
        ({"grant_types": ["refresh_token"], "response_types": ["code"]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"response_types": "code"}, "invalid_client_metadata"),
        ({"scope": "openid watchword:admin"}, "invalid_client_metadata"),
        ({"scope": ["openid"]}, "invalid_client_metadata"),
        ({"application_type": "desktop"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "password"}, "invalid_client_metadata"),
        ({"jwks": KEYS, "jwks_uri": "https://shop.example/jwks"}, "invalid_client_metadata"),
        ({"jwks": "x"}, "invalid_client_metadata"),
        ({"id_token_signed_response_alg": "none"}, "invalid_client_metadata"),
        ({"client_name": 5}, "invalid_client_metadata"),
        ({"client_name": "a\u202eb"}, "invalid_client_metadata"),
        ({"default_max_age": "1"}, "invalid_client_metadata"),
        ({"contacts": "ops@shop.example"}, "invalid_client_metadata"),
        ({"initiate_login_uri": "http://shop.example/"}, "invalid_client_metadata"),
        ({"software_id": "a\nb"}, "invalid_client_metadata"),
        ({"logo_uri": "javascript:alert(1)"}, "invalid_client_metadata"),
        ({"backchannel_logout_uri": "http://10.0.0.1/"}, "invalid_client_metadata"),
        (
            {"subject_type": "pairwise", "redirect_uris": ["https://a.example/cb", "https://b.example/cb"]},
            "invalid_client_metadata",
        ),
    ],
)
async def test_wrong_metadata_is_refused_by_the_names_of_rfc_7591(door: Door, wrong: Any, error: str) -> None:
    assert await door.refused(SHOP | wrong) == error


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


@pytest.mark.parametrize("kind", ["alg", "enc"])
@pytest.mark.parametrize(
    "what", ["id_token_encrypted_response", "userinfo_encrypted_response", "request_object_encryption"]
)
async def test_encryption_that_is_not_offered_is_refused_by_name(door: Door, what: str, kind: str) -> None:
    asked = {f"{what}_{kind}": "RSA-OAEP-256" if kind == "alg" else "A256GCM"}
    answer = await door.ask("POST", body=SHOP | asked)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert answer.json()["error_description"].startswith(f"{what}_{kind}: ")
    assert set(asked) - (await door.registered(**dict.fromkeys(asked))).keys()


async def test_a_software_statement_is_refused_and_not_passed_over(door: Door) -> None:
    assert await door.refused(SHOP | {"software_statement": "a.b.c"}) == "unapproved_software_statement"
    assert "software_statement" not in await door.registered(software_statement=None)


async def test_a_refusal_names_the_member_as_the_document_does(door: Door) -> None:
    answer = await door.ask("POST", body=SHOP | {"client_name": 5})
    assert answer.json()["error_description"].startswith("client_name: ")
    answer = await door.ask("POST", body=SHOP | {"redirect_uris": [1]})
    assert answer.json()["error_description"].startswith("redirect_uris: ")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b'{"a":1,"a":2}', b"\xff", b"[" * 5000, b'{"a":"\\u0000"}']
)
async def test_what_is_no_json_object_is_refused(door: Door, body: bytes) -> None:
    answer = await door.http.post("/oauth2/register", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_request", "invalid_client_metadata")
    form = await door.http.post("/oauth2/register", data={"client_name": "x"})
    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")


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


async def test_an_address_registers_just_so_many(door: Door) -> None:
    tight = await opened(door.world, limit="2 per hour")
    assert [(await tight.ask("POST", body=SHOP)).status_code for _ in range(3)] == [201, 201, 429]
    answer = await tight.ask("POST", body=SHOP)
    assert (answer.json()["code"], int(answer.headers["retry-after"]) > 0) == ("too_many_attempts", True)
    await closed(tight)


async def test_with_an_initial_access_token_only_its_holder_registers(door: Door) -> None:
    guarded = await opened(door.world, INITIAL)
    for bearer in (None, "", "x", INITIAL + "x", INITIAL[:-1]):
        assert await guarded.refused(SHOP, 401, bearer=bearer) == "invalid_token"
    answer = await guarded.ask("POST", body=SHOP, bearer=INITIAL)
    assert answer.status_code == 201
    assert door.world.store.rows[-1].actor == "registration/token"
    challenged = await guarded.ask("POST", body=SHOP)
    assert challenged.headers["www-authenticate"].startswith("Bearer")
    await closed(guarded)


async def test_the_metadata_name_the_endpoint_only_where_it_is() -> None:
    assert "registration_endpoint" not in metadata(ISSUER, ISSUER, [])
    assert metadata(ISSUER, ISSUER, [], registration=True)["registration_endpoint"] == f"{ISSUER}/oauth2/register"


async def test_only_the_hash_of_a_registration_access_token_is_kept_and_that_sealed(door: Door) -> None:
    token = (await door.registered())["registration_access_token"]
    assert len(token) >= 43
    for row in door.world.store.rows:
        assert token.encode() not in row.body + (row.sealed or b"")
        assert hashed(token).encode() not in row.body


async def test_its_registration_access_token_shows_it_and_no_other_does(door: Door) -> None:
    told, other = await door.registered(), await door.registered()
    uri, token = told["registration_client_uri"], told["registration_access_token"]
    shown = await door.ask("GET", uri, bearer=token)
    assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
    assert shown.json() == {name: value for name, value in told.items() if name != "client_secret"}
    wrong = [None, "", "x", other["registration_access_token"], told["client_secret"], hashed(token)]
    paths = [uri, "/oauth2/register/nobody", "/oauth2/register/service", "/oauth2/register/a%20b"]
    before = door.world.head
    for path in paths:
        for bearer in wrong if path == uri else [*wrong, token]:
            for method in ("GET", "PUT", "DELETE"):
                answer = await door.ask(method, path, SHOP if method == "PUT" else None, bearer)
                assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token"), (path, bearer, method)
    assert door.world.head == before


async def test_an_update_replaces_what_is_registered_in_every_process_at_once(door: Door) -> None:
    told = await door.registered(client_uri="https://shop.example")
    uri, token = told["registration_client_uri"], told["registration_access_token"]
    changed = SHOP | {"client_id": told["client_id"], "client_name": "A better shop", "first_party": True}
    answer = await door.ask("PUT", uri, changed | {"client_secret": told["client_secret"]}, token)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["client_name"], "client_uri" in answer.json()) == ("A better shop", False)
    assert answer.json()["registration_access_token"] == token
    client = await find_client(door.world.b.token, told["client_id"])
    assert (client.name, client.first_party, client.self_registered) == ("A better shop", False, True)
    assert door.world.store.rows[-1].actor == f"client/{told['client_id']}"
    assert (await authenticate(door.world.b.token, told["client_id"], told["client_secret"])).known


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": None},
        {"client_id": "service"},
        {"client_secret": "not its secret, however long it is"},
        {"client_secret": 1},
        {"registration_access_token": "x"},
        {"registration_client_uri": "x"},
        {"client_secret_expires_at": 0},
        {"client_id_issued_at": 0},
        {"token_endpoint_auth_method": "none"},
        {"scope": "watchword:account"},
    ],
)
async def test_an_update_that_says_what_it_must_not_changes_nothing(door: Door, wrong: dict[str, Any]) -> None:
    told = await door.registered()
    before = door.world.head
    body = SHOP | {"client_id": told["client_id"]} | wrong
    answer = await door.ask("PUT", told["registration_client_uri"], body, told["registration_access_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert door.world.head == before


async def test_who_deletes_itself_is_gone_in_every_process(door: Door) -> None:
    told = await door.registered()
    uri, token = told["registration_client_uri"], told["registration_access_token"]
    elsewhere = await opened(door.world, process=door.world.b)
    assert (await elsewhere.ask("GET", uri, bearer=token)).status_code == 200
    answer = await door.ask("DELETE", uri, bearer=token)
    assert (answer.status_code, answer.content) == (204, b"")
    for one in (door, elsewhere):
        for method in ("GET", "DELETE"):
            assert (await one.ask(method, uri, bearer=token)).status_code == 401
    with pytest.raises(InvalidClient):
        await authenticate(door.world.process().token, told["client_id"], told["client_secret"])
    await closed(elsewhere)


async def test_what_an_administrator_does_to_a_client_its_manager_sees(door: Door) -> None:
    told = await door.registered()
    uri, token = told["registration_client_uri"], told["registration_access_token"]
    made = await rotate_secret(door.world.b.token, told["client_id"], 60 * SECOND, IDENTITY)
    for secret in (told["client_secret"], made.secret):
        body = SHOP | {"client_id": told["client_id"], "client_secret": secret}
        assert (await door.ask("PUT", uri, body, token)).status_code == 200
    await delete_client(door.world.b.token, told["client_id"], IDENTITY)
    assert (await door.ask("GET", uri, bearer=token)).status_code == 401


async def test_a_client_of_the_operators_own_has_no_registration_access_token(door: Door) -> None:
    client = await find_client(door.world.a.token, "service")
    assert client.registration_hash is None
    assert msgspec.structs.replace(client, registration_hash=None) == client
    for bearer in ("", "-" * 64, "None"):
        assert (await door.ask("GET", "/oauth2/register/service", bearer=bearer)).status_code == 401
