"""Pairwise subjects (OpenID Connect Core 8.1): what a client is told of people and sessions is its own, everywhere."""

import asyncio
from functools import partial
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import jwt
import msgspec
import pytest

from eventlog.errors import Refusal
from services.token.api.authorization import AuthorizationRpc
from services.token.commands.authorize import Asked, Destination, begin
from services.token.commands.awaited import asked_now
from services.token.commands.client_changes import update_client
from services.token.commands.device import Decided, begin_device, decide_device, poll
from services.token.commands.issue import client_credentials
from services.token.commands.logout import judge_logout
from services.token.commands.push import push
from services.token.commands.revoke import revoke_session
from services.token.commands.userinfo import sign_userinfo
from services.token.domain import device
from services.token.domain.authorization import Decision, Login
from services.token.domain.client import Client
from services.token.domain.errors import NoSuchAddress
from services.token.domain.events import TokenRevoked
from services.token.domain.exchange import ACCESS_TOKEN, GRANT_TYPE
from services.token.domain.names import NOBODY
from services.token.queries import INACTIVE, Asker, OwnKeys, id_token_hint, introspect
from tests.unit.token.authorizing import GOOD, Browser, error_of, saying
from tests.unit.token.delegating import exchanged
from tests.unit.token.leaving import SHOP_OUT, House
from tests.unit.token.sectors import (
    ALL,
    BANK,
    BRIEF,
    DIARY,
    NOTES,
    OFFLINE,
    OPEN,
    called,
    called_session,
    enters,
    id_token,
)
from tests.unit.token.test_oauth import door
from tests.unit.token.world import ALICE, IDENTITY, World, claims_of, posted, refresh_of
from watchword.token.v1 import authorization_pb2 as pb

TV = Client(
    id="tv",
    grant_types=(device.GRANT_TYPE, "refresh_token"),
    scopes=("openid",),
    subject_type="pairwise",
    sector="tv.example",
    id_token_alg="ES256",
)


@pytest.fixture
async def world() -> World:
    return await World.made(*ALL)


async def test_two_sectors_know_a_person_and_a_session_by_two_names_and_one_sector_by_one(world: World) -> None:
    who = Browser(world).alice()
    diary, notes, bank, public = [claims_of(await enters(world, one, who)) for one in (DIARY, NOTES, BANK, OPEN)]
    assert (public["sub"], public["sid"]) == (ALICE, who.session_id)
    assert (diary["sub"], diary["sid"]) == (notes["sub"], notes["sid"])
    for name in ("sub", "sid", "fam", "jti"):
        assert len({one[name] for one in (diary, bank, public)}) == 3, name
    assert all(one["sub"].startswith("acc_") for one in (diary, bank))


async def test_an_access_token_says_nothing_by_which_two_clients_could_know_a_session(world: World) -> None:
    who = Browser(world).alice()
    diary, bank = [claims_of(await enters(world, one, who)) for one in (DIARY, BANK)]
    assert "spos" not in diary
    assert diary.keys() == {
        *("iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "pos", "sid", "fam"),
        *("auth_time", "acr", "amr"),
    }
    shared = {name for name in diary if diary[name] == bank[name]}
    assert shared == {"iss", "aud", "exp", "iat", "scope", "auth_time", "acr", "amr"}
    text = str(diary) + str(id_token(await enters(world, DIARY, who)))
    assert ALICE not in text
    assert who.session_id not in text


@pytest.mark.parametrize("client", ALL)
@pytest.mark.parametrize("asked", ["openid", OFFLINE])
async def test_every_token_of_a_person_has_a_family(world: World, client: Client, asked: str) -> None:
    given = await enters(world, client, scope=asked)
    claims = await world.b.verified(given.answer.access_token)
    assert claims.fam is not None
    assert claims.pairwise is client.pairwise
    assert (given.answer.refresh_token is None) is (client is BRIEF)


async def test_a_client_s_own_token_has_its_own_name(world: World) -> None:
    machine = msgspec.structs.replace(DIARY, id="machine", grant_types=("authorization_code", "client_credentials"))
    await world.register(machine)
    own = await client_credentials(world.a.token, await world.known(machine), "orders:read", [], IDENTITY)
    claims = await world.b.verified(own.answer.access_token)
    assert (claims.sub, claims.pairwise) == ("machine", False)


async def test_id_tokens_and_refreshed_tokens_say_the_same_names(world: World) -> None:
    who = Browser(world).alice()
    for scope in ("openid", OFFLINE):
        first = await enters(world, DIARY, who, scope=scope)
        again = await world.refresh(refresh_of(first), world.b, DIARY)
        wanted = await called(world, DIARY), await called_session(world, DIARY, who.session_id)
        for given in (first, again):
            said = id_token(given)
            assert (said["sub"], said["sid"]) == wanted
            assert claims_of(given)["sub"] == said["sub"]
            assert claims_of(given).get("sid", "none: it outlives it") in (wanted[1], "none: it outlives it")


async def test_the_log_holds_ids_and_none_of_the_names(world: World) -> None:
    who = Browser(world).alice()
    given = await enters(world, DIARY, who)
    await world.refresh(refresh_of(given), client=DIARY)
    bodies = b"".join(row.body + row.stream.encode() for row in world.store.rows)
    assert claims_of(given)["sub"].encode() not in bodies
    assert claims_of(given)["sid"].encode() not in bodies
    assert ALICE.encode() in bodies


async def test_introspection_says_what_the_token_says(world: World) -> None:
    given = await enters(world)
    said = {name: claims_of(given)[name] for name in ("sub", "sid", "fam")}
    for presented in (given.answer.access_token, refresh_of(given)):
        answer = await introspect(world.b.token, world.b.verifier, presented, Asker("diary", frozenset()))
        assert answer["active"]
        assert {name: answer[name] for name in said} == said
        assert "spos" not in answer


async def test_signed_userinfo_is_about_the_client_s_own_name(world: World) -> None:
    await world.register(msgspec.structs.replace(DIARY, id="signed", userinfo_alg="ES256"))
    said = jwt.decode(
        await sign_userinfo(world.b.token, "signed", ALICE, {"sub": ALICE}), options={"verify_signature": False}
    )
    assert said["sub"] == await called(world, DIARY)


async def test_identity_asks_token_of_whom_a_token_speaks(world: World) -> None:
    who, unused = Browser(world).alice(), cast(Any, None)
    api = AuthorizationRpc(world.b.token, OwnKeys(world.b.token), unused, unused)
    for scope, session_id in (("openid", who.session_id), (OFFLINE, "")):
        claims = await world.a.verified((await enters(world, DIARY, who, scope=scope)).answer.access_token)
        request = pb.FindPersonRequest(family_id=claims.fam or "")
        found = await api.FindPerson(request, None)
        assert (found.account_id, found.session_id) == (ALICE, session_id)
    nobody = await api.FindPerson(pb.FindPersonRequest(family_id="fam_none"), None)
    assert (nobody.account_id, nobody.session_id) == ("", "")


async def hinted(world: World, client: Client, hint: str) -> Any:
    """What the authorization endpoint makes of a request with a hint."""
    said = await id_token_hint(world.b.token, OwnKeys(world.b.token), hint)
    return await Browser(world, client, world.b).asks(said, id_token_hint=hint)


async def test_a_hint_is_opened_by_the_sector_of_the_client_that_it_was_given_to(world: World) -> None:
    hint = (await enters(world)).answer.id_token or ""
    asked = await hinted(world, DIARY, hint)
    assert isinstance(asked, Asked)
    assert asked.request.account_id == ALICE
    assert isinstance(await Browser(world, DIARY).goes_on(asked.handle, Browser(world).alice()), Destination)
    bob = Browser(world).alice(subject="acc_bob")
    again = await hinted(world, DIARY, hint)
    assert await Browser(world, DIARY).goes_on(again.handle, bob) == Login(ALICE)
    assert error_of(await hinted(world, BANK, hint)) == "invalid_request"


async def test_a_hint_goes_with_a_pushed_request_too(world: World) -> None:
    hint = (await enters(world)).answer.id_token or ""
    hints = partial(id_token_hint, world.a.token, OwnKeys(world.a.token))
    asked = GOOD | {"id_token_hint": hint}
    uri = (await push(world.a.token, await world.known(DIARY), asked, [], hints, "")).request_uri
    kept = await begin(world.b.token, {"client_id": "diary", "request_uri": uri}, [], saying(None))
    assert isinstance(kept, Asked)
    assert kept.request.account_id == ALICE


async def test_a_client_that_changes_its_sector_knows_nobody_any_more(world: World) -> None:
    hint = (await enters(world)).answer.id_token or ""
    await update_client(world.a.token, msgspec.structs.replace(DIARY, sector="elsewhere.example"), IDENTITY)
    assert await id_token_hint(world.b.token, OwnKeys(world.b.token), hint) is None
    assert error_of(await hinted(world, DIARY, hint)) == "invalid_request"


async def test_a_hint_at_sign_out_names_the_session_by_its_id(world: World) -> None:
    who = Browser(world).alice()
    given = await enters(world, DIARY, who, scope=OFFLINE)
    hint = (await world.refresh(refresh_of(given), client=DIARY)).answer.id_token or ""
    said = await id_token_hint(world.b.token, OwnKeys(world.b.token), hint)
    asked = await judge_logout(world.b.token, {"id_token_hint": hint}, saying(said))
    assert (asked.client_id, asked.account_id, asked.session_id) == ("diary", ALICE, who.session_id)
    with pytest.raises(NoSuchAddress):
        await judge_logout(world.b.token, {"id_token_hint": hint, "client_id": "bank"}, saying(said))


async def test_a_logout_token_says_whom_and_which_session_the_client_means() -> None:
    told = msgspec.structs.replace(DIARY, backchannel_logout_uri=SHOP_OUT)
    house = House(await World.made(told))
    who = await house.enters(None, told)
    await revoke_session(house.world.a.token, who.session_id, "logout", IDENTITY)
    await house.reacts()
    await house.visits()
    (token,) = house.sites.tokens[SHOP_OUT]
    said = jwt.decode(token, options={"verify_signature": False})
    assert said["sub"] == await called(house.world, DIARY)
    assert said["sid"] == await called_session(house.world, DIARY, who.session_id)


async def test_a_page_that_signs_a_browser_out_is_told_which_session_the_client_means() -> None:
    page = "https://shop.example/leave"
    framed = {"frontchannel_logout_uri": page, "frontchannel_logout_session_required": True}
    clients = [msgspec.structs.replace(client, **framed) for client in (DIARY, OPEN)]
    house = House(await World.made(*clients))
    who = await house.enters(None, *clients)
    revoking: Any = None
    api = AuthorizationRpc(house.world.b.token, OwnKeys(house.world.b.token), house.involved, revoking)
    listed = await api.ListLogoutPages(pb.ListLogoutPagesRequest(session_id=who.session_id), None)
    sessions = {dict(parse_qsl(urlsplit(uri).query))["sid"] for uri in listed.uris}
    assert sessions == {who.session_id, await called_session(house.world, DIARY, who.session_id)}


async def test_a_token_that_its_client_revokes_is_the_account_s_in_the_log(world: World) -> None:
    given = await enters(world)
    api, trust = door(world.b)
    running = asyncio.ensure_future(trust.run())
    form = {"client_id": "diary", "client_secret": world.secrets["diary"], "token": given.answer.access_token}
    await api.revoke(posted(form))
    running.cancel()
    (revoked,) = [event for _, event in world.events() if isinstance(event, TokenRevoked)]
    assert (revoked.subject, revoked.token_id) == (ALICE, claims_of(given)["jti"])


async def test_claims_name_whom_it_has_to_be_as_the_client_knows_them(world: World) -> None:
    diary = Browser(world, DIARY)

    async def asking(name: str) -> Any:
        claims = msgspec.json.encode({"id_token": {"sub": {"value": name}}}).decode()
        return await diary.goes_on(await diary.kept(claims=claims), diary.alice())

    assert isinstance(await asking(await called(world, DIARY)), Destination)
    for foreign in (await called(world, BANK), ALICE, "acc_bob"):
        assert await asking(foreign) == Login(NOBODY), "nor can it ask whose id that is"


async def test_a_device_learns_its_own_names(world: World) -> None:
    await world.register(TV)
    begun = await begin_device(world.a.token, await world.known(TV), "openid", [])
    who = Browser(world).alice()
    decided = await decide_device(world.b.token, begun.user_code, who, Decision(True, ("openid",)), IDENTITY)
    assert isinstance(decided, Decided)
    given = await poll(world.a.token, await world.known(TV), begun.device_code, [], IDENTITY, asked_now())
    assert claims_of(given)["sub"] == id_token(given)["sub"] == await called(world, TV)
    assert id_token(given)["sid"] == await called_session(world, TV, who.session_id)


OWN_CALLS = {"grant_types": (GRANT_TYPE,), "redirect_uris": (), "scopes": ("orders:read",)}
ORDERS = msgspec.structs.replace(OPEN, id="orders", audiences=("stock",), **OWN_CALLS)
STOCK = msgspec.structs.replace(BANK, id="stock", audiences=("ledger",), **OWN_CALLS)
FRONT = msgspec.structs.replace(DIARY, id="front", may_act="orders")


async def test_an_exchanged_token_has_the_names_of_whom_it_is_given_to(world: World) -> None:
    """A service that is to act for a person elsewhere knows them as it is registered to, whoever sent it the token."""
    for one in (ORDERS, STOCK, FRONT):
        await world.register(one)
    who = Browser(world).alice()
    sent = await enters(world, FRONT, who, scope="openid orders:read")
    first = await exchanged(world.b, ORDERS, subject_token=sent.answer.access_token, subject_token_type=ACCESS_TOKEN)
    second = await exchanged(world.a, STOCK, subject_token=first.answer.access_token, subject_token_type=ACCESS_TOKEN)
    said, then = claims_of(first), claims_of(second)
    assert (said["sub"], said["sid"], said["spos"]) == (ALICE, who.session_id, who.session_position)
    assert (then["sub"], then["sid"]) == (await called(world, BANK), await called_session(world, BANK, who.session_id))
    assert "spos" not in then
    assert claims_of(sent)["fam"] == said["fam"] == then["fam"]


async def test_what_hangs_from_a_parked_stream_is_found_whatever_a_token_calls_it(world: World) -> None:
    for one in (ORDERS, FRONT):
        await world.register(one)
    who = Browser(world).alice()
    sent = (await enters(world, FRONT, who, scope="openid orders:read")).answer.access_token
    for stream in (f"account/{ALICE}", f"session/{who.session_id}"):
        world.parked.streams = frozenset({stream})
        assert await introspect(world.b.token, world.b.verifier, sent, Asker("front", frozenset())) == INACTIVE
        with pytest.raises(Refusal) as refusal:
            await exchanged(world.b, ORDERS, subject_token=sent, subject_token_type=ACCESS_TOKEN)
        assert refusal.value.code == "parked"
