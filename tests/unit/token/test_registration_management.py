"""A client that registered itself shows, changes and deletes itself by its registration access token (RFC 7592)."""

from typing import Any

import msgspec
import pytest

from services.token.commands.client_changes import delete_client, find_client, rotate_secret
from services.token.commands.clients import authenticate, hashed
from services.token.domain import SECOND
from services.token.domain.errors import InvalidClient
from tests.unit.token.registering import SHOP, Door, closed, door, opened
from tests.unit.token.world import IDENTITY

__all__ = ["door"]


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
