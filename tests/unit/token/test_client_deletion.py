"""A client is deleted, with all that it holds, in every process at once, and its id never comes back."""

import asyncio

import pytest

from eventlog.errors import Refusal
from services.token.commands.client_changes import delete_client, find_client, rotate_secret, update_client
from services.token.commands.clients import register_client
from services.token.commands.issue import client_credentials
from services.token.commands.revoke import revoke_client, revoke_subject
from services.token.domain.client import CLIENT
from services.token.domain.errors import InvalidClient, UnauthorizedClient
from tests.unit.token.changing import BY, asks_for_a_token, opens, world
from tests.unit.token.world import APP, SERVICE, World, refresh_of, refused

__all__ = ["world"]


async def test_deleting_ends_all_that_a_client_holds_in_every_process(world: World) -> None:
    login = await world.login()
    secret = world.secrets["service"]
    own = await client_credentials(world.b.token, await world.known(SERVICE, world.b), None, [], BY)
    for client in ("app", "service"):
        assert await delete_client(world.a.token, client, BY) == world.head
        assert world.said()[-2:] == ["client.revoked", "client.deleted"]
    for process in (world.a, world.b, world.process()):
        for given in (login, own):
            with pytest.raises(Exception, match="revoked"):
                await process.verified(given.answer.access_token)
        assert not await opens(process, secret)
        assert not await opens(process, None, "app")
        with pytest.raises(UnauthorizedClient):
            await world.login(process)
    assert await refused(world, refresh_of(login), client=await world.known(APP)) == []


async def test_a_process_that_had_not_heard_issues_nothing_for_a_deleted_client(world: World) -> None:
    secret = world.secrets["service"]
    login = await world.login(world.b)
    assert await asks_for_a_token(world, world.b, secret) == 200
    app = await world.known(APP, world.b)
    await delete_client(world.a.token, "service", BY)
    await delete_client(world.a.token, "app", BY)
    before = world.head
    assert await asks_for_a_token(world, world.b, secret) == 401
    with pytest.raises(InvalidClient):
        await world.refresh(refresh_of(login), world.b, app)
    assert world.head == before


async def test_the_id_of_a_deleted_client_is_never_given_again(world: World) -> None:
    await delete_client(world.a.token, "service", BY)
    for process in (world.a, world.b):
        with pytest.raises(Refusal, match="client_exists"):
            await register_client(process.token, SERVICE, BY)
        for gone in (
            delete_client(process.token, "service", BY),
            find_client(process.token, "service"),
            update_client(process.token, SERVICE, BY),
            rotate_secret(process.token, "service", 0, BY),
            revoke_client(process.token, "service", "x", BY),
            revoke_subject(process.token, "service", "x", BY),
        ):
            with pytest.raises(Refusal, match="not_found"):
                await gone


async def test_of_two_that_delete_at_once_one_does(world: World) -> None:
    answers = await asyncio.gather(
        *(delete_client(process.token, "service", BY) for process in (world.a, world.b)), return_exceptions=True
    )
    assert sorted(isinstance(answer, Refusal) for answer in answers) == [False, True]
    assert world.said().count("client.deleted") == 1


async def test_a_deleted_clients_fold_holds_nothing_but_that_it_was(world: World) -> None:
    await delete_client(world.a.token, "service", BY)
    client = await world.b.token.log.fresh(CLIENT, "service")
    assert (client.known, client.deleted, client.revoked_at) == (False, True, world.head - 1)
    assert (client.secret_hash, client.scopes, client.grants) == (None, (), ())
