"""A client's secrets, rotated, overlapping, brought from elsewhere: what holds in one process holds in all at once."""

import msgspec
import pytest

from eventlog.errors import Refusal
from services.token.commands.client_changes import find_client, rotate_secret, update_client
from services.token.commands.clients import ProofMoved, authenticate, hashed, proves, register_client
from services.token.commands.issue import client_credentials
from services.token.domain import DAY
from services.token.domain.client import Client
from tests.unit.token.changing import BY, HOUR, asks_for_a_token, opens, world
from tests.unit.token.world import APP, SERVICE, World

__all__ = ["world"]


async def test_a_rotated_secret_leaves_the_old_one_good_until_its_time_in_every_process(world: World) -> None:
    old = world.secrets["service"]
    assert await opens(world.b, old)
    made = await rotate_secret(world.a.token, "service", HOUR, BY)
    for process in (world.a, world.b):
        assert await opens(process, old)
        assert await opens(process, made.secret)
        assert not await opens(process, "x" * 43)
        assert not await opens(process, "")
    world.clock.forward(3599)
    assert await opens(world.b, old)
    world.clock.forward(1)
    for process in (world.a, world.b, world.process()):
        assert not await opens(process, old)
        assert await opens(process, made.secret)


async def test_without_overlap_no_token_is_issued_for_the_old_secret_anywhere(world: World) -> None:
    old = world.secrets["service"]
    assert await asks_for_a_token(world, world.b, old) == 200
    made = await rotate_secret(world.a.token, "service", 0, BY)
    before = world.head
    for process in (world.b, world.a):
        assert await asks_for_a_token(world, process, old) == 401
    assert world.head == before
    for process in (world.b, world.a):
        assert await asks_for_a_token(world, process, made.secret) == 200


async def test_with_overlap_a_process_that_had_not_heard_takes_either(world: World) -> None:
    old = world.secrets["service"]
    assert await asks_for_a_token(world, world.b, old) == 200
    made = await rotate_secret(world.a.token, "service", HOUR, BY)
    assert await asks_for_a_token(world, world.b, old) == 200
    assert await asks_for_a_token(world, world.b, made.secret) == 200


async def test_what_is_decided_for_a_client_asks_whether_its_proof_still_holds(world: World) -> None:
    proven = await authenticate(world.b.token, "service", world.secrets["service"])
    await rotate_secret(world.a.token, "service", 0, BY)
    with pytest.raises(ProofMoved):
        await client_credentials(world.b.token, proven, None, [], BY)


async def test_the_secret_before_last_is_good_no_more(world: World) -> None:
    first = world.secrets["service"]
    second = (await rotate_secret(world.a.token, "service", HOUR, BY)).secret
    third = (await rotate_secret(world.b.token, "service", HOUR, BY)).secret
    assert [await opens(world.a, secret) for secret in (first, second, third)] == [False, True, True]
    assert len({first, second, third}) == 3


async def test_both_hashes_stay_sealed_and_no_secret_is_in_the_log(world: World) -> None:
    old = world.secrets["service"]
    made = await rotate_secret(world.a.token, "service", HOUR, BY)
    for row in world.store.rows:
        for secret in (old, made.secret):
            assert secret.encode() not in row.body + (row.sealed or b"")
            assert hashed(secret).encode() not in row.body
    assert made.secret not in repr(made)
    assert world.said()[-1] == "client.secret_rotated"


async def test_where_the_key_of_secrets_was_lost_the_old_one_does_not_come_back(world: World) -> None:
    old = world.secrets["service"]
    client = await find_client(world.a.token, "service")
    lost = msgspec.structs.replace(client, secret_hash=None, old_secret_hash=hashed(old), old_secret_until=2**62)
    assert not proves(lost, old, world.clock.now())
    assert not proves(lost, "", world.clock.now())


async def test_a_secret_overlaps_for_a_while_and_not_for_ever(world: World) -> None:
    before = world.head
    for overlap in (-1, 91 * DAY):
        with pytest.raises(Refusal, match="invalid_overlap"):
            await rotate_secret(world.a.token, "service", overlap, BY)
    with pytest.raises(Refusal, match="no_client_secret"):
        await rotate_secret(world.a.token, "app", HOUR, BY)
    with pytest.raises(Refusal, match="not_found"):
        await rotate_secret(world.a.token, "nobody", HOUR, BY)
    assert world.head == before


async def test_who_is_to_prove_itself_by_a_secret_and_has_none_is_given_one(world: World) -> None:
    keys = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}
    by_key = Client(
        id="keyed", grant_types=("client_credentials",), token_endpoint_auth_method="private_key_jwt", jwks=keys
    )
    assert (await register_client(world.a.token, by_key, BY)).secret == ""
    made = await update_client(world.a.token, msgspec.structs.replace(by_key, token_endpoint_auth_method=""), BY)
    assert await opens(world.b, made.secret, "keyed")
    assert world.said()[-2:] == ["client.updated", "client.secret_rotated"]
    again = await update_client(world.a.token, by_key, BY)
    assert again.secret == ""


async def test_a_secret_from_elsewhere_is_kept_as_its_hash_and_not_shown_again(world: World) -> None:
    brought = msgspec.structs.replace(SERVICE, id="brought")
    secret = "a secret of another provider, long enough"
    made = await register_client(world.a.token, brought, BY, secret=secret)
    assert made.secret == ""
    assert await opens(world.b, secret, "brought")
    assert secret.encode() not in b"".join(row.body + (row.sealed or b"") for row in world.store.rows)
    for weak in ("x" * 31, "x" * 257, "\u00e9" * 40, "x" * 40 + "\n"):
        with pytest.raises(Refusal, match="invalid_client_metadata"):
            await register_client(world.a.token, msgspec.structs.replace(brought, id="weak"), BY, secret=weak)
    with pytest.raises(Refusal, match="invalid_client_metadata"):
        await register_client(world.a.token, msgspec.structs.replace(APP, id="open"), BY, secret=secret)
