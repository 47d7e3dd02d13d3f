"""What a decision must never get wrong. Deny by default."""

import pytest

from services.policy.domain.actions import permits
from services.policy.domain.entities import Entity
from services.policy.domain.facts import Assignment
from services.policy.projections import AccountDisabled, AccountEnabled, AccountErased
from tests.unit.policy.editing import DOCUMENT, world
from tests.unit.policy.told import told
from tests.unit.policy.world import ALICE, OPERATOR, World

__all__ = ["world"]

ANOTHER = Entity("document", "8")


async def test_what_a_role_permits_is_allowed_and_names_the_assignment(world: World) -> None:
    assert world.code("document.read", resource=DOCUMENT) == "allowed"


async def test_what_no_role_permits_is_denied(world: World) -> None:
    assert world.code("document.delete", resource=DOCUMENT) == "no_matching_role"
    assert world.code("document.write", resource=DOCUMENT) == "no_matching_role"


@pytest.mark.parametrize(
    ("actions", "action", "expected"),
    [
        (["*"], "anything.at.all", True),
        (["a.b.*"], "a.b.c", True),
        (["a.b.*"], "a.b.c.d", True),
        (["a.b.*"], "a.b", False),
        (["a.b.*"], "a.bc", False),
        (["a.b"], "a.b.c", False),
        (["a.b"], "a", False),
        ([], "a", False),
    ],
)
def test_a_wildcard_holds_what_begins_with_its_prefix_and_nothing_else(
    actions: list[str], action: str, expected: bool
) -> None:
    assert permits(actions, action) is expected


class Compared(str):
    """A word that counts how often words are compared with it."""

    __slots__ = ()
    times = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return super().__eq__(other)


def test_an_action_of_many_words_is_not_compared_with_each_action_of_a_role_for_each_of_them() -> None:
    actions = [Compared(f"a.b{number}") for number in range(100)]
    assert not permits(actions, ".".join(["a"] * 64))
    assert Compared.times < 100


async def test_an_assignment_on_a_resource_permits_nothing_elsewhere(world: World) -> None:
    bob = Entity("service", "billing")
    await world.commands.write(OPERATOR, [Assignment(str(bob), "editor", str(DOCUMENT))])
    await world.settle()
    assert world.code("document.read", bob, DOCUMENT) == "allowed"
    assert world.code("document.read", bob, ANOTHER) == "no_matching_role"
    assert world.code("document.read", bob) == "no_matching_role"


async def test_an_assignment_ends_when_it_expires_without_anybody_cleaning_up(world: World) -> None:
    service = Entity("service", "billing")
    expires = world.clock.time + 10
    await world.commands.write(OPERATOR, [Assignment(str(service), "editor", None, expires)])
    await world.settle()
    assert world.code("document.read", service) == "allowed"
    world.clock.time = expires
    assert world.code("document.read", service) == "no_matching_role"


async def test_a_role_taken_back_permits_nothing(world: World) -> None:
    await world.commands.write(OPERATOR, [], [Assignment(str(ALICE), "editor")])
    await world.settle()
    assert world.code("document.read") == "no_matching_role"


async def test_a_role_defined_anew_permits_what_it_says_now(world: World) -> None:
    await world.commands.define_role(OPERATOR, "editor", ["document.delete"], "")
    await world.settle()
    assert world.code("document.delete") == "allowed"
    assert world.code("document.read") == "no_matching_role"


async def test_an_unknown_account_is_denied_even_with_a_role(world: World) -> None:
    world.at_identity(AccountErased(account_id=ALICE.id))
    assert world.code("document.read") == "subject_unknown"


async def test_a_group_that_is_not_there_is_denied_even_with_a_role(world: World) -> None:
    staff, group = Entity("group", "staff"), {"kind": "group", "id": "staff"}
    await world.say(group, {"kind": "assignment", "holder": "group/staff", "role": "editor"})
    assert world.code("document.read", staff) == "allowed"
    await told(world, [], [group])
    await world.settle()
    assert world.code("document.read", staff) == "subject_unknown"
    assert world.code("document.read", Entity("group", "never")) == "subject_unknown"
    world.policy.parked = frozenset({"group/staff"})
    assert world.code("document.read", staff) == "parked"


async def test_a_disabled_account_is_denied_until_it_is_enabled(world: World) -> None:
    world.at_identity(AccountDisabled(account_id=ALICE.id))
    assert world.code("document.read") == "subject_disabled"
    world.at_identity(AccountEnabled(account_id=ALICE.id))
    assert world.code("document.read") == "allowed"


@pytest.mark.parametrize(
    ("action", "how"),
    [
        ("", {}),
        ("*", {}),
        ("document.*", {}),
        ("a b", {}),
        ("a" * 129, {}),
        ("document.read", {"subject": Entity("", "")}),
        ("document.read", {"subject": Entity("Account", "acc_alice")}),
        ("document.read", {"subject": Entity("account", "a\nb")}),
        ("document.read", {"subject": Entity("account", "a" * 257)}),
        ("document.read", {"resource": Entity("document", "")}),
        ("document.read", {"session_id": ""}),
    ],
)
async def test_a_malformed_question_is_denied_and_says_so(world: World, action: str, how: dict[str, object]) -> None:
    assert world.code(action, **how) == "malformed"  # type: ignore[arg-type]


async def test_an_exception_denies(world: World) -> None:
    world.memory.accounts.get = None  # type: ignore[method-assign, assignment]
    assert world.code("document.read") == "failed"


async def test_without_the_logs_time_nothing_is_decided(world: World) -> None:
    world.clock.known = False
    assert world.code("document.read") == "stale"
