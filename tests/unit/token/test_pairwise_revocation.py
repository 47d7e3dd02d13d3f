"""RULES 7 for pairwise clients: no verifier finds an account or a session in their tokens, and yet what ends one of
these ends them, in the same append.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from eventlog.events import Event
from services.token.commands import pairwise
from services.token.commands.client_changes import update_client
from services.token.commands.issue import Answered
from services.token.commands.revoke import (
    revoke_client,
    revoke_family,
    revoke_session,
    revoke_sessions_before,
    revoke_subject,
)
from services.token.domain import DAY, SECOND
from services.token.domain.authorization import SignedIn
from services.token.domain.errors import InvalidGrant, Reused, Unknown
from services.token.domain.events import FamilyRevoked, SessionRevoked, SubjectRevoked
from services.token.domain.exchange import ACCESS_TOKEN, GRANT_TYPE
from services.token.domain.pairwise import PAIRWISE
from services.token.domain.revocation import Before
from services.token.queries import INACTIVE, Asker, introspect
from tests.unit.token.authorizing import Browser
from tests.unit.token.delegating import exchanged
from tests.unit.token.sectors import ALL, BANK, BRIEF, DIARY, NOTES, OFFLINE, OPEN, enters
from tests.unit.token.test_reactions import EVENTS, Q, react
from tests.unit.token.world import ALICE, IDENTITY, Process, World, claims_of, refresh_of
from watchword.errors import TokenRefused


@pytest.fixture
async def world() -> World:
    return await World.made(*ALL)


async def ended(world: World, given: Answered) -> bool:
    """Whether both processes refuse a token, here and at introspection."""
    found = [await _refused(given, process) for process in (world.a, world.b)]
    assert len(set(found)) == 1
    return found[0]


async def _refused(given: Answered, process: Process) -> bool:
    client_id = claims_of(given)["client_id"]
    await process.follow()
    told = await introspect(process.token, process.verifier, given.answer.access_token, Asker(client_id, frozenset()))
    ended = not await _good(process, given)
    assert ended is (told == INACTIVE)
    return ended


async def noted(world: World, key: str) -> list[str]:
    """The families that are noted for an account or a session."""
    return [one.family_id for one in (await world.b.token.log.fresh(PAIRWISE, key)).families]


End = Callable[[World, SignedIn], Awaitable[int]]


async def _by_account(world: World, who: SignedIn) -> int:
    return await revoke_subject(world.b.token, ALICE, "test", IDENTITY)


async def _by_identity(world: World, who: SignedIn) -> int:
    return await revoke_sessions_before(world.b.token, ALICE, Before(100_000, None, 0), "test", IDENTITY)


async def _by_session(world: World, who: SignedIn) -> int:
    return await revoke_session(world.b.token, who.session_id, "test", IDENTITY)


ENDS = [_by_account, _by_identity, _by_session]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("client", [DIARY, BRIEF])
async def test_what_ends_a_session_or_an_account_ends_its_tokens_with_a_refresh_token_or_not(
    world: World, end: End, client: Any
) -> None:
    who = Browser(world).alice()
    given = await enters(world, client, who)
    assert not await ended(world, given)
    position = await end(world, who)
    assert position == world.head, "whoever has applied the answered position has applied all of it"
    assert await ended(world, given)


@pytest.mark.parametrize("end", ENDS)
async def test_the_end_of_a_family_stands_in_the_append_of_the_revocation_and_in_front_of_it(
    world: World, end: End
) -> None:
    who = Browser(world).alice()
    given = [await enters(world, client, who) for client in (DIARY, BANK)]
    before = world.head
    await end(world, who)
    rows = world.store.rows[before:]
    assert len({row.command_id for row in rows}) == 1
    said = [event for _, event in world.events(before)]
    assert isinstance(said[-1], SubjectRevoked | SessionRevoked)
    families = [event.family_id for event in said if isinstance(event, FamilyRevoked)]
    assert sorted(families) == sorted(claims_of(one)["fam"] for one in given)


async def test_a_verifier_that_has_applied_the_revocation_has_never_accepted_such_a_token_since(world: World) -> None:
    """Event by event: nowhere is the account revoked and the token good."""
    who = Browser(world).alice()
    given, public = await enters(world, DIARY, who), await enters(world, OPEN, who)
    await world.a.follow()
    await revoke_subject(world.b.token, ALICE, "test", IDENTITY)
    accepted, whole = [], list(world.store.rows)
    for head in range(world.a.applied, len(whole) + 1):
        world.store.rows = whole[:head]
        await world.a.follow()
        accepted.append((await _good(world.a, public), await _good(world.a, given)))
    assert (accepted[0], accepted[-1]) == ((True, True), (False, False))
    assert (False, True) not in accepted


async def _good(process: Process, given: Answered) -> bool:
    try:
        await process.verifier.verify(given.answer.access_token)
    except TokenRefused:
        return False
    return True


async def test_what_a_revocation_spares_goes_on(world: World) -> None:
    spared, older, newer = [Browser(world).alice() for _ in range(3)]
    tokens = {who.session_id: await enters(world, DIARY, who) for who in (spared, older, newer)}
    away = await enters(world, DIARY, spared, scope=OFFLINE)
    before = Before(newer.session_position, spared.session_id, 0)
    await revoke_sessions_before(world.a.token, ALICE, before, "credential_changed", IDENTITY)
    assert [await ended(world, tokens[who.session_id]) for who in (spared, older, newer)] == [False, True, False]
    assert await ended(world, away), "what outlives its session is spared by none"
    assert sorted(await noted(world, ALICE)) == sorted(
        claims_of(tokens[who.session_id])["fam"] for who in (spared, newer)
    )
    await world.refresh(refresh_of(tokens[spared.session_id]), world.b, DIARY)


async def test_a_session_ends_its_own_tokens_and_none_that_outlive_it(world: World) -> None:
    who, other = Browser(world).alice(), Browser(world).alice()
    given, elsewhere = await enters(world, DIARY, who), await enters(world, DIARY, other)
    away = await enters(world, DIARY, who, scope=OFFLINE)
    await _by_session(world, who)
    assert [await ended(world, one) for one in (given, elsewhere, away)] == [True, False, False]
    assert await noted(world, who.session_id) == []
    assert sorted(await noted(world, ALICE)) == sorted(claims_of(one)["fam"] for one in (elsewhere, away))


async def test_another_person_s_tokens_go_on(world: World) -> None:
    bob = await enters(world, DIARY, Browser(world).alice(subject="acc_bob"))
    await _by_account(world, Browser(world).alice())
    assert not await ended(world, bob)


async def test_a_login_after_it_works_in_the_same_second(world: World) -> None:
    given = await enters(world)
    position = await _by_account(world, Browser(world).alice())
    again = await enters(world, DIARY, Browser(world).alice(seen=position))
    assert [await ended(world, one) for one in (given, again)] == [True, False]
    assert await noted(world, ALICE) == [claims_of(again)["fam"]]


@pytest.mark.parametrize("tries", [pairwise.TRIES, 0])
async def test_reuse_that_ends_the_account_ends_its_tokens_everywhere(
    world: World, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairwise, "TRIES", tries)
    await world.register(msgspec.structs.replace(DIARY, id="strict", reuse_ends="account", leeway=0))
    strict = await world.known(msgspec.structs.replace(DIARY, id="strict"))
    given, other = await enters(world, strict), await enters(world, BANK)
    second = await world.refresh(refresh_of(given), client=strict)
    with pytest.raises(Reused) as refusal:
        await world.refresh(refresh_of(given), world.b, client=strict)
    assert refusal.value.position == world.head
    assert [await ended(world, one) for one in (given, second, other)] == [True, True, True]


async def test_reuse_that_ends_the_family_and_revoking_family_or_client_end_no_more(world: World) -> None:
    who = Browser(world).alice()
    first, second, third, fourth = [await enters(world, one, who) for one in (DIARY, NOTES, BANK, BRIEF)]
    once = await world.refresh(refresh_of(first), client=DIARY)
    await world.refresh(refresh_of(once), client=DIARY)
    with pytest.raises(Reused):
        await world.refresh(refresh_of(first), client=DIARY)
    await revoke_family(world.a.token, claims_of(second)["fam"], "test", IDENTITY)
    await revoke_client(world.a.token, "bank", "test", IDENTITY)
    assert [await ended(world, one) for one in (first, second, third, fourth)] == [True, True, True, False]


async def test_what_an_application_calls_somebody_is_no_account_to_revoke(world: World) -> None:
    """It would end nothing, and say that it did."""
    carol = "acc_0123456789abcdefghijkl"
    given = await enters(world, DIARY, Browser(world).alice(subject=carol))
    before = world.head
    with pytest.raises(Unknown, match="family"):
        await revoke_subject(world.a.token, claims_of(given)["sub"], "test", IDENTITY)
    assert world.head == before
    await revoke_subject(world.a.token, carol, "test", IDENTITY)
    assert await ended(world, given)


@pytest.mark.parametrize(("event", "ends"), EVENTS)
async def test_what_identity_ended_is_ended_by_reaction_once(world: World, event: Event, ends: bool) -> None:
    given = await enters(world, DIARY, Browser(world).alice(session_id="ses_x", session_position=Q - 1))
    await react(world.a, event)
    assert await ended(world, given) is ends
    before = world.head
    for process in (world.a, world.b):
        await react(process, event)
    assert world.said(before) == []


async def test_twice_is_once(world: World) -> None:
    who = Browser(world).alice()
    await enters(world, DIARY, who)
    for end in (_by_session, _by_identity):
        await end(world, who)
        before = world.head
        await end(world, who)
        assert world.said(before) == []
    assert world.said().count("family.revoked") == 1


@pytest.mark.parametrize("end", ENDS)
async def test_what_a_public_client_s_token_is_exchanged_for_ends_too(world: World, end: End) -> None:
    """Its family hangs from the application that had it first, which calls people by their ids."""
    own: dict[str, Any] = {"grant_types": (GRANT_TYPE,), "redirect_uris": (), "scopes": ("orders:read",)}
    front, stock = (
        msgspec.structs.replace(OPEN, id="front", may_act="stock"),
        msgspec.structs.replace(BANK, id="stock", **own),
    )
    for one in (front, stock):
        await world.register(one)
    who = Browser(world).alice()
    sent = await enters(world, front, who, scope="openid orders:read")
    form: dict[str, Any] = {"subject_token": sent.answer.access_token, "subject_token_type": ACCESS_TOKEN}
    given = [await exchanged(process, stock, **form) for process in (world.a, world.b)]
    assert "spos" not in claims_of(given[0])
    assert await noted(world, who.session_id) == [claims_of(sent)["fam"]]
    await end(world, who)
    assert [await ended(world, one) for one in (*given, sent)] == [True, True, True]


async def test_a_client_that_became_pairwise_is_reached_as_well(world: World) -> None:
    who, changed = Browser(world).alice(), msgspec.structs.replace(DIARY, id="open")
    given = await enters(world, OPEN, who)
    await update_client(world.a.token, changed, IDENTITY)
    again = await world.refresh(refresh_of(given), client=changed)
    assert "spos" not in claims_of(again)
    before = world.head
    await world.refresh(refresh_of(again), client=changed)
    assert world.said(before) == ["refresh.rotated"], "it is noted once"
    await _by_account(world, who)
    assert await ended(world, again)


async def test_what_has_expired_is_forgotten_and_what_has_not_is_kept(world: World) -> None:
    who = Browser(world).alice()
    kept = await enters(world, DIARY, who)
    brief = await enters(world, BRIEF, who)
    world.clock.forward(720 + 61)
    await enters(world, BANK, who)
    families = await noted(world, ALICE)
    assert claims_of(kept)["fam"] in families
    assert claims_of(brief)["fam"] not in families
    before = world.head
    world.clock.forward(29 * DAY / SECOND)
    await _by_account(world, who)
    assert world.said(before).count("family.revoked") == 2
    assert await noted(world, ALICE) == []


async def test_the_last_token_of_a_family_is_reached_though_the_family_is_over(world: World) -> None:
    who = Browser(world).alice()
    given = await enters(world, DIARY, who)
    for _ in range(3):
        world.clock.forward(9.9 * DAY / SECOND)
        given = await world.refresh(refresh_of(given), client=DIARY)
    world.clock.forward(0.3 * DAY / SECOND - 100)
    last = await world.refresh(refresh_of(given), client=DIARY)
    world.clock.forward(300)
    with pytest.raises(InvalidGrant):
        await world.refresh(refresh_of(last), client=DIARY)
    assert not await ended(world, last)
    await _by_account(world, who)
    assert await ended(world, last)
