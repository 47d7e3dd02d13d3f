"""Who could do this on the 3rd, and why: facts and accounts as they stood."""

import msgspec
import pytest

from eventlog.errors import Refusal
from services.policy.domain.entities import Entity, Question
from services.policy.projections import AccountDisabled, AccountEnabled
from services.policy.queries import Moment
from services.policy.queries.search import Wanted
from tests.unit.policy.told import told
from tests.unit.policy.world import DAY, World

ALICE = "account/acc_alice"
ASKED = Question(Entity.of(ALICE), "document.read", Entity.of("document/9"))
HELD = {"kind": "assignment", "holder": "group/staff", "role": "viewer", "resource": "folder/7"}


@pytest.fixture
async def world() -> World:
    """On each day something changes: the group has a role, Alice is in it, out of it, disabled, back again."""
    world = World()
    world.meet("acc_alice")
    await world.say({"kind": "role", "name": "viewer", "actions": ["document.read"]}, {"kind": "group", "id": "staff"})
    await world.say({"kind": "parent", "resource": "document/9", "parent": "folder/7"}, HELD)
    member = {"kind": "membership", "member": ALICE, "group": "staff"}
    for change in (world.say(member), world.unsay(member), world.say(member)):
        world.clock.time += DAY
        await change
    world.at_identity(AccountDisabled(account_id="acc_alice"))
    world.clock.time += DAY
    world.at_identity(AccountEnabled(account_id="acc_alice"))
    world.clock.time += DAY
    return world


async def then(world: World, days_ago: float) -> str:
    (answer,) = await world.decisions.answers([ASKED], Moment(int(world.clock.time - days_ago * DAY)))
    assert answer.allowed == (answer.code == "allowed")
    return answer.code


async def test_a_question_about_the_past_is_answered_as_it_would_have_been(world: World) -> None:
    codes = [await then(world, days) for days in (6.5, 4.5, 3.5, 2.5, 1.5, 0.5)]
    assert codes == [
        "subject_unknown",
        "no_matching_role",
        "allowed",
        "no_matching_role",
        "subject_disabled",
        "allowed",
    ]


async def test_a_position_is_a_moment_too(world: World) -> None:
    codes = [(await world.decisions.answers([ASKED], Moment(0, position)))[0].code for position in (4, 5, 6)]
    assert codes == ["no_matching_role", "allowed", "no_matching_role"]


async def test_a_group_asked_about_is_denied_where_it_was_not_there_then(world: World) -> None:
    asked = msgspec.structs.replace(ASKED, subject=Entity.of("group/staff"))
    assert [one.code for one in await world.decisions.answers([asked])] == ["allowed"]
    before = world.policy.applied
    await told(world, [], [{"kind": "group", "id": "staff"}])
    await world.settle()
    gone = world.policy.applied
    answers = [await world.decisions.answers([asked], Moment(0, position)) for position in (before, gone)]
    assert [one.code for (one,) in answers] == ["allowed", "subject_unknown"]


async def test_an_end_that_has_come_since_was_none_then(world: World) -> None:
    await world.say(HELD | {"expires_at": "1972-10-30T00:00:00Z"})
    at = world.clock.time
    world.clock.time += 100 * DAY
    (now,) = await world.decisions.answers([ASKED])
    (before,) = await world.decisions.answers([ASKED], Moment(at))
    assert (now.code, before.code) == ("no_matching_role", "allowed")


async def test_what_lies_ahead_is_not_answered(world: World) -> None:
    for moment, code in ((Moment(world.clock.time + 1), "as_of_in_the_future"), (Moment(0, 99), "position_unknown")):
        with pytest.raises(Refusal) as refusal:
            await world.decisions.answers([ASKED], moment)
        assert refusal.value.code == code


async def test_who_could_do_it_then_is_a_search(world: World) -> None:
    async def who(days_ago: float) -> list[str]:
        moment = Moment(int(world.clock.time - days_ago * DAY))
        return list((await world.searches.subjects("account", ASKED, Wanted(moment=moment))).found)

    assert [await who(days) for days in (4.5, 3.5, 2.5, 0.5)] == [[], [ALICE], [], [ALICE]]


async def test_why_it_was_so_is_told(world: World) -> None:
    moment = Moment(int(world.clock.time - 3.5 * DAY))
    decision, _, _ = await world.decisions.explained(ASKED, moment)
    assert decision.because == ("account/acc_alice ∈ group/staff → viewer → on folder/7 → contains document/9",)
    _, missing, _ = await world.decisions.explained(ASKED, Moment(0, 4))
    assert missing


async def test_a_table_that_is_behind_is_waited_for_and_else_refused(world: World) -> None:
    world.past.behind = True
    with pytest.raises(Refusal) as refusal:
        await world.decisions.answers([ASKED], Moment(world.clock.time))
    assert refusal.value.code == "not_yet_applied"
