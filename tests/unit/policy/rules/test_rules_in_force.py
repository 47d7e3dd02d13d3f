"""What is written decides nothing; what is activated decides from its position on; the past keeps the rules it had."""

from collections.abc import Sequence

import pytest

from eventlog.errors import Refusal
from eventlog.projection import Put
from services.policy.commands.rules import RuleCommands
from services.policy.domain.entities import Entity, Question
from services.policy.inforce import InForce
from services.policy.projections import SessionStarted
from services.policy.queries import Moment
from services.policy.queries.dryrun import Differences
from services.policy.queries.rules import Activated
from services.policy.queries.search import Searches, Wanted
from tests.unit.policy.rules.asking import DOCUMENTS
from tests.unit.policy.rules.governed import READERS, WRITERS, Governed
from tests.unit.policy.world import ALICE, DAY, OPERATOR, Following

READ = Question(ALICE, "document.read", Entity("document", "1"))
WRITE = Question(ALICE, "document.write", Entity("document", "1"))


@pytest.fixture
def world() -> Governed:
    world = Governed()
    world.meet(ALICE.id)
    return world


async def test_a_version_that_is_only_written_decides_nothing(world: Governed) -> None:
    assert await world.write(READERS) == 1
    assert world.decisions.answer(READ).code == "no_matching_role"
    await world.activate(1)
    answer = world.decisions.answer(READ)
    assert (answer.code, answer.policies) == ("allowed", ("readers",))


async def test_a_version_that_is_refused_leaves_the_one_in_force(world: Governed) -> None:
    await world.activate(await world.write(READERS))
    with pytest.raises(Refusal) as refused:
        await world.write(READERS + "permit (principal);")
    assert refused.value.code == "policy_invalid"
    assert len(world.in_force.versions) == 1
    assert world.decisions.answer(READ).allowed


async def test_writing_and_activating_again_answers_where_it_is_so_already(world: Governed) -> None:
    written = await world.rule_commands.write(OPERATOR, READERS, DOCUMENTS)
    assert await world.rule_commands.write(OPERATOR, READERS, DOCUMENTS) == written == (1, 1)
    await world.settle()
    assert await world.activate(1) == await world.activate(1) == 2


class Behind(Following):
    """A log that is not followed any further."""

    async def wait(self, position: int, timeout: float) -> bool:
        return False


async def test_a_version_that_another_process_wrote_is_waited_for(world: Governed) -> None:
    await world.rule_commands.write(OPERATOR, READERS, DOCUMENTS)
    behind = RuleCommands(world.commands.log, Activated(world.in_force, world, Behind()))
    with pytest.raises(Refusal) as refused:
        await behind.activate(OPERATOR, 1)
    assert refused.value.code == "not_yet_applied"


async def test_the_past_is_decided_by_the_rules_that_it_had(world: Governed) -> None:
    before = world.clock.now()
    world.clock.time += DAY
    first = await world.activate(await world.write(READERS))
    world.clock.time += DAY
    second = await world.activate(await world.write(WRITERS))
    world.clock.time += DAY
    back, position = await world.rule_commands.roll_back(OPERATOR)
    await world.settle()

    async def then(position: int) -> list[str]:
        answers = await world.decisions.answers([READ, WRITE], Moment(0, position))
        return [one.code for one in answers]

    assert back == 1
    assert await then(first - 1) == ["no_matching_role"] * 2
    assert await then(first) == await then(second - 1) == ["allowed", "no_matching_role"]
    assert await then(second) == await then(position - 1) == ["allowed"] * 2
    assert await then(position) == ["allowed", "no_matching_role"]
    (answer,) = await world.decisions.answers([READ], Moment(before))
    assert answer.code == "no_matching_role"


async def test_a_search_in_the_past_goes_by_the_rules_of_then(world: Governed) -> None:
    place = await world.say(
        {"kind": "parent", "resource": "document/1", "parent": "folder/1"},
        {"kind": "membership", "member": str(ALICE), "group": "staff"},
        {"kind": "group", "id": "staff"},
    )
    then = await world.activate(await world.write(READERS))
    now = await world.activate(0)
    searches = Searches(world.decisions)

    async def found(position: int) -> tuple[Sequence[str], Sequence[str]]:
        wanted = Wanted(moment=Moment(0, position))
        resources = await searches.resources("document", READ, wanted)
        return resources.found, (await searches.subjects("account", READ, wanted)).found

    assert await found(then) == (["document/1"], [str(ALICE)])
    assert await found(place) == await found(now) == ([], [])
    assert (await searches.resources("document", READ, Wanted())).found == []


async def test_rules_that_could_not_be_read_deny_everything(world: Governed) -> None:
    await world.activate(await world.write(READERS))
    world.policy.parked = frozenset({"rules/organization"})
    assert world.decisions.answer(READ).code == "parked"
    world.policy.parked = frozenset()
    world.in_force.apply(Put("activation", "9", {"version": 9, "position": 9, "time": 0}))
    assert world.decisions.answer(READ).code == "failed"


async def test_a_process_that_starts_has_the_rules_that_the_rows_say(world: Governed) -> None:
    for policies in (READERS, WRITERS):
        await world.activate(await world.write(policies))
    rows = [
        *(Put("rules", f"{one.version:09}", _row(one.texts[0], one.version)) for one in world.in_force.versions),
        *(Put("activation", f"{one.position:019}", {"version": one.version, "position": one.position, "time": one.time})
          for one in world.in_force.activations),
    ]  # fmt: skip
    started = InForce()
    started.reset([Put("fact", "x", {}), *reversed(rows)])
    assert started.active == 2
    assert started.now().ids == world.in_force.now().ids


def _row(policies: str, version: int) -> dict[str, object]:
    return {"version": version, "policies": policies, "schema": DOCUMENTS, "position": 1, "time": 1}


async def test_a_dry_run_compares_decisions_and_changes_none(world: Governed) -> None:
    await world.activate(await world.write(READERS))
    after = world.in_force.rules(await world.write(WRITERS))
    await world.decisions.answers([READ, WRITE, WRITE])
    found = await world.dry_runs.differences(after)
    assert found.asked == 2
    assert [(one.question, one.before.code, one.after.code) for one in found.changes] == [
        (WRITE, "no_matching_role", "allowed")
    ]
    assert await world.dry_runs.differences(world.in_force.now()) == Differences(2, [])
    assert world.decisions.answer(WRITE).code == "no_matching_role"


async def test_a_question_is_kept_with_its_login_and_without_its_session(world: Governed) -> None:
    started = SessionStarted(session_id="ses_1", account_id=ALICE.id, seen=0, auth_time=7, acr="mfa", amr=("otp",))
    world.at_identity(started)
    asked = Question(ALICE, "document.read", session_id="ses_1", token_position=0)
    await world.decisions.answers([asked])
    (kept,) = await world.questions.all(world.clock.now())
    assert kept == Question(ALICE, "document.read", acr="mfa", amr=("otp",), auth_time=7)


async def test_questions_are_forgotten_after_a_week_and_large_or_malformed_ones_are_not_kept(world: Governed) -> None:
    await world.decisions.answers([READ])
    await world.questions.flush(world.clock.now())
    large = Question(ALICE, "document.read", given={"a": "x" * 5000})
    await world.decisions.answers([large, Question(ALICE, "")])
    assert await world.questions.all(world.clock.now()) == [READ]
    world.clock.time += 8 * DAY
    await world.decisions.answers([WRITE])
    assert await world.questions.all(world.clock.now()) == [WRITE]
