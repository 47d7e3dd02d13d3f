"""What a decision must never get wrong. Deny by default."""

import pytest

from chassis.trust import SessionRevoked, SubjectRevoked
from services.policy.domain.actions import permits
from services.policy.domain.entities import Entity
from services.policy.domain.facts import Assignment
from services.policy.projections import (
    AccountDisabled,
    AccountEnabled,
    AccountErased,
    AccountRegistered,
    AccountSignedOut,
    CredentialChanged,
    SessionEnded,
    SessionStarted,
)
from tests.unit.policy.told import told
from tests.unit.policy.world import ALICE, DAY, OPERATOR, World

DOCUMENT = Entity("document", "7")
ANOTHER = Entity("document", "8")


@pytest.fixture
async def world() -> World:
    """Alice is an editor, everywhere."""
    world = World()
    world.at_identity(AccountRegistered(account_id=ALICE.id))
    await world.commands.define_role(OPERATOR, "editor", ["document.read", "document.write.*"], "")
    await world.commands.write(OPERATOR, [Assignment(str(ALICE), "editor")])
    await world.settle()
    return world


def start(world: World, session_id: str = "ses_1") -> int:
    return world.at_identity(SessionStarted(session_id=session_id, account_id=ALICE.id, seen=world.token.applied))


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


async def test_sessions_from_before_a_disable_stay_denied_after_it_is_lifted(world: World) -> None:
    start(world)
    world.at_identity(AccountDisabled(account_id=ALICE.id))
    world.at_identity(AccountEnabled(account_id=ALICE.id))
    assert world.code("document.read", session_id="ses_1") == "session_revoked"
    start(world, "ses_2")
    assert world.code("document.read", session_id="ses_2") == "allowed"


async def test_an_ended_session_is_denied(world: World) -> None:
    start(world)
    assert world.code("document.read", session_id="ses_1", token_position=9) == "allowed"
    world.at_identity(SessionEnded(session_id="ses_1"))
    assert world.code("document.read", session_id="ses_1", token_position=9) == "session_revoked"


async def test_a_session_that_was_revoked_at_token_is_denied(world: World) -> None:
    start(world)
    start(world, "ses_2")
    world.at_token(SessionRevoked(session_id="ses_1"))
    assert world.code("document.read", session_id="ses_1") == "session_revoked"
    assert world.code("document.read", session_id="ses_2") == "allowed"


async def test_a_session_that_is_not_known_is_denied_and_says_so(world: World) -> None:
    assert world.code("document.read", session_id="ses_none") == "session_unknown"
    assert world.code("document.read", session_id="ses_none", token_position=9) == "session_unknown"
    assert world.code("document.read", Entity("client", "shop"), session_id="ses_none") == "session_unknown"
    start(world, "ses_none")
    assert world.code("document.read", session_id="ses_none", token_position=9) == "allowed"


async def test_a_session_that_was_forgotten_is_not_known_and_denied(world: World) -> None:
    start(world)
    world.clock.time += 31 * DAY
    start(world, "ses_2")
    assert world.code("document.read", session_id="ses_1") == "session_unknown"


async def test_a_session_that_a_token_names_may_be_too_new_to_be_known_and_its_revocation_counts(world: World) -> None:
    assert world.code("document.read", session_id="ses_new", token_position=9, vouched=True) == "allowed"
    world.at_token(SessionRevoked(session_id="ses_new"))
    assert world.code("document.read", session_id="ses_new", token_position=9, vouched=True) == "session_revoked"


async def test_a_revoked_session_is_denied_before_identity_has_told_of_it(world: World) -> None:
    world.at_token(SessionRevoked(session_id="ses_new"))
    assert world.code("document.read", session_id="ses_new", token_position=5) == "session_revoked"


async def test_a_password_change_spares_the_session_that_made_it_and_those_that_come_after(world: World) -> None:
    start(world, "ses_old")
    start(world, "ses_spared")
    world.at_identity(CredentialChanged(account_id=ALICE.id, spared_session_id="ses_spared"))
    start(world, "ses_new")
    codes = [world.code("document.read", session_id=one) for one in ("ses_old", "ses_spared", "ses_new")]
    assert codes == ["session_revoked", "allowed", "allowed"]


async def test_signing_out_everywhere_ends_every_session(world: World) -> None:
    start(world)
    world.at_identity(AccountSignedOut(account_id=ALICE.id))
    assert world.code("document.read", session_id="ses_1") == "session_revoked"


async def test_a_subject_revoked_at_token_loses_older_sessions_and_tokens_and_no_newer_ones(world: World) -> None:
    start(world, "ses_old")
    position = world.at_token(SubjectRevoked(subject=ALICE.id))
    start(world, "ses_new")
    assert world.code("document.read", session_id="ses_old") == "session_revoked"
    assert world.code("document.read", token_position=position - 1) == "session_revoked"
    assert world.code("document.read", session_id="ses_new", token_position=position + 1) == "allowed"


async def test_a_revocation_asked_by_identity_ends_no_session_that_started_after_its_cause(world: World) -> None:
    cause = world.at_identity(CredentialChanged(account_id=ALICE.id))
    start(world, "ses_after")
    position = world.at_token(SubjectRevoked(subject=ALICE.id, before_session_position=cause))
    assert world.code("document.read", session_id="ses_after", token_position=position - 1) == "allowed"
    assert world.code("document.read", token_position=position - 1) == "session_revoked"


async def test_anothers_session_is_denied(world: World) -> None:
    world.at_identity(AccountRegistered(account_id="acc_bob"))
    world.at_identity(SessionStarted(session_id="ses_bob", account_id="acc_bob"))
    assert world.code("document.read", session_id="ses_bob") == "session_revoked"


@pytest.mark.parametrize("log", ["identity", "token", "policy"])
async def test_what_is_known_too_long_ago_is_not_relied_on(world: World, log: str) -> None:
    start(world)
    getattr(world, log).seconds = 5.01
    assert world.code("document.read", session_id="ses_1") == "stale"
    getattr(world, log).seconds = None
    assert world.code("document.read", session_id="ses_1") == "stale"


async def test_a_log_that_the_answer_does_not_rest_on_may_be_stale(world: World) -> None:
    service = Entity("service", "billing")
    await world.commands.write(OPERATOR, [Assignment(str(service), "editor")])
    await world.settle()
    world.token.seconds = None
    assert world.code("document.read") == "allowed"
    world.identity.seconds = None
    assert world.code("document.read", service) == "allowed"
    assert world.code("document.read", service, token_position=3) == "stale"


@pytest.mark.parametrize(
    ("log", "stream"),
    [
        ("identity", "account/acc_alice"),
        ("identity", "session/ses_1"),
        ("policy", "assignment/account/acc_alice"),
        ("policy", "role/editor"),
        ("token", "session/any"),
    ],
)
async def test_what_depends_on_a_parked_stream_is_denied(world: World, log: str, stream: str) -> None:
    start(world)
    getattr(world, log).parked = frozenset({stream})
    assert world.code("document.read", session_id="ses_1") == "parked"


@pytest.mark.parametrize(
    ("log", "stream"), [("identity", "account/acc_bob"), ("policy", "assignment/account/acc_bob"), ("policy", "role/x")]
)
async def test_what_does_not_depend_on_a_parked_stream_is_decided(world: World, log: str, stream: str) -> None:
    start(world)
    getattr(world, log).parked = frozenset({stream})
    assert world.code("document.read", session_id="ses_1") == "allowed"


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


async def test_an_ended_session_is_remembered_for_as_long_as_one_may_live_and_then_forgotten(world: World) -> None:
    start(world)
    world.at_identity(SessionEnded(session_id="ses_1"))
    world.at_token(SessionRevoked(session_id="ses_1"))
    world.clock.time += 30 * DAY
    start(world, "ses_2")
    world.at_token(SessionRevoked(session_id="ses_3"))
    assert world.memory.session("ses_1") is not None
    assert world.memory.session_revoked("ses_1")
    world.clock.time += DAY
    start(world, "ses_4")
    world.at_token(SessionRevoked(session_id="ses_5"))
    assert world.memory.session("ses_1") is None
    assert not world.memory.session_revoked("ses_1")
