"""An exchanged token ends with whatever it came from (RFC 8693, RULES 7)."""

import pytest

from chassis.web import Form
from services.token.api.grants import GRANTS
from services.token.commands.revoke import (
    revoke_client,
    revoke_family,
    revoke_session,
    revoke_subject,
    revoke_token,
)
from services.token.domain.errors import InvalidRequest
from services.token.domain.exchange import ACCESS_TOKEN, GRANT_TYPE
from services.token.domain.keyring import signing_ring
from tests.unit.token.delegating import (
    OFFLINE,
    ORDERS,
    SEALED,
    STOCK,
    Delegation,
    asking,
    delegation,
    exchanged,
    peopled,
)
from tests.unit.token.world import ALICE, IDENTITY, World, claims_of, header_of
from watchword.errors import TokenRefused


@pytest.fixture
async def world() -> World:
    return await peopled()


@pytest.fixture
async def alice(world: World) -> Delegation:
    return await delegation(world)


async def ends(world: World, what: str, alice: Delegation) -> None:
    claims = await world.a.verified(alice.access_token)
    token = world.a.token
    match what:
        case "token":
            await revoke_token(token, claims.jti, ALICE, "front", "test", IDENTITY)
        case "family":
            await revoke_family(token, claims.fam or "", "test", IDENTITY)
        case "session":
            await revoke_session(token, alice.who.session_id, "logout", IDENTITY)
        case "account":
            await revoke_subject(token, ALICE, "test", IDENTITY)
        case "application" | "service":
            await revoke_client(token, "front" if what == "application" else "orders", "test", IDENTITY)
        case "key":
            await world.rotate(signing_ring("ES256"), compromised=True)


EVERYTHING = ["token", "family", "session", "account", "application"]


@pytest.mark.parametrize("what", [*EVERYTHING, "service", "key"])
async def test_it_falls_with_whatever_ends_the_token_that_it_was_given_for(alice: Delegation, what: str) -> None:
    first = await alice.exchange()
    second = await exchanged(
        alice.world.a, STOCK, subject_token=first.answer.access_token, subject_token_type=ACCESS_TOKEN
    )
    await ends(alice.world, what, alice)
    for given in (first, second):
        for process in (alice.world.a, alice.world.b):
            with pytest.raises(TokenRefused) as refusal:
                await process.verified(given.answer.access_token)
            assert refusal.value.code == "revoked"


@pytest.mark.parametrize("what", [*EVERYTHING, "key"])
async def test_what_was_ended_gives_nothing_in_a_process_that_has_not_heard_of_it(alice: Delegation, what: str) -> None:
    late = alice.world.b
    await late.follow()
    subject = await late.verifier.verify(alice.access_token)
    await ends(alice.world, what, alice)
    assert await late.verifier.verify(alice.access_token) == subject, "it has not heard of it"
    form = Form({"subject_token": alice.access_token, "subject_token_type": ACCESS_TOKEN})
    before = alice.world.head
    with pytest.raises(InvalidRequest):
        await GRANTS[GRANT_TYPE](await asking(late, ORDERS, form))
    assert alice.world.head == before


async def test_it_falls_with_the_key_that_signed_what_it_came_from(world: World) -> None:
    alice = await delegation(world, resource="sealed")
    first = await alice.exchange(SEALED)
    assert header_of(first)["alg"] == "RS256"
    await alice.world.rotate(signing_ring("ES256"), compromised=True)
    with pytest.raises(TokenRefused, match="key"):
        await alice.world.a.verified(first.answer.access_token)


async def test_a_chain_ends_with_a_token_in_its_middle(alice: Delegation) -> None:
    first = await alice.exchange()
    middle = claims_of(first)
    second = await exchanged(
        alice.world.a, STOCK, subject_token=first.answer.access_token, subject_token_type=ACCESS_TOKEN
    )
    await revoke_token(alice.world.b.token, middle["jti"], ALICE, "orders", "test", IDENTITY)
    with pytest.raises(TokenRefused):
        await alice.world.a.verified(second.answer.access_token)
    assert (await alice.world.a.verified(alice.access_token)).sub == ALICE


async def test_offline_access_stays_with_its_grant(world: World) -> None:
    away = await delegation(world, scope=OFFLINE)
    given = await away.exchange()
    await revoke_session(world.a.token, away.who.session_id, "logout", IDENTITY)
    assert (await world.b.verified(given.answer.access_token)).sid is None
    assert (await away.exchange()).answer.scope == "stock:read orders:read"
