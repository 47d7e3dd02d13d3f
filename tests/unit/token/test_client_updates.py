"""A client is changed: what holds in one process holds in the other at once, by the rules of registration."""

import msgspec
import pytest

from eventlog.errors import Refusal
from services.token.commands.client_changes import find_client, update_client
from services.token.commands.clients import register_client
from services.token.commands.issue import client_credentials
from services.token.domain.client import Client
from services.token.domain.errors import InvalidScope, UnauthorizedClient
from services.token.domain.events import ClientRegistered, ClientUpdated, Described
from tests.unit.token.changing import BY, opens, world
from tests.unit.token.world import APP, SERVICE, World, refresh_of

__all__ = ["world"]


async def test_an_update_replaces_all_that_can_change_in_every_process_at_once(world: World) -> None:
    known = await world.known(SERVICE, world.b)
    wanted = Client(id="service", name="The service", grant_types=("client_credentials",), scopes=("stock:read",))
    made = await update_client(world.a.token, wanted, BY)
    assert (made.secret, made.position, world.said()[-1]) == ("", world.head, "client.updated")
    client = await find_client(world.b.token, "service")
    assert client == await find_client(world.process().token, "service") == made.client
    assert (client.name, client.scopes, client.audiences, client.grants) == ("The service", ("stock:read",), (), ())
    assert await opens(world.b, world.secrets["service"])
    with pytest.raises(InvalidScope):
        await client_credentials(world.b.token, known, "orders:read", [], BY)


async def test_what_was_given_before_an_update_is_judged_by_what_the_client_is_now(world: World) -> None:
    second = refresh_of(await world.refresh(refresh_of(await world.login()), world.b))
    await update_client(world.a.token, msgspec.structs.replace(APP, scopes=("watchword:account",)), BY)
    third = await world.refresh(second, world.b)
    assert third.answer.scope == "watchword:account"
    await update_client(world.a.token, msgspec.structs.replace(APP, grant_types=()), BY)
    with pytest.raises(UnauthorizedClient):
        await world.refresh(refresh_of(third), world.b)


async def test_an_update_that_changes_nothing_writes_nothing(world: World) -> None:
    before = world.head
    known = await find_client(world.a.token, "service")
    await update_client(world.a.token, msgspec.structs.replace(SERVICE, name=known.name), BY)
    assert world.head == before


async def test_an_update_obeys_the_rules_of_registration(world: World) -> None:
    before = world.head
    for wrong in (
        msgspec.structs.replace(SERVICE, scopes=("watchword:admin",)),
        msgspec.structs.replace(SERVICE, grant_types=("authorization_code",)),
        msgspec.structs.replace(SERVICE, confidential=False, grant_types=()),
    ):
        with pytest.raises(Refusal) as refusal:
            await update_client(world.a.token, wrong, BY)
        assert refusal.value.code in ("invalid_client_metadata", "invalid_redirect_uri")
    with pytest.raises(Refusal, match="not_found"):
        await update_client(world.a.token, msgspec.structs.replace(SERVICE, id="nobody"), BY)
    assert world.head == before


async def test_no_update_makes_a_client_that_registered_itself_the_operators_own(world: World) -> None:
    guest = Client(id="guest", confidential=False, scopes=("openid",), self_registered=True)
    await register_client(world.a.token, guest, BY)
    for trusted in ({"first_party": True}, {"ask_consent": False}, {"grants": ("introspect:any",)}):
        wanted = msgspec.structs.replace(guest, self_registered=False, **trusted)
        with pytest.raises(Refusal, match="invalid_client_metadata"):
            await update_client(world.b.token, wanted, BY)
    assert (await find_client(world.b.token, "guest")).self_registered


def test_all_that_describes_a_client_is_in_both_events_and_in_its_state() -> None:
    described = set(Described.__struct_fields__)
    assert set(ClientUpdated.__struct_fields__) == described
    assert described - {"client_id"} <= set(Client.__struct_fields__)
    never = {"confidential", "self_registered", "unused_until", "secret_hash", "secret_key", "registration_hash"}
    assert set(ClientRegistered.__struct_fields__) == described | never
