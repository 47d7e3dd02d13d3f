"""RULES 8, as a client sees it: what presenting a refresh token gives, and what it leaves in the log."""

import msgspec
import pytest

from eventlog.errors import Refusal
from services.token.commands.revoke import revoke_family, revoke_session, revoke_subject
from services.token.domain import DAY
from services.token.domain.errors import AheadOfLog, InvalidScope
from services.token.domain.events import RefreshRetried, RefreshRotated, ReuseDetected
from tests.unit.token.world import ALICE, APP, IDENTITY, SERVICE, World, claims_of, refresh_of, refused

OTHER = msgspec.structs.replace(APP, id="other")
STRICT = msgspec.structs.replace(APP, id="strict", leeway=0)
HARSH = msgspec.structs.replace(APP, id="harsh", reuse_ends="account")


@pytest.fixture
async def world() -> World:
    return await World.made(OTHER, STRICT, HARSH)


async def test_the_current_generation_rotates(world: World) -> None:
    first = refresh_of(await world.login())
    before = world.head
    second = await world.refresh(first)
    assert world.said(before) == ["refresh.rotated"]
    assert [token.split(".")[3] for token in (first, refresh_of(second))] == ["1", "2"]
    assert refresh_of(second).split(".")[2] == first.split(".")[2]
    assert claims_of(second)["pos"] == second.position == world.head


async def test_a_lost_answer_gives_the_same_successor_and_a_fresh_access_token(world: World) -> None:
    first = refresh_of(await world.login())
    lost = await world.refresh(first)
    world.clock.forward(10)
    before = world.head
    again = await world.refresh(first, world.b)
    assert refresh_of(again) == refresh_of(lost)
    assert world.said(before) == ["refresh.retried"]
    assert claims_of(again)["jti"] != claims_of(lost)["jti"]
    assert claims_of(again)["pos"] == again.position == world.head > lost.position


async def test_a_retry_stands_on_a_stream_of_its_own(world: World) -> None:
    first = refresh_of(await world.login())
    await world.refresh(first)
    await world.refresh(first)
    retried = world.store.rows[-1]
    assert retried.stream.startswith("token/tok_")
    assert retried.version == 1


async def test_what_was_issued_says_who_may_have_held_what(world: World) -> None:
    first = refresh_of(await world.login())
    given = [await world.refresh(first), await world.refresh(first)]
    issues = [event for _, event in world.events() if isinstance(event, RefreshRotated | RefreshRetried)]
    for answered, issue in zip(given, issues, strict=True):
        claims = claims_of(answered)
        assert (issue.token_id, issue.client_id, issue.subject) == (claims["jti"], claims["client_id"], claims["sub"])
        assert (issue.session_id, issue.family_id) == (claims["sid"], claims["fam"])
        assert (issue.audience, issue.scope) == ([claims["aud"]], claims["scope"])
        assert issue.expires_at // 1_000_000 == claims["exp"]


async def test_past_the_leeway_the_parent_is_theft(world: World) -> None:
    first = refresh_of(await world.login())
    second = await world.refresh(first)
    world.clock.forward(10.000001)
    assert await refused(world, first) == ["refresh.reuse_detected", "family.revoked"]
    assert await refused(world, refresh_of(second)) == []


async def test_the_leeway_counts_from_when_this_process_became_ready(world: World) -> None:
    first = refresh_of(await world.login())
    lost = await world.refresh(first)
    world.clock.forward(3600)
    world.b.ready_since = world.clock.now()
    world.clock.forward(10)
    assert refresh_of(await world.refresh(first, world.b)) == refresh_of(lost)
    assert await refused(world, first, process=world.a) == ["refresh.reuse_detected", "family.revoked"]


async def test_the_leeway_counts_from_the_rotation_where_that_is_later(world: World) -> None:
    world.a.ready_since = world.clock.now()
    first = refresh_of(await world.login())
    world.clock.forward(3600)
    await world.refresh(first)
    world.clock.forward(10)
    await world.refresh(first)


async def test_a_leeway_of_0_gives_no_second_answer(world: World) -> None:
    first = refresh_of(await world.login(client_id="strict"))
    await world.refresh(first, client=STRICT)
    assert await refused(world, first, client=STRICT) == ["refresh.reuse_detected", "family.revoked"]


async def test_a_leeway_of_0_gives_none_when_the_process_became_ready_either(world: World) -> None:
    first = refresh_of(await world.login(client_id="strict"))
    await world.refresh(first, client=STRICT)
    world.a.ready_since = world.clock.now()
    world.clock.forward(2)
    assert await refused(world, first, client=STRICT) == ["refresh.reuse_detected", "family.revoked"]


async def test_only_the_immediate_parent_is_a_lost_answer(world: World) -> None:
    first = refresh_of(await world.login())
    second = refresh_of(await world.refresh(first))
    third = refresh_of(await world.refresh(second))
    assert refresh_of(await world.refresh(second)) == third
    assert await refused(world, first) == ["refresh.reuse_detected", "family.revoked"]


async def test_once_the_successor_is_used_the_parent_is_theft(world: World) -> None:
    first = refresh_of(await world.login())
    await world.refresh(refresh_of(await world.refresh(first)))
    assert await refused(world, first, process=world.b) == ["refresh.reuse_detected", "family.revoked"]


@pytest.mark.parametrize("thief", [OTHER, SERVICE])
async def test_another_clients_use_is_theft_whatever_that_client_may(world: World, thief: object) -> None:
    current = refresh_of(await world.login())
    assert await refused(world, current, client=thief) == [
        "refresh.reuse_detected",
        "family.revoked",
    ]
    detected = next(event for _, event in world.events() if isinstance(event, ReuseDetected))
    assert (detected.client_id, detected.presented_by) == ("app", thief.id)  # type: ignore[attr-defined]
    assert await refused(world, current) == []


async def test_theft_ends_the_family_and_leaves_the_accounts_others(world: World) -> None:
    stolen, other = refresh_of(await world.login()), refresh_of(await world.login())
    spent = stolen
    for _ in range(2):
        stolen = refresh_of(await world.refresh(stolen))
    await refused(world, spent)
    assert await refused(world, stolen) == []
    await world.refresh(other)


async def test_theft_ends_every_session_of_the_account_where_the_client_says_so(world: World) -> None:
    spent, other = refresh_of(await world.login(client_id="harsh")), refresh_of(await world.login())
    bob = refresh_of(await world.login(subject="acc_bob"))
    stolen = spent
    for _ in range(2):
        stolen = refresh_of(await world.refresh(stolen, client=HARSH))
    assert await refused(world, spent, client=HARSH) == ["refresh.reuse_detected", "subject.revoked"]
    assert await refused(world, stolen, client=HARSH) == []
    assert await refused(world, other) == []
    await world.refresh(bob)


async def test_the_policy_is_that_of_the_familys_client_not_of_the_one_that_presents(world: World) -> None:
    current = refresh_of(await world.login(client_id="harsh"))
    assert await refused(world, current, client=APP) == ["refresh.reuse_detected", "subject.revoked"]


@pytest.mark.parametrize("end", ["family", "session", "subject"])
@pytest.mark.parametrize("generation", [1, 2, 3])
async def test_a_genuine_token_of_an_ended_family_appends_nothing(world: World, end: str, generation: int) -> None:
    tokens = [refresh_of(await world.login())]
    tokens += [refresh_of(await world.refresh(tokens[-1]))]
    tokens += [refresh_of(await world.refresh(tokens[-1]))]
    family = await world.family(tokens[0])
    match end:
        case "family":
            await revoke_family(world.b.token, family.id, "test", IDENTITY)
        case "session":
            await revoke_session(world.b.token, family.session_id, "test", IDENTITY)
        case "subject":
            await revoke_subject(world.b.token, ALICE, "test", IDENTITY)
    assert await refused(world, tokens[generation - 1]) == []
    assert await refused(world, tokens[generation - 1], client=OTHER) == []


async def test_a_family_ends_after_14_idle_days(world: World) -> None:
    current = refresh_of(await world.login())
    world.clock.time += 14 * DAY - 1
    current = refresh_of(await world.refresh(current))
    world.clock.time += 14 * DAY
    assert await refused(world, current) == []


async def test_a_family_ends_after_30_days_however_busy(world: World) -> None:
    current = refresh_of(await world.login())
    for _ in range(29):
        world.clock.time += DAY
        current = refresh_of(await world.refresh(current))
    world.clock.time += DAY - 1
    spent, current = current, refresh_of(await world.refresh(current))
    world.clock.time += 1
    assert await refused(world, current) == []
    assert await refused(world, spent) == []


async def test_a_generation_ahead_of_the_log_is_refused_and_is_not_theft(world: World) -> None:
    first = refresh_of(await world.login())
    backup = world.head
    third = refresh_of(await world.refresh(refresh_of(await world.refresh(first))))
    restored = await restored_at(world, backup)
    with pytest.raises(AheadOfLog):
        await restored.refresh(third)
    assert restored.head == backup
    await restored.refresh(first)


async def test_a_family_that_the_log_does_not_know_is_refused_and_is_not_theft(world: World) -> None:
    backup = world.head
    first = refresh_of(await world.login())
    restored = await restored_at(world, backup)
    with pytest.raises(AheadOfLog):
        await restored.refresh(first)
    assert restored.head == backup


async def restored_at(world: World, position: int) -> World:
    """The same service on a backup of its log, with its keys."""
    restored = World(clock=world.clock)
    restored.wrapped, restored.seal_keys = world.wrapped, world.seal_keys
    restored.store.rows = world.store.rows[:position]
    for row in restored.store.rows:
        restored.store.streams.setdefault(row.stream, []).append(row)
    restored.a, restored.b = restored.process(), restored.process()
    return restored


async def test_scope_is_judged_anew_and_may_narrow_but_not_widen(world: World) -> None:
    first = refresh_of(await world.login())
    narrow = await world.refresh(first, scope="watchword:account")
    assert claims_of(narrow)["scope"] == narrow.answer.scope == "watchword:account"
    before = world.head
    with pytest.raises(InvalidScope):
        await world.refresh(refresh_of(narrow), scope="watchword:account orders:read")
    assert world.head == before
    wide = await world.refresh(refresh_of(narrow))
    assert wide.answer.scope == "watchword:account watchword:admin"


async def test_a_refresh_before_the_keys_are_made_is_unavailable_not_wrong() -> None:
    world = World()
    with pytest.raises(Refusal) as refusal:
        await world.login()
    assert refusal.value.code == "unauthorized_client"
    await world.register(APP)
    with pytest.raises(Refusal) as refusal:
        await world.login()
    assert refusal.value.kind.http == 503
