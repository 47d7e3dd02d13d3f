"""RULES 6, 7: what identity ended is ended here by reaction, once, also where identity asked directly."""

from typing import Any

import msgspec
import pytest

from eventlog.events import Event, Recorded, encode
from eventlog.projection import MemoryRows, foreign
from services.token.commands.revoke import revoke_session, revoke_sessions_before
from services.token.domain.errors import InvalidGrant
from services.token.domain.keyring import REFRESH_RING
from services.token.domain.revocation import Before
from services.token.projections import (
    FAMILIES,
    AccountDisabled,
    AccountSignedOut,
    CredentialChanged,
    SessionEnded,
    identity_events,
)
from services.token.reactions import revoke_what_identity_ended
from tests.unit.token.world import ALICE, IDENTITY, Process, World, claims_of, refresh_of

Q = 500


@pytest.fixture
async def world() -> World:
    return await World.made()


async def react(process: Process, event: Event, position: int = Q) -> None:
    """Identity's log says this at a position, and the reaction runs as a feed would run it."""
    row = Recorded(
        position=position,
        stream="any",
        version=1,
        type=event.type,
        time=1,
        command_id="c",
        actor="acc_alice",
        correlation_id="req-1",
        body=encode(event)[0],
    )
    read = await foreign(identity_events)(row)
    assert read is not None
    await revoke_what_identity_ended(process.token)(read, row)


async def ended(world: World, presented: str) -> bool:
    try:
        await world.refresh(presented, world.b)
    except InvalidGrant:
        return True
    return False


EVENTS: list[Any] = [
    (AccountDisabled(account_id=ALICE), True),
    (AccountSignedOut(account_id=ALICE), True),
    (CredentialChanged(account_id=ALICE), True),
    (CredentialChanged(account_id=ALICE, spared_session_id="ses_x"), False),
    (SessionEnded(session_id="ses_x"), True),
    (SessionEnded(session_id="ses_other"), False),
    (AccountDisabled(account_id="acc_bob"), False),
]


@pytest.mark.parametrize(("event", "ends"), EVENTS)
async def test_what_identity_ended_is_ended_here(world: World, event: Event, ends: bool) -> None:
    below = refresh_of(await world.login(session_id="ses_x", session_position=Q - 1))
    await react(world.a, event)
    assert await ended(world, below) is ends


@pytest.mark.parametrize(("event", "ends"), EVENTS[:4])
async def test_a_session_that_began_above_goes_on(world: World, event: Event, ends: bool) -> None:
    await react(world.a, event)
    above = await world.login(session_position=Q + 1)
    assert not await ended(world, refresh_of(above))
    await world.b.verified(above.answer.access_token)


@pytest.mark.parametrize(("event", "ends"), EVENTS)
async def test_reacting_twice_is_once_in_whichever_process(world: World, event: Event, ends: bool) -> None:
    before = world.head
    for process in (world.a, world.b, world.process()):
        await react(process, event)
    assert world.head == before + 1


async def test_what_identity_asked_directly_is_not_done_again(world: World) -> None:
    await revoke_session(world.a.token, "ses_x", "logout", IDENTITY)
    await revoke_sessions_before(world.a.token, ALICE, Before(Q, None, 0), "disabled", IDENTITY)
    before = world.head
    await react(world.b, SessionEnded(session_id="ses_x"))
    await react(world.b, AccountDisabled(account_id=ALICE))
    assert world.head == before


async def test_the_reaction_names_the_request_that_caused_it(world: World) -> None:
    await react(world.a, SessionEnded(session_id="ses_x"))
    row = world.store.rows[-1]
    assert (row.actor, row.correlation_id) == ("service/token", "req-1")


async def test_identitys_other_events_are_ignored() -> None:
    row = msgspec.structs.replace(Recorded(**dict.fromkeys(Recorded.__struct_fields__)), body=b"{}")  # type: ignore[arg-type]
    for name in ("login.failed", "account.registered", "session.started"):
        unknown = msgspec.structs.replace(row, type=f"watchword.identity.{name}.v1")
        assert await foreign(identity_events)(unknown) is None


async def test_the_families_of_a_key_are_those_whose_current_generation_it_derives(world: World) -> None:
    first, second, third = [await world.login() for _ in range(3)]
    await world.rotate(REFRESH_RING)
    moved = await world.refresh(refresh_of(second))
    await world.refresh(refresh_of(third))
    await world.refresh(refresh_of(third))
    rows = MemoryRows()
    for row in world.store.rows:
        for change in await FAMILIES.changes(row):
            rows.apply(change)
    old_key, new_key = refresh_of(first).split(".")[1], refresh_of(moved).split(".")[1]
    assert set(rows.group("family", old_key)) == {claims_of(first)["fam"]}
    assert set(rows.group("family", new_key)) == {claims_of(second)["fam"], claims_of(third)["fam"]}
