"""A change of roles that is to hold at once: the tokens of those whom it concerns end, on an administrator's word."""

from dataclasses import replace

import msgspec

from eventlog.events import Event
from services.token import entitlements as of_policy
from services.token.commands.issue import client_credentials
from services.token.domain.client import CLIENT
from services.token.entitlements import AccessRecalled, Entitlements
from services.token.reactions import revoke_what_policy_recalled
from tests.unit.token.test_roles_in_tokens import Policy, recorded
from tests.unit.token.world import ALICE, IDENTITY, SERVICE, World, claims_of, refresh_of, refused
from watchword.errors import TokenRefused


async def recalled(world: World, *subjects: str) -> None:
    """The reaction, twice: once in each process."""
    event: Event = AccessRecalled(subjects=list(subjects))
    for process in (world.a, world.b):
        await revoke_what_policy_recalled(process.token)(event, recorded(event, 7))


async def active(world: World, access_token: str) -> bool:
    try:
        await world.b.verified(access_token)
    except TokenRefused:
        return False
    return True


async def test_tokens_and_sessions_of_whom_it_concerns_end_and_a_new_login_works() -> None:
    world = await World.made()
    before, others = await world.login(), await world.login(subject="acc_bob")
    await recalled(world, ALICE)
    assert not await active(world, before.answer.access_token)
    assert await active(world, others.answer.access_token)
    await refused(world, refresh_of(before))
    assert await active(world, (await world.login()).answer.access_token)


async def test_twice_is_once() -> None:
    world = await World.made()
    head = world.head
    await recalled(world, ALICE)
    assert world.said(head) == ["subject.revoked"]


async def test_a_client_that_is_gone_holds_nothing_and_parks_nothing() -> None:
    world = await World.made()
    head = world.head
    await recalled(world, "gone", "service")
    assert world.said(head) == ["subject.revoked"]


async def test_a_token_says_what_its_client_may_see() -> None:
    world = await World.made(msgspec.structs.replace(SERVICE, id="shop", visible_roles=("shop.*",)))
    policy = Policy()
    policy.says(of_policy.RoleAssigned(role="shop.editor", subject_type="client", subject_id="shop"))
    entitled = Entitlements(policy, lambda: policy.stale, world.clock.now)
    token = replace(world.a.token, entitled=entitled)
    for client, said in (("shop", ["shop.editor"]), ("service", None)):
        proven = await token.log.fresh(CLIENT, client)
        given = await client_credentials(token, proven, None, [], IDENTITY)
        assert claims_of(given).get("roles") == said
        assert (await world.a.verified(given.answer.access_token)).sub == client
