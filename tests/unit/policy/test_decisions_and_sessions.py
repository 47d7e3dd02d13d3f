"""A decision for a session is as good as the session: ended, revoked, forgotten or another's, it denies."""

from chassis.trust import ClientRevoked, SessionRevoked, SubjectRevoked
from services.policy.domain.entities import Entity
from services.policy.domain.facts import Assignment
from services.policy.projections import (
    AccountDisabled,
    AccountEnabled,
    AccountRegistered,
    AccountSignedOut,
    CredentialChanged,
    SessionEnded,
    SessionStarted,
)
from tests.unit.policy.editing import start, world
from tests.unit.policy.world import ALICE, DAY, OPERATOR, World

__all__ = ["world"]


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


async def test_a_client_that_was_revoked_loses_the_tokens_it_had_and_no_newer_ones(world: World) -> None:
    shop = Entity("client", "shop")
    await world.commands.write(OPERATOR, [Assignment(str(shop), "editor")])
    await world.settle()
    position = world.at_token(ClientRevoked(client_id="shop"))
    assert world.code("document.read", shop, token_position=position - 1) == "session_revoked"
    assert world.code("document.read", shop, token_position=position + 1) == "allowed"


async def test_anothers_session_is_denied(world: World) -> None:
    world.at_identity(AccountRegistered(account_id="acc_bob"))
    world.at_identity(SessionStarted(session_id="ses_bob", account_id="acc_bob"))
    assert world.code("document.read", session_id="ses_bob") == "session_revoked"


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
