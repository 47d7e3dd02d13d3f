"""What no client may be registered with, and how a client proves who it is (RFC 6749 2.3; RULES 8 to 10)."""

import asyncio
import base64
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.web import Form, oauth_form
from eventlog.errors import Refusal
from services.token.api.client_auth import client_of
from services.token.commands.clients import (
    Registered,
    authenticate,
    grant_caller,
    hashed,
    register_client,
    revoke_certificate,
)
from services.token.commands.issue import TokenAnswer
from services.token.domain.client import Client
from services.token.domain.errors import InvalidClient
from services.token.domain.events import ClientRegistered
from tests.unit.token.world import APP, IDENTITY, SERVICE, World, posted


@pytest.fixture
async def world() -> World:
    return await World.made()


async def refused(world: World, client: Client) -> str:
    before = world.head
    with pytest.raises(Refusal) as refusal:
        await register_client(world.a.token, client, IDENTITY)
    assert world.head == before
    assert refusal.value.kind.http in (409, 422)
    return refusal.value.code


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "acc_1"},
        {"id": "a b"},
        {"id": "a/b"},
        {"id": "\u00e9"},
        {"id": "a\0"},
        {"id": "x" * 65},
        {"grant_types": ("password",)},
        {"grant_types": ("implicit",), "redirect_uris": ("https://app.example/",)},
        {"access_token_alg": "none"},
        {"access_token_alg": "HS256"},
        {"access_token_life": 0},
        {"access_token_life": 3601},
        {"leeway": -1},
        {"leeway": 61},
        {"reuse_ends": "nothing"},
        {"confidential": False, "grant_types": ("client_credentials",)},
        {"first_party": False, "direct_login": True},
        {"scopes": ("watchword:account",)},
        {"scopes": ("watchword:admin",)},
        {"scopes": ("a b",)},
        {"scopes": ("",)},
        {"scopes": ('a"b',)},
        {"scopes": ("a\\b",)},
        {"scopes": ("\u00e9",)},
        {"audiences": ("",)},
        {"audiences": ("a\0b",)},
        {"audiences": ("a b",)},
        {"cors_origins": ("*",)},
        {"cors_origins": ("null",)},
        {"cors_origins": ("https://app.example/",)},
    ],
)
async def test_wrong_metadata_is_refused(world: World, wrong: dict[str, Any]) -> None:
    new: dict[str, Any] = {"id": "new"} | wrong
    assert await refused(world, msgspec.structs.replace(SERVICE, **new)) == "invalid_client_metadata"


async def test_a_client_id_is_taken_once_also_by_two_processes_at_once(world: World) -> None:
    assert await refused(world, SERVICE) == "client_exists"
    new = msgspec.structs.replace(SERVICE, id="new")
    answers = await asyncio.gather(
        *(register_client(process.token, new, IDENTITY) for process in (world.a, world.b)), return_exceptions=True
    )
    assert sorted(isinstance(answer, Refusal) for answer in answers) == [False, True]


async def test_an_unnamed_client_gets_an_id_of_its_own(world: World) -> None:
    made = [await register_client(world.a.token, msgspec.structs.replace(SERVICE, id=""), IDENTITY) for _ in range(2)]
    assert all(one.client.id.startswith("cli_") for one in made)
    assert made[0].client.id != made[1].client.id


async def test_a_secret_is_shown_once_and_kept_sealed_as_its_hash(world: World) -> None:
    secret = world.secrets["service"]
    assert len(secret) >= 43
    row = next(row for row in world.store.rows if row.stream == "client/service")
    assert secret.encode() not in row.body + (row.sealed or b"")
    assert hashed(secret).encode() not in row.body
    event = await world.b.token.log.decode(row)
    assert isinstance(event, ClientRegistered)
    assert event.secret_hash == hashed(secret)
    assert world.secrets["app"] == ""


def test_what_holds_a_secret_does_not_show_it() -> None:
    answer = TokenAnswer(access_token="hidden1", token_type="Bearer", expires_in=1, scope="", refresh_token="hidden2")
    for shown in (repr(Registered(APP, "hidden3", 1)), repr(answer), str(answer)):
        assert "hidden" not in shown


async def test_every_process_knows_a_client_that_another_registered(world: World) -> None:
    with pytest.raises(InvalidClient):
        await authenticate(world.b.token, "new", "x")
    await world.register(msgspec.structs.replace(SERVICE, id="new"))
    assert (await authenticate(world.b.token, "new", world.secrets["new"])).id == "new"


async def test_a_client_whose_secret_was_lost_proves_nothing_with_an_empty_one(world: World) -> None:
    await world.seal_keys.erase("service")
    process = world.process()
    for secret in ("", world.secrets["service"], None):
        with pytest.raises(InvalidClient):
            await authenticate(process.token, "service", secret)


async def asked(world: World, body: dict[str, str], *authorization: bytes) -> Client:
    made = posted(body, *authorization)
    return await client_of(world.a.token, made, await oauth_form(made))


def basic(client_id: str, secret: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode())


async def test_a_client_proves_itself_by_basic_or_in_the_body(world: World) -> None:
    secret = world.secrets["service"]
    assert (await asked(world, {}, basic("service", secret))).id == "service"
    assert (await asked(world, {}, basic("service", secret).replace(b"Basic", b"bASIC"))).id == "service"
    assert (await asked(world, {"client_id": "service"}, basic("service", secret))).id == "service"
    assert (await asked(world, {"client_id": "service", "client_secret": secret})).id == "service"
    assert (await asked(world, {"client_id": "app"})).id == "app"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"client_id": "service"},
        {"client_id": "service", "client_secret": "wrong"},
        {"client_id": "service", "client_secret": ""},
        {"client_id": "nobody"},
        {"client_id": "nobody", "client_secret": "x"},
        {"client_id": "app", "client_secret": "x"},
        {"client_id": "a/b"},
        {"client_id": "\ud7ff" * 1000},
        {"client_secret": "x"},
    ],
)
async def test_who_does_not_prove_itself_is_an_invalid_client(world: World, body: dict[str, str]) -> None:
    with pytest.raises(InvalidClient) as refusal:
        await asked(world, body)
    assert refusal.value.kind.http == 401


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Basic",
        b"Basic ",
        b"Basic !!!!",
        b"Basic \xff\xfe",
        b"Basic \xc3\xa9",
        b"Basic " + base64.b64encode(b"\xff:\xff"),
        b"Basic " + base64.b64encode(b"service"),
        b"Basic " + base64.b64encode(b":"),
        b"Basic " + base64.b64encode(b"app:"),
        b"Basic " + base64.b64encode(b"app:x"),
        b"Basic " + base64.b64encode(quote("nobody\0").encode() + b":x"),
        b"Basic " + base64.b64encode(b"service:%ff"),
        b"Bearer abc",
        b"Digest abc",
    ],
)
async def test_a_mangled_authorization_is_an_invalid_client_and_nothing_worse(world: World, header: bytes) -> None:
    with pytest.raises(InvalidClient):
        await asked(world, {}, header)


@given(header=st.binary(max_size=60))
async def test_no_authorization_header_breaks_anything(header: bytes) -> None:
    world = World()
    with pytest.raises(InvalidClient):
        await asked(world, {}, b"Basic " + header)


async def test_two_methods_at_once_are_an_invalid_request(world: World) -> None:
    secret = world.secrets["service"]
    for body, headers in (
        ({"client_secret": secret}, [basic("service", secret)]),
        ({"client_id": "app"}, [basic("service", secret)]),
        ({}, [basic("service", secret)] * 2),
    ):
        with pytest.raises(Refusal) as refusal:
            await asked(world, body, *headers)
        assert refusal.value.code == "invalid_request"


async def test_a_client_id_that_no_client_can_have_does_not_reach_the_database(world: World) -> None:
    for client_id in ("a\0b", "x" * 65, "", "a/b", "\u00e9", "\ud800"):
        with pytest.raises(InvalidClient):
            await authenticate(world.a.token, client_id, None)


async def test_a_callers_grants_replace_the_earlier_ones_in_every_process(world: World) -> None:
    uri = "spiffe://watchword/backend/billing"
    for granted in (["introspect:any", "watchword.log.v1.EventLogService/Read"], ["introspect:any"]):
        await grant_caller(world.a.token, uri, granted, IDENTITY)
        await world.b.follow()
        assert world.b.trust.grants(uri) == set(granted)
    assert world.b.trust.grants("spiffe://watchword/backend/other") == frozenset()


@pytest.mark.parametrize(
    "uri",
    [
        "spiffe://watchword/service/token",
        "spiffe://watchword/operator/admin",
        "spiffe://watchword/backend/",
        "spiffe://watchword/backend/a/b",
        "spiffe://watchword/backend/a\0",
        "spiffe://other/backend/a",
        "",
    ],
)
async def test_only_backends_are_granted_anything(world: World, uri: str) -> None:
    before = world.head
    with pytest.raises(Refusal) as refusal:
        await grant_caller(world.a.token, uri, ["introspect:any"], IDENTITY)
    assert (refusal.value.code, world.head) == ("invalid_uri", before)


async def test_a_revoked_certificate_is_known_to_every_process(world: World) -> None:
    await revoke_certificate(world.a.token, "ab" * 32, "lost", IDENTITY)
    await world.b.follow()
    assert world.b.trust.is_revoked("ab" * 32)
    assert not world.b.trust.is_revoked("cd" * 32)


@pytest.mark.parametrize("fingerprint", ["", "ab" * 31, "AB" * 32, "zz" * 32, "ab" * 33])
async def test_a_fingerprint_is_64_lowercase_hex_digits(world: World, fingerprint: str) -> None:
    with pytest.raises(Refusal) as refusal:
        await revoke_certificate(world.a.token, fingerprint, "lost", IDENTITY)
    assert refusal.value.code == "invalid_fingerprint"


def test_a_form_shows_no_value() -> None:
    assert "hidden" not in repr(Form({"client_secret": "hidden"}))


async def test_only_what_can_be_granted_is(world: World) -> None:
    uri = "spiffe://watchword/backend/billing"
    for typo in ("introspect:all", "EventLogService/Read", "watchword.token.v1.TokenService/RotateKey"):
        with pytest.raises(Refusal, match="invalid_grants"):
            await grant_caller(world.a.token, uri, ["introspect:any", typo], IDENTITY)
    await world.a.follow()
    assert world.a.trust.grants(uri) == frozenset()
