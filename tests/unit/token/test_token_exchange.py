"""Delegation between services (RFC 8693): what a service gets for a token that it was sent."""

from typing import Any

import msgspec
import pytest

from chassis.web import Form
from eventlog.errors import Refusal
from services.token.api.grants import GRANTS
from services.token.commands.revoke import (
    revoke_subject,
)
from services.token.domain import SECOND
from services.token.domain.binding import UNBOUND, Binding
from services.token.domain.client import Client
from services.token.domain.errors import InvalidClient, InvalidRequest, InvalidScope, InvalidTarget, UnauthorizedClient
from services.token.domain.exchange import ACCESS_TOKEN, GRANT_TYPE, JWT
from tests.unit.token.authorizing import Browser
from tests.unit.token.delegating import (
    FRONT,
    ORDERS,
    SCOPE,
    STOCK,
    STRANGER,
    TRUSTING,
    WITHOUT,
    Delegation,
    asking,
    delegation,
    exchanged,
    peopled,
)
from tests.unit.token.test_oauth import door
from tests.unit.token.world import ALICE, IDENTITY, World, claims_of, posted
from watchword.errors import TokenRefused


@pytest.fixture
async def world() -> World:
    return await peopled()


@pytest.fixture
async def alice(world: World) -> Delegation:
    return await delegation(world)


async def test_a_service_acts_for_the_person_and_its_token_says_so(alice: Delegation) -> None:
    before = alice.world.head
    given = await alice.exchange()
    assert alice.world.said(before) == ["token.exchanged"]
    assert (given.answer.issued_token_type, given.answer.token_type) == (ACCESS_TOKEN, "Bearer")
    assert given.answer.refresh_token is given.answer.id_token is None
    first = await alice.world.a.verified(alice.access_token)
    claims = await alice.world.a.verified(given.answer.access_token)
    assert (claims.sub, claims.client_id, claims.aud) == (ALICE, "orders", ("stock",))
    assert (claims.fam, claims.sid, claims.spos) == (first.fam, first.sid, first.spos)
    assert (claims.auth_time, claims.acr, claims.amr) == (first.auth_time, first.acr, first.amr)
    assert claims.pos > first.pos
    assert claims_of(given)["act"] == {"sub": "orders"}


async def test_the_chain_of_actors_grows_with_each_exchange(alice: Delegation) -> None:
    first = await alice.exchange()
    second = await exchanged(
        alice.world.a, STOCK, subject_token=first.answer.access_token, subject_token_type=ACCESS_TOKEN
    )
    assert claims_of(second)["act"] == {"sub": "stock", "act": {"sub": "orders"}}
    claims = await alice.world.b.verified(second.answer.access_token)
    assert (claims.sub, claims.aud) == (ALICE, ("ledger",))
    assert claims.scope == {"stock:read"}
    assert [one.client_id for one in claims.prior] == ["orders", "front"]


@pytest.mark.parametrize("client", [STRANGER, FRONT, STOCK])
async def test_whoever_the_token_was_not_meant_for_gets_nothing(alice: Delegation, client: Client) -> None:
    """Not even the application that it was given to."""
    before = alice.world.head
    with pytest.raises(InvalidRequest):
        await alice.exchange(client)
    assert alice.world.head == before


async def test_a_token_may_name_who_may_act_besides(world: World) -> None:
    trusting = await delegation(world, TRUSTING)
    claims = claims_of(await trusting.exchange(STRANGER))
    assert (claims["sub"], claims["act"]) == (ALICE, {"sub": "stranger"})
    assert "may_act" not in claims, "it is the application's word on its own tokens"


async def test_a_client_that_is_not_registered_for_it_may_not(world: World) -> None:
    named = msgspec.structs.replace(FRONT, id="named", audiences=("without",))
    await world.register(named)
    with pytest.raises(UnauthorizedClient):
        await (await delegation(world, named)).exchange(WITHOUT)


async def test_the_scope_may_be_narrowed_and_never_widened(alice: Delegation) -> None:
    assert (await alice.exchange()).answer.scope == "stock:read orders:read"
    assert (await alice.exchange(scope="stock:read")).answer.scope == "stock:read"
    for wider in ("orders:write", "stock:read orders:write", "openid"):
        with pytest.raises(InvalidScope):
            await alice.exchange(scope=wider)
    narrow = await alice.exchange(scope="stock:read")
    with pytest.raises(InvalidScope):
        await exchanged(
            alice.world.a,
            STOCK,
            subject_token=narrow.answer.access_token,
            subject_token_type=ACCESS_TOKEN,
            scope="orders:read",
        )


async def test_it_is_for_where_the_service_may_go_and_nowhere_else(alice: Delegation) -> None:
    assert claims_of(await alice.exchange(audience="stock"))["aud"] == "stock"
    asked = await alice.exchange(audience="stock", resource="https://ledger.example")
    assert claims_of(asked)["aud"] == ["https://ledger.example", "stock"]
    with pytest.raises(InvalidTarget):
        await alice.exchange(audience="elsewhere")


async def test_it_lives_no_longer_than_what_it_was_given_for(alice: Delegation) -> None:
    until = claims_of(await alice.exchange())["exp"]
    assert until == (await alice.world.a.verified(alice.access_token)).exp
    alice.world.clock.forward(590)
    late = await alice.exchange()
    assert claims_of(late)["exp"] == until
    assert late.answer.expires_in == 10
    alice.world.clock.forward(11)
    with pytest.raises(InvalidRequest):
        await alice.exchange()


async def test_a_service_s_own_token_is_exchanged_by_whom_it_was_sent_to(world: World) -> None:
    form = Form({}, {"resource": ("stock",)})
    own = await GRANTS["client_credentials"](await asking(world.a, ORDERS, form))
    sent: dict[str, Any] = {"subject_token": own.answer.access_token, "subject_token_type": JWT}
    given = await exchanged(world.b, STOCK, **sent)
    claims = claims_of(given)
    assert (claims["sub"], claims["act"], "fam" in claims) == ("orders", {"sub": "stock"}, False)
    await revoke_subject(world.a.token, "orders", "test", IDENTITY)
    with pytest.raises(InvalidRequest):
        await exchanged(world.b, STOCK, **sent)
    with pytest.raises(TokenRefused):
        await world.b.verified(given.answer.access_token)


async def test_an_actor_token_can_only_be_the_service_s_own(alice: Delegation) -> None:
    async def own(client: Client) -> str:
        at = alice.world.a
        own = await GRANTS["client_credentials"](await asking(at, client, Form({})))
        return own.answer.access_token

    mine: dict[str, Any] = {"actor_token": await own(ORDERS), "actor_token_type": ACCESS_TOKEN}
    assert claims_of(await alice.exchange(**mine))["act"] == {"sub": "orders"}
    for foreign in (await own(STRANGER), alice.access_token, "nonsense"):
        with pytest.raises(InvalidRequest):
            await alice.exchange(actor_token=foreign, actor_token_type=ACCESS_TOKEN)


async def test_a_bound_token_is_worth_nothing_to_who_does_not_prove_its_key(world: World) -> None:
    browser = Browser(world, FRONT)
    bound = Binding("key-of-the-front")
    given = await browser.redeem(await browser.code(scope=SCOPE), binding=bound)
    sent: dict[str, Any] = {"subject_token": given.answer.access_token, "subject_token_type": ACCESS_TOKEN}
    for shown in (UNBOUND, Binding("another-key")):
        with pytest.raises(InvalidRequest):
            await exchanged(world.b, ORDERS, shown, **sent)
    assert (await exchanged(world.b, ORDERS, bound, **sent)).answer.token_type == "DPoP"


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject_token": "nonsense"},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"subject_token_type": None},
        {"subject_token": None},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"actor_token_type": ACCESS_TOKEN},
    ],
)
async def test_what_is_not_as_rfc_8693_has_it_is_an_invalid_request(alice: Delegation, wrong: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refusal:
        await alice.exchange(**wrong)
    assert refusal.value.code == "invalid_request"


async def test_refresh_and_id_tokens_cannot_be_exchanged(world: World) -> None:
    browser = Browser(world, FRONT)
    answer = (await browser.redeem(await browser.code(scope=f"{SCOPE} openid"))).answer
    for token in (answer.refresh_token, answer.id_token):
        with pytest.raises(InvalidRequest):
            await exchanged(world.b, ORDERS, subject_token=token, subject_token_type=ACCESS_TOKEN)


async def test_what_it_says_is_in_the_log(alice: Delegation) -> None:
    given = claims_of(await alice.exchange())
    (_, event) = alice.world.events()[-1]
    said = msgspec.to_builtins(event)
    assert (said["token_id"], said["family_id"], said["session_id"]) == (given["jti"], given["fam"], given["sid"])
    assert (said["subject"], said["actors"], said["prior_clients"]) == (ALICE, ["orders"], ["front"])
    assert event.expires_at // SECOND == given["exp"]  # type: ignore[attr-defined]


async def test_over_http_it_is_asked_for_and_introspected_as_the_standards_say(alice: Delegation) -> None:
    world = alice.world
    oauth, _ = door(world.b)
    await world.b.follow()
    form = {"grant_type": GRANT_TYPE, "subject_token": alice.access_token, "subject_token_type": ACCESS_TOKEN}
    proven = {"client_id": "orders", "client_secret": world.secrets["orders"]}
    response = await oauth.token(posted(form | proven | {"audience": "stock", "scope": "stock:read"}))
    body = msgspec.json.decode(bytes(response.body))
    assert set(body) == {"access_token", "token_type", "expires_in", "scope", "issued_token_type"}
    assert response.headers["cache-control"] == "no-store"
    asked = {"token": body["access_token"]} | proven
    said = msgspec.json.decode(bytes((await oauth.introspect(posted(asked))).body))
    assert (said["active"], said["act"], said["sub"]) == (True, {"sub": "orders"}, ALICE)
    assert not said.keys() & {"prior", "actors"}
    wrong = form | {"client_id": "orders", "client_secret": "x" * 43}
    with pytest.raises(InvalidClient):
        await oauth.token(posted(wrong))
