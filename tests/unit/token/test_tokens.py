"""RULES 9: what an access token says, and who signs it."""

import jwt
import msgspec
import pytest

from services.token.adapters.signer import _parsed, sign
from services.token.commands.issue import Answered, client_credentials
from services.token.commands.keys import all_keys
from services.token.domain import SECOND
from services.token.domain.client import Client
from services.token.domain.errors import InvalidScope, InvalidTarget, UnauthorizedClient
from services.token.domain.events import TokenIssued
from services.token.domain.keyring import signing_ring
from services.token.domain.said import access_claims
from tests.unit.token.world import ALICE, APP, IDENTITY, ISSUER, SERVICE, World, claims_of, header_of, refresh_of
from watchword.errors import TokenRefused

ALGS = ("ES256", "RS256", "PS256", "EdDSA")
LONGEST = msgspec.structs.replace(SERVICE, id="longest", access_token_life=3600)


@pytest.fixture
async def world() -> World:
    return await World.made(LONGEST)


async def credentials(world: World, client: Client = SERVICE, scope: str | None = None, *resources: str) -> Answered:
    return await client_credentials(world.a.token, await world.known(client), scope, list(resources), IDENTITY)


async def test_a_persons_token_says_who_where_since_when_and_how_they_logged_in(world: World) -> None:
    started = await world.login(session_id="ses_x", session_position=77)
    world.clock.forward(60)
    for answered in (started, await world.refresh(refresh_of(started))):
        claims = claims_of(answered)
        assert claims == {
            "iss": ISSUER,
            "sub": ALICE,
            "aud": ISSUER,
            "iat": claims["exp"] - 720,
            "exp": claims["exp"],
            "jti": claims["jti"],
            "client_id": "app",
            "scope": "watchword:account watchword:admin",
            "pos": answered.position,
            "sid": "ses_x",
            "spos": 77,
            "fam": claims["fam"],
            "auth_time": world.clock.now() // SECOND - 60,
            "acr": "urn:watchword:acr:password",
            "amr": ["pwd"],
        }
        assert type(claims["pos"]) is int


async def test_a_clients_own_token_names_no_session_family_or_person(world: World) -> None:
    claims = claims_of(await credentials(world))
    assert set(claims) == {"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "pos"}
    assert claims["sub"] == claims["client_id"] == "service"


async def test_a_clients_own_token_comes_without_a_refresh_token(world: World) -> None:
    answered = await credentials(world)
    assert answered.answer.refresh_token is None
    assert b"refresh_token" not in msgspec.json.encode(answered.answer)


async def test_the_header_says_at_jwt_and_the_key(world: World) -> None:
    header = header_of(await world.login())
    active = next(key.id for key in await all_keys(world.a.token) if key.state == "active" and key.alg == "ES256")
    assert header == {"typ": "at+jwt", "alg": "ES256", "kid": active}


async def test_the_audience_is_what_resource_asked_for_among_the_clients_own(world: World) -> None:
    assert claims_of(await credentials(world, SERVICE, None, "stock"))["aud"] == "stock"
    assert claims_of(await credentials(world, SERVICE, None, "stock", "orders"))["aud"] == ["stock", "orders"]


async def test_the_audience_is_else_the_clients_default_else_the_suites_own(world: World) -> None:
    assert claims_of(await credentials(world))["aud"] == "orders"
    assert claims_of(await world.login())["aud"] == ISSUER


@pytest.mark.parametrize("resource", ["billing", ISSUER, ""])
async def test_a_resource_that_is_not_among_the_clients_audiences_is_invalid_target(
    world: World, resource: str
) -> None:
    before = world.head
    with pytest.raises(InvalidTarget):
        await credentials(world, SERVICE, None, "orders", resource)
    assert world.head == before


async def test_a_scope_is_what_was_asked_for_and_never_more_than_is_registered(world: World) -> None:
    assert (await credentials(world)).answer.scope == "orders:read orders:write"
    assert (await credentials(world, SERVICE, "orders:write")).answer.scope == "orders:write"
    with pytest.raises(InvalidScope):
        await credentials(world, SERVICE, "orders:write watchword:admin")


def test_a_refresh_gives_no_more_than_the_family_was_given_though_the_client_may_have_more() -> None:
    assert SERVICE.scope(None, of="orders:read") == "orders:read"
    assert SERVICE.scope(None, of="orders:read gone") == "orders:read"
    with pytest.raises(InvalidScope):
        SERVICE.scope("orders:write", of="orders:read")


async def test_a_grant_that_the_client_is_not_registered_for_is_refused(world: World) -> None:
    with pytest.raises(UnauthorizedClient):
        await credentials(world, APP)


async def test_a_token_lives_as_long_as_its_client_says_and_never_above_60_minutes(world: World) -> None:
    answered = await credentials(world, LONGEST)
    claims = claims_of(answered)
    assert claims["exp"] - claims["iat"] == answered.answer.expires_in == 3600
    assert (await world.a.verified(answered.answer.access_token)).sub == "longest"


@pytest.mark.parametrize("ahead", [1, 10 * SECOND])
async def test_a_process_whose_clock_is_ahead_of_the_log_gives_no_longer_life(world: World, ahead: int) -> None:
    issued = TokenIssued(
        token_id="tok_1",
        client_id="longest",
        subject="longest",
        audience=["orders"],
        scope="",
        expires_at=world.clock.now() + ahead + 3600 * SECOND,
    )
    claims = access_claims(ISSUER, issued, None, 1, world.clock.now() - 1 + (ahead - 1) // SECOND)
    assert claims["exp"] - claims["iat"] <= 3600


async def test_a_token_of_exactly_one_life_is_over(world: World) -> None:
    answered = await credentials(world)
    world.clock.forward(720)
    with pytest.raises(TokenRefused, match="expired"):
        await world.a.verified(answered.answer.access_token)


@pytest.mark.parametrize("alg", ALGS)
async def test_every_algorithm_that_a_client_may_choose_is_verified_by_its_pinned_key(alg: str) -> None:
    client = msgspec.structs.replace(SERVICE, id="chosen", access_token_alg=alg)
    world = await World.made(client, algs=(alg,))
    answered = await credentials(world, client)
    assert header_of(answered)["alg"] == alg
    for process in (world.a, world.b):
        assert (await process.verified(answered.answer.access_token)).client_id == "chosen"


async def test_another_type_of_token_never_passes_as_an_access_token(world: World) -> None:
    answered = await world.login()
    key = header_of(answered)["kid"]
    secret = await world.a.token.vault.secret(key, "signing")
    assert secret is not None
    for typ in ("JWT", "logout+jwt", "id+jwt", None):
        headers = {"kid": key, "typ": typ}
        token = jwt.encode(claims_of(answered), _parsed(secret), algorithm="ES256", headers=headers)
        with pytest.raises(TokenRefused, match="wrong_type"):
            await world.a.verified(token)


async def test_a_token_without_a_position_or_bound_to_a_proof_is_refused(world: World) -> None:
    answered = await world.login()
    key, claims = header_of(answered)["kid"], claims_of(answered)
    unplaced = {name: value for name, value in claims.items() if name != "pos"}
    for payload, code in ((unplaced, "missing_claim"), (claims | {"cnf": {"jkt": "x"}}, "proof_required")):
        token = await sign(world.a.token.vault, key, "ES256", payload)
        with pytest.raises(TokenRefused, match=code):
            await world.a.verified(token)


async def test_no_private_key_is_in_an_event(world: World) -> None:
    await world.rotate(signing_ring("ES256"))
    for row, _ in world.events():
        if row.stream.startswith("keyring/"):
            assert b'"d"' not in row.body
            assert row.sealed is None
