"""A decision rests on nothing that is known too long ago, or that hangs from a parked stream."""

import pytest

from services.policy.domain.entities import Entity
from services.policy.domain.facts import Assignment
from tests.unit.policy.editing import start, world
from tests.unit.policy.world import OPERATOR, World

__all__ = ["world"]


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
