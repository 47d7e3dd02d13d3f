"""Who gave whom which role: what is recorded, and what is refused."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import Refusal
from services.policy.domain.entities import Entity
from services.policy.domain.facts import Assignment, Fact, Membership, Owner, Share, assignments
from services.policy.domain.history import FOLDS
from services.policy.domain.spelled import read
from services.policy.projections import AccountRegistered
from tests.unit.policy.world import ALICE, OPERATOR, World

BILLING = Entity("service", "billing")


@pytest.fixture
def world() -> World:
    world = World()
    world.at_identity(AccountRegistered(account_id=ALICE.id))
    return world


def said(world: World) -> list[tuple[str, str]]:
    return [(row.stream, row.type) for row in world.store.rows]


async def refused(world: World, code: str, command: object) -> None:
    before = len(world.store.rows)
    with pytest.raises(Refusal) as refusal:
        await command  # type: ignore[misc]
    assert refusal.value.code == code
    assert len(world.store.rows) == before


async def test_the_first_administrator_is_made_by_one_command_with_the_role_and_its_assignment(world: World) -> None:
    position = await world.commands.create_first_administrator(OPERATOR, ALICE.id)
    assert position == 3
    assert said(world) == [
        ("suite/administrator", "watchword.policy.administrator.created.v1"),
        ("role/administrator", "watchword.policy.role.defined.v1"),
        ("assignment/account/acc_alice", "watchword.policy.role.assigned.v1"),
    ]
    assert {row.command_id for row in world.store.rows} == {world.store.rows[0].command_id}
    assert {row.actor for row in world.store.rows} == {OPERATOR.actor}
    await world.settle()
    assert world.code("policy.role.assign", resource=Entity("suite", "policy")) == "allowed"


async def test_there_is_one_first_administrator_ever(world: World) -> None:
    world.at_identity(AccountRegistered(account_id="acc_bob"))
    await world.commands.create_first_administrator(OPERATOR, ALICE.id)
    await world.commands.write(OPERATOR, [], [Assignment(str(ALICE), "administrator")])
    for account_id in ("acc_bob", ALICE.id, "acc_nobody"):
        await refused(world, "administrator_exists", world.commands.create_first_administrator(OPERATOR, account_id))


async def test_of_many_first_administrators_at_once_one_is_made(world: World) -> None:
    accounts = [f"acc_{number}" for number in range(20)]
    for account_id in accounts:
        world.at_identity(AccountRegistered(account_id=account_id))
    tries = [world.commands.create_first_administrator(OPERATOR, account_id) for account_id in accounts]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    refusals = [answer for answer in answers if isinstance(answer, Refusal)]
    assert [refusal.code for refusal in refusals] == ["administrator_exists"] * 19
    assert len(world.store.rows) == 3


async def test_a_role_of_administrators_that_exists_is_left_as_it_is(world: World) -> None:
    await world.commands.define_role(OPERATOR, "administrator", ["policy.*"], "")
    await world.commands.create_first_administrator(OPERATOR, ALICE.id)
    await world.settle()
    assert world.code("policy.role.assign") == "allowed"
    assert world.code("identity.account.disable") == "no_matching_role"


async def test_nothing_is_given_to_an_account_that_identity_does_not_have(world: World) -> None:
    await world.commands.define_role(OPERATOR, "editor", ["a"], "")
    stranger = Entity("account", "acc_typo")
    await refused(world, "account_unknown", world.commands.create_first_administrator(OPERATOR, "acc_typo"))
    await refused(world, "account_unknown", world.commands.write(OPERATOR, [Assignment(str(stranger), "editor")]))


async def test_an_account_that_was_registered_a_moment_ago_is_waited_for(world: World) -> None:
    creating = asyncio.create_task(world.commands.create_first_administrator(OPERATOR, "acc_new"))
    await asyncio.sleep(0)
    world.at_identity(AccountRegistered(account_id="acc_new"))
    assert await creating == 3


async def test_only_a_defined_role_is_assigned(world: World) -> None:
    await refused(world, "role_unknown", world.commands.write(OPERATOR, [Assignment(str(BILLING), "editor")]))


async def test_an_assignment_ends_in_the_future(world: World) -> None:
    await world.commands.define_role(OPERATOR, "editor", ["a"], "")
    past = Assignment(str(BILLING), "editor", None, world.clock.time)
    await refused(world, "expiry_in_the_past", world.commands.write(OPERATOR, [past]))


async def test_saying_the_same_again_writes_nothing_and_names_where_it_was_said(world: World) -> None:
    defined = await world.commands.define_role(OPERATOR, "editor", ["b", "a", "b"], "Edits.")
    assigned = await world.commands.write(OPERATOR, [Assignment(str(BILLING), "editor")])
    assert (defined, assigned) == (1, 2)
    assert await world.commands.define_role(OPERATOR, "editor", ["a", "b"], "Edits.") == defined
    assert await world.commands.write(OPERATOR, [Assignment(str(BILLING), "editor")]) == assigned
    assert len(world.store.rows) == 2


async def test_what_is_not_held_is_not_taken_back(world: World) -> None:
    await world.commands.define_role(OPERATOR, "editor", ["a"], "")
    await world.commands.write(OPERATOR, [Assignment(str(BILLING), "editor", "document/7")])
    await refused(world, "not_assigned", world.commands.write(OPERATOR, [], [Assignment(str(BILLING), "editor")]))


@pytest.mark.parametrize("name", ["", "Editor", "1st", "a b", "a/b", "a" * 65, "é"])
async def test_a_role_has_a_plain_name(world: World, name: str) -> None:
    await refused(world, "role_name_invalid", world.commands.define_role(OPERATOR, name, ["a"], ""))


@pytest.mark.parametrize("actions", [[], [""], ["a..b"], ["*.a"], ["a.*.b"], ["a*"], ["**"], ["a\x00"], ["a"] * 1001])
async def test_a_role_has_actions_that_can_be_asked_for(world: World, actions: list[str]) -> None:
    await refused(world, "actions_invalid", world.commands.define_role(OPERATOR, "editor", actions, ""))


ILL_FORMED = [
    Entity("", "x"),
    Entity("service", ""),
    Entity("service", "a\x00b"),
    Entity("service", "a" * 257),
    Entity("service", "𠀀" * 193),
]


@pytest.mark.parametrize("subject", ILL_FORMED, ids=lambda subject: ascii(str(subject))[:20])
async def test_what_is_not_well_formed_is_not_assigned(world: World, subject: Entity) -> None:
    await world.commands.define_role(OPERATOR, "editor", ["a"], "")
    await refused(world, "entity_invalid", world.commands.write(OPERATOR, [Assignment(str(subject), "editor")]))


names = st.sampled_from(["reader", "editor"])
places = st.sampled_from([None, "document/7", "document/8"])
steps = st.lists(st.tuples(st.booleans(), names, places, st.sampled_from([None, 10, 20])), max_size=12)


@given(steps)
def test_whatever_is_given_and_taken_the_projection_holds_what_the_log_says(
    steps: list[tuple[bool, str, str | None, int | None]],
) -> None:
    asyncio.run(_given_and_taken(steps))


async def _given_and_taken(steps: list[tuple[bool, str, str | None, int | None]]) -> None:
    world = World()
    for role in ("reader", "editor"):
        await world.commands.define_role(OPERATOR, role, ["a"], "")
    held: dict[tuple[str, str | None], int | None] = {}
    for give, role, place, life in steps:
        wanted = Assignment(str(BILLING), role, place, None if life is None else world.clock.time + life)
        if give:
            await world.commands.write(OPERATOR, [wanted])
            held[role, place] = wanted.expires_at
        elif (role, place) in held:
            await world.commands.write(OPERATOR, [], [wanted])
            del held[role, place]
    await world.settle()
    projected = {(one.role, one.resource): one.expires_at for one in assignments(world.memory, str(BILLING))}
    folded = await world.commands.log.fresh(FOLDS["assignment"], str(BILLING))
    assert (
        projected
        == held
        == {(one.role, one.resource): one.expires_at for one in folded.facts if isinstance(one, Assignment)}
    )


@pytest.mark.parametrize(
    "said",
    [
        Membership("user/alice", "staff"),
        Assignment("document/9", "editor"),
        Owner("document/9", "user/alice"),
        Share("document/9", "s1", "client/a", "user/alice", ("a",)),
    ],
)
async def test_nothing_is_given_to_what_can_have_nothing(world: World, said: Fact) -> None:
    await refused(world, "fact_invalid", world.commands.write(OPERATOR, [said]))


@pytest.mark.parametrize(
    "time", ["9999-12-31T23:59:59.999999-23:00", "0001-01-01T00:00:00Z", "2031-01-31T12:00:00", "soon", ""]
)
def test_an_end_is_a_time_that_can_be_spelled_in_utc(time: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read({"kind": "assignment", "holder": "client/a", "role": "editor", "expires_at": time})
    assert refusal.value.code == "fact_invalid"
