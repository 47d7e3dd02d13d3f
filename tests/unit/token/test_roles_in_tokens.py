"""Roles and groups in tokens: what policy's log says, of which a client is told what it may see."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from eventlog.errors import Refusal
from eventlog.events import Event, Recorded, encode
from eventlog.projection import MemoryRows, Put
from services.token import entitlements as of_policy
from services.token.domain.client import Client
from services.token.domain.entitled import seen
from services.token.entitlements import Entitlements, fold_entitlements

ALICE = "acc_alice"
SEES_ALL = Client(id="shop", visible_roles=("*",), visible_groups=("*",))


@dataclass
class Policy:
    """Policy's log, folded, and the answers."""

    rows: MemoryRows = field(default_factory=MemoryRows)
    stale: bool = False
    time: int = 1_000
    position: int = 0

    async def groups(self, kind: str, belong: Sequence[str]) -> list[Put]:
        found = [self.rows.find(kind, key) for one in belong for key in self.rows.group(kind, one)]
        return [put for put in found if put is not None]

    def says(self, *said: Event) -> None:
        for event in said:
            self.position += 1
            for change in fold_entitlements(event, recorded(event, self.position)):
                self.rows.apply(change)

    async def told(self, client: Client = SEES_ALL, subject: str = ALICE) -> dict[str, list[str]]:
        return dict(await Entitlements(self, lambda: self.stale, lambda: self.time).claims(client, subject))


def recorded(event: Event, position: int) -> Recorded:
    return Recorded(
        position=position,
        stream="any",
        version=1,
        type=event.type,
        time=0,
        command_id="c",
        actor="a",
        correlation_id="",
        body=encode(event)[0],
    )


@pytest.fixture
def policy() -> Policy:
    """Alice is an editor by her group's group, and a cashier by herself."""
    policy = Policy()
    policy.says(
        of_policy.RoleDefined(role="shop.editor", inherits=["shop.viewer"]),
        of_policy.RoleDefined(role="shop.viewer"),
        of_policy.RoleDefined(role="cashier"),
        of_policy.MemberAdded(group="staff", member="account/acc_alice"),
        of_policy.MemberAdded(group="all", member="group/staff"),
        of_policy.RoleAssigned(role="shop.editor", subject_type="group", subject_id="all"),
        of_policy.RoleAssigned(role="cashier", subject_type="account", subject_id=ALICE),
    )
    return policy


async def test_a_token_tells_of_roles_by_groups_and_inheritance(policy: Policy) -> None:
    assert await policy.told() == {"roles": ["cashier", "shop.editor", "shop.viewer"], "groups": ["all", "staff"]}
    assert await policy.told(subject="acc_bob") == {}


async def test_a_client_is_told_what_it_may_see(policy: Policy) -> None:
    assert await policy.told(Client(id="shop", visible_roles=("shop.*",))) == {"roles": ["shop.editor", "shop.viewer"]}
    assert await policy.told(Client(id="shop", visible_groups=("staff",))) == {"groups": ["staff"]}
    assert await policy.told(Client(id="shop")) == {}


async def test_a_role_on_one_resource_is_none_elsewhere(policy: Policy) -> None:
    policy.says(
        of_policy.RoleAssigned(role="cashier", subject_type="account", subject_id="acc_bob", resource_type="till")
    )
    assert await policy.told(subject="acc_bob") == {}


async def test_what_was_taken_back_or_has_ended_is_not_told(policy: Policy) -> None:
    policy.says(of_policy.MemberRemoved(group="all", member="group/staff"))
    assert await policy.told() == {"roles": ["cashier"], "groups": ["staff"]}
    policy.says(of_policy.RoleAssigned(role="cashier", subject_type="account", subject_id=ALICE, expires_at=2_000))
    policy.says(of_policy.MemberAdded(group="staff", member="account/acc_alice", expires_at=2_000))
    assert await policy.told() == {"roles": ["cashier"], "groups": ["staff"]}
    policy.time = 2_000
    assert await policy.told() == {}
    policy.says(of_policy.RoleUnassigned(role="cashier", subject_type="account", subject_id=ALICE))
    assert await policy.told() == {}


async def test_roles_that_exclude_each_other_are_not_told(policy: Policy) -> None:
    policy.says(of_policy.ExclusionDefined(exclusion="money", roles=["cashier", "shop.viewer"]))
    assert (await policy.told())["roles"] == ["shop.editor"]
    policy.says(of_policy.ExclusionRemoved(exclusion="money"))
    assert len((await policy.told())["roles"]) == 3


async def test_a_client_has_roles_too(policy: Policy) -> None:
    policy.says(of_policy.RoleAssigned(role="cashier", subject_type="client", subject_id="billing"))
    assert await policy.told(subject="billing") == {"roles": ["cashier"]}


async def test_what_is_not_known_now_is_not_guessed(policy: Policy) -> None:
    policy.stale = True
    with pytest.raises(Refusal) as refusal:
        await policy.told()
    assert (refusal.value.code, refusal.value.kind.http) == ("roles_unknown", 503)
    assert await policy.told(Client(id="shop")) == {}


async def test_circles_end(policy: Policy) -> None:
    policy.says(of_policy.MemberAdded(group="staff", member="group/all"))
    policy.says(of_policy.RoleDefined(role="shop.viewer", inherits=["shop.editor"]))
    assert (await policy.told())["groups"] == ["all", "staff"]


@pytest.mark.parametrize(
    ("visible", "told"),
    [(["a.b"], ["a.b"]), (["a.*"], ["a.b", "a.c.d"]), (["a.c.*"], ["a.c.d"]), (["*"], ["a.b", "a.c.d", "x"]), ([], [])],
)
def test_a_pattern_shows_what_begins_so(visible: list[str], told: list[str]) -> None:
    assert seen(["x", "a.b", "a.c.d"], visible) == told
