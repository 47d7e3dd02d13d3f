"""Who may register itself: anybody so many times, or whoever holds the initial access token (RFC 7591 3)."""

from services.token.api.metadata import metadata
from tests.unit.token.registering import SHOP, Door, closed, door, opened
from tests.unit.token.world import ISSUER

__all__ = ["door"]

INITIAL = "an initial access token that was handed out"


async def test_an_address_registers_just_so_many(door: Door) -> None:
    tight = await opened(door.world, limit="2 per hour")
    assert [(await tight.ask("POST", body=SHOP)).status_code for _ in range(3)] == [201, 201, 429]
    answer = await tight.ask("POST", body=SHOP)
    assert (answer.json()["code"], int(answer.headers["retry-after"]) > 0) == ("too_many_attempts", True)
    await closed(tight)


async def test_with_an_initial_access_token_only_its_holder_registers(door: Door) -> None:
    guarded = await opened(door.world, INITIAL)
    for bearer in (None, "", "x", INITIAL + "x", INITIAL[:-1]):
        assert await guarded.refused(SHOP, 401, bearer=bearer) == "invalid_token"
    answer = await guarded.ask("POST", body=SHOP, bearer=INITIAL)
    assert answer.status_code == 201
    assert door.world.store.rows[-1].actor == "registration/token"
    challenged = await guarded.ask("POST", body=SHOP)
    assert challenged.headers["www-authenticate"].startswith("Bearer")
    await closed(guarded)


async def test_the_metadata_name_the_endpoint_only_where_it_is() -> None:
    assert "registration_endpoint" not in metadata(ISSUER, ISSUER, [])
    assert metadata(ISSUER, ISSUER, [], registration=True)["registration_endpoint"] == f"{ISSUER}/oauth2/register"
