"""What is known of the origins from which clients' pages ask follows the clients' lives."""

import msgspec

from eventlog.projection import Drop, Put
from services.token.commands.client_changes import delete_client, update_client
from services.token.known_clients import KnownClients
from tests.unit.token.changing import BY, hear, world
from tests.unit.token.world import SERVICE, World

__all__ = ["world"]


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
