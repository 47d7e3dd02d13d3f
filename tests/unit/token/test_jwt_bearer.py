"""The JWT bearer grant (RFC 7523 2.1): a service account's token for what it signed with its own key."""

from typing import Any

import msgspec
import pytest

from eventlog.errors import Refusal
from services.token.api.oauth import OAuth
from services.token.domain.bearer import GRANT_TYPE
from services.token.domain.client import Client
from tests.unit.token.proving import TOKEN_URL, Key, asked, asserted, asserts, forged
from tests.unit.token.test_oauth import door
from tests.unit.token.world import ALICE, ISSUER, SERVICE, Process, World

KEY = Key("ES256", kid="robot-1")
ROBOT = msgspec.structs.replace(
    SERVICE,
    id="robot",
    grant_types=(GRANT_TYPE,),
    token_endpoint_auth_method="private_key_jwt",
    jwks={"keys": [KEY.jwk]},
    grants=(),
)
BANK = msgspec.structs.replace(ROBOT, id="bank", grant_types=("client_credentials",))
KEYLESS = msgspec.structs.replace(ROBOT, id="keyless", token_endpoint_auth_method="", jwks=None)


@pytest.fixture
async def world() -> World:
    return await World.made(ROBOT, BANK, KEYLESS)


def at(process: Process) -> OAuth:
    return door(process)[0]


async def gives(world: World, assertion: str, process: Process | None = None, **body: Any) -> dict[str, Any]:
    form = {"grant_type": GRANT_TYPE, "assertion": assertion} | body
    response = await at(process or world.a).token(asked(form))
    answer: dict[str, Any] = msgspec.json.decode(bytes(response.body))
    return answer


async def refused(world: World, assertion: str, process: Process | None = None, **body: Any) -> str:
    before = world.head
    with pytest.raises(Refusal) as refusal:
        await gives(world, assertion, process, **body)
    assert world.head == before
    return refusal.value.code


@pytest.mark.parametrize("aud", [ISSUER, TOKEN_URL])
async def test_what_a_client_signs_about_itself_is_worth_a_token_for_itself(world: World, aud: str) -> None:
    answer = await gives(world, KEY.sign(asserts(world, "robot", aud=aud)), scope="orders:read", resource="stock")
    assert set(answer) == {"access_token", "token_type", "expires_in", "scope"}
    claims = await world.b.verified(answer["access_token"])
    assert (claims.sub, claims.client_id, claims.aud) == ("robot", "robot", ("stock",))
    assert claims.scope == {"orders:read"}
    assert claims.fam is None


async def test_it_may_prove_who_it_is_besides(world: World) -> None:
    signed = KEY.sign(asserts(world, "robot"))
    both: dict[str, Any] = asserted(KEY.sign(asserts(world, "robot")))
    assert (await gives(world, signed, **both))["scope"] == "orders:read orders:write"
    for assertion in (KEY.sign(asserts(world, "robot")), KEY.sign(asserts(world, "bank"))):
        other: dict[str, Any] = asserted(KEY.sign(asserts(world, "bank")))
        assert await refused(world, assertion, **other) == "unauthorized_client"


async def test_an_assertion_is_taken_once_over_two_processes_and_for_one_purpose(world: World) -> None:
    signed = KEY.sign(asserts(world, "robot"))
    await gives(world, signed)
    assert await refused(world, signed, world.b) == "invalid_grant"
    again = KEY.sign(asserts(world, "robot"))
    twice: dict[str, Any] = asserted(again)
    assert await refused(world, again, **twice) == "invalid_grant"


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": ALICE},
        {"sub": "bank"},
        {"aud": "https://other.example"},
        {"exp": 1},
        {"exp": None},
        {"jti": None},
    ],
)
async def test_what_it_signs_about_somebody_else_or_for_somebody_else_is_worth_nothing(
    world: World, changes: dict[str, Any]
) -> None:
    assert await refused(world, KEY.sign(asserts(world, "robot", **changes))) == "invalid_grant"


async def test_a_key_that_is_not_the_client_s_proves_nothing(world: World) -> None:
    assert await refused(world, Key("ES256", kid="robot-1").sign(asserts(world, "robot"))) == "invalid_grant"
    assert await refused(world, forged({"alg": "none"}, asserts(world, "robot"))) == "invalid_grant"
    assert await refused(world, KEY.sign(asserts(world, "robot"), typ="at+jwt")) == "invalid_grant"
    assert await refused(world, "nonsense") == "invalid_grant"


async def test_an_issuer_that_is_no_client_is_believed_nothing(world: World) -> None:
    assert await refused(world, KEY.sign(asserts(world, "nobody", sub=ALICE))) == "invalid_client"
    assert await refused(world, KEY.sign(asserts(world, "robot")), client_id="bank") == "invalid_client"
    assert await refused(world, KEY.sign(asserts(world, "robot", iss=None))) == "invalid_grant"


async def test_it_is_for_clients_that_are_registered_for_it_and_have_keys(world: World) -> None:
    assert await refused(world, KEY.sign(asserts(world, "bank"))) == "unauthorized_client"
    assert await refused(world, KEY.sign(asserts(world, "keyless"))) == "invalid_grant"


async def test_naming_oneself_in_an_assertion_opens_no_other_grant_and_no_other_endpoint(world: World) -> None:
    """Only this grant proves it: elsewhere it is a claim and nothing more."""
    unproven = {"grant_type": GRANT_TYPE, "assertion": KEY.sign(asserts(world, "robot")), "token": "x"}
    for handler in (at(world.a).introspect, at(world.a).revoke):
        with pytest.raises(Refusal) as refusal:
            await handler(asked(unproven))
        assert refusal.value.code == "invalid_client"
    with pytest.raises(Refusal) as refusal:
        await at(world.a).token(asked(unproven | {"grant_type": "client_credentials"}))
    assert refusal.value.code == "invalid_client"


@pytest.mark.parametrize("client", [msgspec.structs.replace(ROBOT, id="public", confidential=False)])
async def test_public_clients_cannot_be_registered_for_it(world: World, client: Client) -> None:
    with pytest.raises(Refusal) as refusal:
        await world.register(client)
    assert refusal.value.code == "invalid_client_metadata"
