"""RULES 9 and RFC 7662: who is told what of which token."""

from typing import Any

import msgspec
import pytest
from google.protobuf import json_format

from eventlog.errors import Refusal
from services.token.api.wire import to_introspected
from services.token.commands.issue import client_credentials
from services.token.commands.revoke import revoke_session, revoke_subject
from services.token.domain import DAY, SECOND
from services.token.domain.keyring import REFRESH_RING
from services.token.queries import Asker, introspect
from tests.unit.token.world import (
    ALICE,
    APP,
    IDENTITY,
    ISSUER,
    SERVICE,
    Process,
    World,
    claims_of,
    refresh_of,
)

NOTHING = {"active": False}
OWN = Asker("app", frozenset())
BACKEND = "spiffe://watchword/backend/orders"
OTHER = msgspec.structs.replace(APP, id="other")


@pytest.fixture
async def world() -> World:
    return await World.made(OTHER)


async def told(world: World, presented: str, asker: Asker, process: Process | None = None) -> dict[str, Any]:
    asked = process or world.a
    await asked.follow()
    answer: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(await introspect(asked.token, asked.verifier, presented, asker))
    )
    return answer


async def test_a_tokens_own_client_is_told_all_that_it_says(world: World) -> None:
    started = await world.login()
    for process in (world.a, world.b):
        assert await told(world, started.answer.access_token, OWN, process) == {
            "active": True,
            "token_type": "Bearer",
            **claims_of(started),
        }


@pytest.mark.parametrize(
    ("asker", "active"),
    [
        (Asker("service", frozenset()), True),
        (Asker(BACKEND, frozenset()), True),
        (Asker("orders", frozenset()), True),
        (Asker("other", frozenset({"introspect:any"})), True),
        (Asker("spiffe://watchword/backend/ops", frozenset({"introspect:any"})), True),
        (Asker("other", frozenset()), False),
        (Asker("spiffe://watchword/backend/other", frozenset()), False),
        (Asker("other", frozenset({"watchword.token.v1.TokenService/Revoke"})), False),
        (Asker("", frozenset()), False),
    ],
)
async def test_own_client_audience_and_granted_are_told_and_all_others_nothing_more(asker: Asker, active: bool) -> None:
    world = await World.made()
    client = await world.register(msgspec.structs.replace(SERVICE, id="machine", audiences=("orders", BACKEND)))
    answered = await client_credentials(world.a.token, await world.known(client), None, ["orders", BACKEND], IDENTITY)
    if asker.id == "service":
        asker = Asker("machine", asker.grants)
    answer = await told(world, answered.answer.access_token, asker)
    assert answer["active"] is active
    assert active or answer == NOTHING


async def test_a_refresh_token_is_told_to_its_own_client_only(world: World) -> None:
    started = await world.login(session_id="ses_x")
    presented = refresh_of(started)
    for process in (world.a, world.b):
        assert await told(world, presented, OWN, process) == {
            "active": True,
            "client_id": "app",
            "sub": ALICE,
            "scope": "watchword:account watchword:admin",
            "exp": (world.clock.now() + 14 * DAY) // SECOND,
            "sid": "ses_x",
            "fam": claims_of(started)["fam"],
        }
    for asker in (Asker("other", frozenset()), Asker("service", frozenset({"introspect:any"})), Asker("", frozenset())):
        assert await told(world, presented, asker) == NOTHING


async def test_a_spent_or_dropped_refresh_token_is_not_active(world: World) -> None:
    first = refresh_of(await world.login())
    second = refresh_of(await world.refresh(first))
    assert await told(world, first, OWN, world.b) == NOTHING
    assert (await told(world, second, OWN, world.b))["active"]
    await world.rotate(REFRESH_RING)
    assert (await told(world, second, OWN, world.b))["active"]
    third = refresh_of(await world.refresh(second))
    await world.rotate(REFRESH_RING, compromised=True)
    assert await told(world, third, OWN, world.b) == NOTHING


async def test_asking_about_a_refresh_token_uses_nothing_up(world: World) -> None:
    first = refresh_of(await world.login())
    spent, before = first, world.head
    current = refresh_of(await world.refresh(first))
    for presented in (spent, current, spent):
        await told(world, presented, OWN)
    assert world.said(before) == ["refresh.rotated"]


async def test_an_ended_or_expired_token_is_not_active(world: World) -> None:
    started, later = await world.login(session_id="ses_x"), await world.login()
    await revoke_session(world.b.token, "ses_x", "logout", IDENTITY)
    for process in (world.a, world.b):
        assert await told(world, started.answer.access_token, OWN, process) == NOTHING
        assert await told(world, refresh_of(started), OWN, process) == NOTHING
    world.clock.forward(720)
    assert await told(world, later.answer.access_token, OWN) == NOTHING
    assert (await told(world, refresh_of(later), OWN))["active"]
    await revoke_subject(world.b.token, ALICE, "test", IDENTITY)
    assert await told(world, refresh_of(later), OWN) == NOTHING


async def test_what_is_not_a_token_of_ours_is_not_active(world: World) -> None:
    good = await world.login()
    head, payload, signature = good.answer.access_token.split(".")
    forged = [
        "",
        "x",
        "a.b.c",
        "wr1.",
        "wr1.k.f.1.x",
        "\u0000",
        "\u00e9.\u00e9.\u00e9",
        f"{head}.{payload}.",
        f"{head}.{payload}.{signature[:-4]}AAAA",
        refresh_of(good)[:-1] + ("A" if refresh_of(good)[-1] != "A" else "B"),
    ]
    for presented in forged:
        assert await told(world, presented, Asker("service", frozenset({"introspect:any"}))) == NOTHING


async def test_a_process_that_does_not_know_what_is_revoked_says_so_instead_of_guessing(world: World) -> None:
    started = await world.login()
    for age in (None, 6_000_000_000):
        world.a.age_ns = age
        with pytest.raises(Refusal) as refusal:
            await told(world, started.answer.access_token, OWN)
        assert refusal.value.kind.http == 503
        assert await told(world, "forged", OWN) == NOTHING


async def test_the_answer_is_the_same_over_grpc(world: World) -> None:
    started = await world.login()
    answer = await told(world, started.answer.access_token, OWN)
    struct = to_introspected(answer).claims
    assert {name: struct[name] for name in ("active", "sub", "pos", "aud")} == {
        "active": True,
        "sub": ALICE,
        "pos": float(started.position),
        "aud": ISSUER,
    }
    assert json_format.MessageToDict(struct)["amr"] == ["pwd"]


async def test_an_answer_that_was_given_is_given_again_only_while_the_token_is_good(world: World) -> None:
    started = await world.login(session_id="ses_x")
    token = started.answer.access_token
    assert await told(world, token, OWN) == await told(world, token, OWN)
    assert await told(world, token, Asker("other", frozenset())) == NOTHING
    await revoke_session(world.a.token, "ses_x", "logout", IDENTITY)
    assert await told(world, token, OWN) == NOTHING
