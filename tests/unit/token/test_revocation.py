"""RULES 7: a revocation is ordered by position, wins over what is in flight, and ends all below what it names."""

from typing import Any

import msgspec
import pytest

from eventlog.errors import Refusal
from eventlog.store import Appended, Command, MemoryStore
from services.token.commands.issue import Answered, client_credentials, start_family
from services.token.commands.revoke import (
    revoke_client,
    revoke_family,
    revoke_session,
    revoke_sessions_before,
    revoke_subject,
    revoke_token,
)
from services.token.commands.standing import Overtaken
from services.token.domain.errors import InvalidGrant, SessionOver, Unknown
from services.token.domain.revocation import Before
from tests.unit.token.world import ALICE, APP, IDENTITY, SERVICE, World, claims_of, refresh_of
from watchword.errors import TokenRefused

OTHER = msgspec.structs.replace(APP, id="other")


@pytest.fixture
async def world() -> World:
    return await World.made(OTHER)


async def works(world: World, answered: Answered, client: Any = APP) -> None:
    """Accepted by both processes, and refreshed."""
    for process in (world.a, world.b):
        await process.verified(answered.answer.access_token)
    await world.refresh(refresh_of(answered), client=client)


async def is_over(world: World, answered: Answered, named: str, client: Any = APP) -> None:
    """Refused by both processes as soon as they have applied it, refreshed by neither."""
    for process in (world.a, world.b):
        with pytest.raises(TokenRefused, match=named):
            await process.verified(answered.answer.access_token)
        with pytest.raises(InvalidGrant):
            await world.refresh(refresh_of(answered), process, client)


async def asked_by_identity(world: World, position: int, spared: str | None = None) -> int:
    """What identity asks for of Alice's sessions below a position of its log."""
    return await revoke_sessions_before(world.a.token, ALICE, Before(position, spared, 0), "disabled", IDENTITY)


async def test_every_token_says_the_position_of_the_last_event_of_its_command(world: World) -> None:
    started = await world.login()
    assert claims_of(started)["pos"] == world.head == started.position
    assert world.said()[-2:] == ["family.started", "token.issued"]
    credentials = await client_credentials(world.a.token, await world.known(SERVICE), None, [], IDENTITY)
    assert claims_of(credentials)["pos"] == world.head
    assert world.said()[-1] == "token.issued"


async def test_the_issuing_event_holds_what_the_token_says(world: World) -> None:
    started = await world.login()
    issued, claims = world.events()[-1][1], claims_of(started)
    assert msgspec.structs.asdict(issued) == {
        "jkt": None,
        "x5t": None,
        "may_act": None,
        "token_id": claims["jti"],
        "client_id": claims["client_id"],
        "subject": claims["sub"],
        "audience": [claims["aud"]],
        "scope": claims["scope"],
        "expires_at": claims["exp"] * 1_000_000,
        "session_id": claims["sid"],
        "family_id": claims["fam"],
    }


async def test_a_revoked_session_ends_with_all_that_hangs_from_it(world: World) -> None:
    one, another = await world.login(session_id="ses_x"), await world.login()
    same_session = await world.login(session_id="ses_x", client_id="other")
    await revoke_session(world.b.token, "ses_x", "logout", IDENTITY)
    await is_over(world, one, "session")
    await is_over(world, same_session, "session", OTHER)
    await works(world, another)
    with pytest.raises(SessionOver):
        await start_family(world.a.token, world.session(session_id="ses_x"), IDENTITY)


async def test_a_revoked_family_leaves_the_sessions_others(world: World) -> None:
    one, another = await world.login(session_id="ses_x"), await world.login(session_id="ses_x")
    await revoke_family(world.b.token, claims_of(one)["fam"], "test", IDENTITY)
    await is_over(world, one, "family")
    await works(world, another)


async def test_a_revoked_token_leaves_its_family(world: World) -> None:
    started = await world.login()
    claims = claims_of(started)
    await revoke_token(world.b.token, claims["jti"], claims["sub"], claims["client_id"], "test", IDENTITY)
    with pytest.raises(TokenRefused, match="token has been revoked"):
        await world.a.verified(started.answer.access_token)
    await world.a.verified((await world.refresh(refresh_of(started))).answer.access_token)


async def test_a_revoked_client_ends_what_it_holds_and_nothing_that_it_is_given_afterwards(world: World) -> None:
    started, others = await world.login(), await world.login(client_id="other")
    await revoke_client(world.b.token, "app", "test", IDENTITY)
    await is_over(world, started, "client")
    await works(world, others, OTHER)
    await works(world, await world.login())


async def test_a_revoked_client_ends_its_own_credentials_and_may_ask_for_new_ones(world: World) -> None:
    before = await client_credentials(world.a.token, await world.known(SERVICE), None, [], IDENTITY)
    await revoke_client(world.b.token, "service", "test", IDENTITY)
    with pytest.raises(TokenRefused, match="client"):
        await world.a.verified(before.answer.access_token)
    after = await client_credentials(world.a.token, await world.known(SERVICE), None, [], IDENTITY)
    await world.a.verified(after.answer.access_token)


async def test_a_revoked_subject_ends_everything_of_it_and_a_login_in_the_same_second_works(world: World) -> None:
    sessions = [await world.login(), await world.login(client_id="other")]
    bob = await world.login(subject="acc_bob")
    await revoke_subject(world.b.token, ALICE, "test", IDENTITY)
    again = await world.login()
    assert claims_of(again)["iat"] == claims_of(sessions[0])["iat"]
    await is_over(world, sessions[0], "subject")
    await is_over(world, sessions[1], "subject", OTHER)
    await works(world, again)
    await works(world, bob)


async def test_a_session_that_had_not_seen_the_revocation_is_overtaken_and_one_that_had_is_not(world: World) -> None:
    delayed = world.session()
    at = await revoke_subject(world.b.token, ALICE, "test", IDENTITY)
    before = world.head
    assert await start_family(world.a.token, delayed, IDENTITY) == Overtaken(at)
    assert world.head == before
    assert isinstance(await start_family(world.a.token, world.session(seen=at), IDENTITY), Answered)


async def test_a_login_overtaken_by_what_identity_ended_gives_no_token(world: World) -> None:
    delayed = world.session(session_position=50)
    await asked_by_identity(world, 51)
    before = world.head
    for process in (world.a, world.b):
        with pytest.raises(SessionOver):
            await start_family(process.token, delayed, IDENTITY)
    assert world.head == before


async def test_identity_ends_sessions_below_its_position_and_none_above(world: World) -> None:
    below, at, above = [await world.login(session_position=position) for position in (49, 50, 51)]
    await asked_by_identity(world, 50)
    await is_over(world, below, "subject")
    await works(world, at)
    await works(world, above)


async def test_identity_may_spare_one_session(world: World) -> None:
    spared = await world.login(session_id="ses_spared", session_position=10)
    other = await world.login(session_position=10)
    await asked_by_identity(world, 50, "ses_spared")
    await works(world, spared)
    await is_over(world, other, "subject")
    await works(world, await world.login(session_id="ses_spared", session_position=10))


async def test_what_is_spared_once_is_not_spared_for_ever(world: World) -> None:
    spared = await world.login(session_id="ses_spared", session_position=10)
    await asked_by_identity(world, 50, "ses_spared")
    await asked_by_identity(world, 60, "ses_other")
    await is_over(world, spared, "subject")


async def test_a_later_position_does_not_bring_back_what_an_earlier_one_ended(world: World) -> None:
    ended = await world.login(session_id="ses_ended", session_position=10)
    await asked_by_identity(world, 50)
    await asked_by_identity(world, 60, "ses_ended")
    await is_over(world, ended, "subject")
    await asked_by_identity(world, 20)
    await is_over(world, ended, "subject")


async def test_what_identity_asks_does_not_end_tokens_of_the_subject_above_either_position(world: World) -> None:
    await asked_by_identity(world, 50)
    again = await world.login(session_position=51, seen=0)
    await works(world, again)


async def test_positions_of_the_two_logs_are_never_compared(world: World) -> None:
    high_at_identity = await world.login(session_position=10**9)
    await revoke_subject(world.a.token, ALICE, "test", IDENTITY)
    await is_over(world, high_at_identity, "subject")
    low_at_identity = await world.login(session_position=1)
    await works(world, low_at_identity)


@pytest.mark.parametrize("what", ["session", "family", "before"])
async def test_revoking_twice_is_once_and_answers_the_same_position(world: World, what: str) -> None:
    family = claims_of(await world.login(session_id="ses_x"))["fam"]

    async def revoke(process: Any) -> int:
        if what == "session":
            return await revoke_session(process.token, "ses_x", "test", IDENTITY)
        if what == "family":
            return await revoke_family(process.token, family, "test", IDENTITY)
        return await revoke_sessions_before(process.token, ALICE, Before(50, None, 0), "test", IDENTITY)

    before = world.head
    assert await revoke(world.a) == await revoke(world.b) == await revoke(world.a) == before + 1 == world.head


async def test_an_earlier_or_sparing_request_is_covered_by_a_wider_one(world: World) -> None:
    at = await asked_by_identity(world, 50)
    for position, spared in ((50, "ses_x"), (40, None), (50, None)):
        assert await asked_by_identity(world, position, spared) == at
    assert await asked_by_identity(world, 51, "ses_x") == at + 1
    assert await asked_by_identity(world, 51) == at + 2


async def test_a_session_that_token_has_never_heard_of_can_be_revoked_before_its_family_comes(world: World) -> None:
    await revoke_session(world.b.token, "ses_late", "logout", IDENTITY)
    with pytest.raises(SessionOver):
        await start_family(world.a.token, world.session(session_id="ses_late"), IDENTITY)


@pytest.mark.parametrize("revoke", [revoke_family, revoke_client])
async def test_what_does_not_exist_cannot_be_revoked(world: World, revoke: Any) -> None:
    before = world.head
    with pytest.raises(Unknown):
        await revoke(world.a.token, "nobody", "test", IDENTITY)
    assert world.head == before


async def test_only_a_client_marked_for_direct_login_gets_a_family(world: World) -> None:
    await world.register(msgspec.structs.replace(APP, id="plain", direct_login=False))
    for client_id in ("plain", "service", "nobody"):
        with pytest.raises(Refusal) as refusal:
            await start_family(world.a.token, world.session(client_id=client_id), IDENTITY)
        assert refusal.value.code == "unauthorized_client"


async def test_the_actor_of_a_revocation_is_in_the_log(world: World) -> None:
    await revoke_subject(world.a.token, ALICE, "left the company", IDENTITY)
    row, event = world.events()[-1]
    assert (row.actor, row.correlation_id, row.stream) == (IDENTITY.actor, "test", f"subject/{ALICE}")
    assert getattr(event, "reason", None) == "left the company"


class Recording(MemoryStore):
    """A store that remembers what it was sent."""

    sent: list[Command]

    async def append(self, command: Command) -> Appended:
        """See Store.append."""
        self.sent = [*getattr(self, "sent", []), command]
        return await MemoryStore.append(self, command)


async def test_every_issue_names_its_family_session_subject_client_and_keys_as_written_or_as_guards() -> None:
    store = Recording()
    world = World(store=store)
    await world.make(SERVICE, APP)
    started = await world.login(session_id="ses_x")
    await world.refresh(refresh_of(started))
    await world.refresh(refresh_of(started))
    await client_credentials(world.a.token, await world.known(SERVICE), None, [], IDENTITY)
    *_, start, rotate, retry, credentials = store.sent
    family, rings = f"family/{claims_of(started)['fam']}", {"keyring/signing-ES256", "keyring/refresh"}
    above = {family, "session/ses_x", f"subject/{ALICE}", "client/app", *rings}
    for command in (start, rotate, retry):
        assert named(command) - {command.writes[0].stream} == above - {command.writes[0].stream}
    assert named(credentials) >= {"subject/service", "client/service", "keyring/signing-ES256"}
    assert [command.writes[0].stream for command in (start, rotate)] == [family, family]
    assert all(len(command.writes) == 1 for command in (start, rotate, retry, credentials))


def named(command: Command) -> set[str]:
    return {write.stream for write in command.writes} | {guard.stream for guard in command.guards}


async def test_a_username_is_no_subject_and_comes_into_no_event(world: World) -> None:
    before = await world.a.token.log.store.head()
    with pytest.raises(Unknown):
        await revoke_subject(world.a.token, "alice", "left", IDENTITY)
    with pytest.raises(Unknown):
        await revoke_session(world.a.token, "alice", "left", IDENTITY)
    assert (await world.a.token.log.store.head()).position == before.position
