"""Why: the chains of facts and the policies that made a decision; for a denial, what is missing."""

import pytest

from services.policy.domain.decision import grounds
from services.policy.domain.entities import Entity, Question
from services.policy.domain.explained import steps
from services.policy.projections import AccountDisabled, SessionStarted
from tests.unit.policy.world import World

ALICE, BOB = "account/acc_alice", "account/acc_bob"
SCHEMA = """
entity document in [folder];
entity folder in [folder];
action "document.*" in ["*"];
action "document.read", "document.sign" in ["document.*"]
appliesTo { principal: [account], resource: [document], context: Asked };
"""
POLICIES = """
@id("sign-with-second-factor")
forbid (principal, action == Action::"document.sign", resource)
unless { context has acr && context.acr == "urn:watchword:acr:mfa" };
@id("not-at-weekends")
forbid (principal, action == Action::"document.read", resource in folder::"closed");
"""


@pytest.fixture
async def world() -> World:
    world = World(policies=POLICIES, schema=SCHEMA)
    world.meet("acc_alice", "acc_bob")
    await world.say({"kind": "role", "name": "viewer", "actions": ["document.read"]}, {"kind": "group", "id": "staff"})
    await world.say({"kind": "role", "name": "editor", "actions": ["document.sign"], "inherits": ["viewer"]})
    await world.say({"kind": "membership", "member": ALICE, "group": "staff"})
    await world.say({"kind": "assignment", "holder": "group/staff", "role": "editor", "resource": "folder/7"})
    await world.say({"kind": "parent", "resource": "document/9", "parent": "folder/7"})
    return world


async def why(world: World, subject: str, action: str, resource: str, **how: str) -> tuple[str, list[str]]:
    """The code, and the sentences of what is missing."""
    question = Question(Entity.of(subject), action, Entity.of(resource), **how)  # type: ignore[arg-type]
    decision, missing, _ = await world.decisions.explained(question)
    return decision.code, list(missing)


async def test_a_chain_leads_from_the_subject_to_the_resource(world: World) -> None:
    question = Question(Entity.of(ALICE), "document.read", Entity.of("document/9"))
    decision, missing, rules = await world.decisions.explained(question)
    assert decision.case is not None
    assert [steps(decision.case, one) for one in grounds(decision)] == [
        ["account/acc_alice ∈ group/staff", "editor", "inherits viewer", "on folder/7", "contains document/9"]
    ]
    assert (decision.policies, missing) == (("role",), ())
    assert "context.roles" in rules.explain("role")


@pytest.mark.parametrize(
    ("subject", "action", "resource", "code", "said"),
    [
        (BOB, "document.read", "document/9", "no_matching_role", "may document.read here"),
        (ALICE, "document.burn", "document/9", "no_matching_role", "among what editor, held by group/staff, allows"),
        (ALICE, "document.read", "document/8", "no_matching_role", "holds on folder/7, on document/8"),
        ("account/acc_x", "document.read", "document/9", "subject_unknown", "an account that identity has"),
    ],
)
async def test_a_denial_says_what_comes_close(
    world: World, subject: str, action: str, resource: str, code: str, said: str
) -> None:
    found, missing = await why(world, subject, action, resource)
    assert found == code
    assert any(said in sentence for sentence in missing), missing


async def test_what_a_better_login_would_lift_says_so(world: World) -> None:
    code, missing = await why(world, ALICE, "document.sign", "document/9")
    assert (code, missing) == ("insufficient_acr", ["a login with acr urn:watchword:acr:mfa"])
    code, missing = await why(world, BOB, "document.sign", "document/9")
    assert code == "forbidden_by_policy"


async def test_a_login_is_judged_by_the_session_whatever_a_request_says(world: World) -> None:
    for session_id, acr in (("ses_1", "urn:watchword:acr:password"), ("ses_2", "urn:watchword:acr:mfa")):
        world.at_identity(
            SessionStarted(session_id=session_id, account_id="acc_alice", seen=0, acr=acr, amr=("pwd",), auth_time=1)
        )
    assert world.may(ALICE, "document.sign", "document/9", session_id="ses_1") == "insufficient_acr"
    assert world.may(ALICE, "document.sign", "document/9", session_id="ses_1", acr="urn:watchword:acr:mfa") == (
        "insufficient_acr"
    )
    assert world.may(ALICE, "document.sign", "document/9", session_id="ses_2") == "allowed"


async def test_a_policy_that_forbids_is_named(world: World) -> None:
    await world.say({"kind": "parent", "resource": "folder/7", "parent": "folder/closed"})
    code, missing = await why(world, ALICE, "document.read", "document/9")
    assert (code, missing) == ("forbidden_by_policy", ["that the policy not-at-weekends does not forbid it"])


async def test_labels_say_how_far_apart_they_are(world: World) -> None:
    await world.say({"kind": "label", "of": "folder/7", "level": 3, "categories": ["law"]})
    code, missing = await why(world, ALICE, "document.read", "document/9")
    assert code == "label_forbids"
    assert missing == [
        "to read, the subject at level 3 or above; it is at 0",
        "to read, the subject in the categories law",
    ]


async def test_shares_that_no_longer_give_it_say_why(world: World) -> None:
    await world.say({"kind": "owner", "resource": "document/9", "owner": ALICE})
    first = {"kind": "share", "id": "s1", "resource": "document/9", "by": ALICE, "to": ALICE, "pass_on": True}
    await world.say(first | {"actions": ["document.read"]})
    await world.say(first | {"id": "s2", "to": BOB, "actions": ["document.read"], "under": "s1"})
    _, missing = await why(world, BOB, "document.burn", "document/9")
    assert "document.burn among what share s2 on document/9 gives" in missing
    await world.say(first | {"pass_on": False, "actions": ["document.read"]})
    _, missing = await why(world, BOB, "document.read", "document/9")
    assert "share s2 on document/9, whose ground is gone: it may not be passed on any more" in missing
    assert "being, or being in, account/acc_alice, who owns document/9" in missing


async def test_who_may_not_act_at_all_is_told_only_that(world: World) -> None:
    world.at_identity(AccountDisabled(account_id="acc_alice"))
    assert await why(world, ALICE, "document.read", "document/9") == (
        "subject_disabled",
        ["an account that is not disabled"],
    )
