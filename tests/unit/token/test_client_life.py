"""The life of a client: changed, given a new secret, deleted; what holds in one process holds in the other at once."""

import asyncio

import msgspec
import pytest

from eventlog.errors import Refusal
from eventlog.log import By
from eventlog.projection import Drop, Put
from services.token.commands.client_changes import delete_client, find_client, rotate_secret, update_client
from services.token.commands.clients import ProofMoved, authenticate, hashed, proves, register_client
from services.token.commands.issue import client_credentials
from services.token.commands.revoke import revoke_client, revoke_subject
from services.token.domain import DAY, SECOND
from services.token.domain.client import CLIENT, Client
from services.token.domain.errors import InvalidClient, InvalidScope, UnauthorizedClient
from services.token.domain.events import ClientRegistered, ClientUpdated, Described
from services.token.known_clients import KnownClients
from services.token.projections import CLIENTS
from tests.unit.token.test_oauth import door
from tests.unit.token.world import APP, SERVICE, Process, World, posted, refresh_of, refused

HOUR = 3600 * SECOND
BY = By("acc_admin", "test")


@pytest.fixture
async def world() -> World:
    return await World.made()


async def hear(process: Process) -> KnownClients:
    """What the process knows of clients once it has followed its log."""
    known = KnownClients(process.token.log)
    for row in await process.token.log.store.read(0, 100_000, 1 << 30):
        for change in await CLIENTS.changes(row):
            known.apply(change)
    return known


async def opens(process: Process, secret: str | None, client_id: str = "service") -> bool:
    """Whether a client proves itself by it, where no append asks again."""
    await hear(process)
    try:
        await authenticate(process.token, client_id, secret)
    except InvalidClient:
        return False
    return True


async def asks_for_a_token(world: World, process: Process, secret: str) -> int:
    """The status with which the token endpoint answers the client `service`."""
    oauth, _ = door(process)
    form = {"grant_type": "client_credentials", "client_id": "service", "client_secret": secret}
    try:
        return (await oauth.token(posted(form))).status_code
    except Refusal as refusal:
        return refusal.kind.http


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


async def test_what_is_known_of_origins_follows_a_clients_life(world: World) -> None:
    shop = msgspec.structs.replace(SERVICE, id="shop", cors_origins=("https://a.example", "https://both.example"))
    other = msgspec.structs.replace(SERVICE, id="other", cors_origins=("https://both.example",))
    await world.register(shop)
    await world.register(other)
    known = await hear(world.b)
    assert known.ids() == ["app", "other", "service", "shop"]
    assert known.shares_with("https://a.example")
    await update_client(world.a.token, msgspec.structs.replace(shop, cors_origins=("https://b.example",)), BY)
    known = await hear(world.b)
    shared = {origin: known.shares_with(f"https://{origin}.example") for origin in ("a", "b", "both", "c")}
    assert shared == {"a": False, "b": True, "both": True, "c": False}
    for client in ("shop", "other"):
        await delete_client(world.a.token, client, BY)
    known = await hear(world.b)
    assert known.ids() == ["app", "service"]
    assert not any(known.shares_with(f"https://{origin}.example") for origin in ("a", "b", "both"))


async def test_what_is_kept_of_origins_is_the_same_from_rows_as_from_events(world: World) -> None:
    shop = msgspec.structs.replace(SERVICE, id="shop", cors_origins=("https://a.example", "https://a.example"))
    await world.register(shop)
    known = KnownClients(world.b.token.log)
    known.reset([Put("client", "shop", {"origins": ["https://a.example", "https://a.example"]})])
    assert known.shares_with("https://a.example")
    known.apply(Drop("client", "shop"))
    assert not known.shares_with("https://a.example")


async def test_a_deleted_clients_fold_holds_nothing_but_that_it_was(world: World) -> None:
    await delete_client(world.a.token, "service", BY)
    client = await world.b.token.log.fresh(CLIENT, "service")
    assert (client.known, client.deleted, client.revoked_at) == (False, True, world.head - 1)
    assert (client.secret_hash, client.scopes, client.grants) == (None, (), ())


def test_all_that_describes_a_client_is_in_both_events_and_in_its_state() -> None:
    described = set(Described.__struct_fields__)
    assert set(ClientUpdated.__struct_fields__) == described
    assert described - {"client_id"} <= set(Client.__struct_fields__)
    never = {"confidential", "self_registered", "unused_until", "secret_hash", "secret_key", "registration_hash"}
    assert set(ClientRegistered.__struct_fields__) == described | never
