"""What leaves the services is what docs/events says, to the field: after a run that does all that people and their
mistakes do.
"""

import asyncio

import pytest

from suite.databases import SERVICES
from suite.operator import operator
from suite.reading import read
from tests.harness.described import fits_body
from tests.harness.known_run import use_everything
from tests.harness.running import Running

SEEN = {
    "identity": {"account.registered", "credential.changed", "login.failed", "login.succeeded", "session.ended"},
    "token": {"refresh.rotated", "refresh.retried", "refresh.reuse_detected", "family.revoked", "key.published"},
    "policy": {"administrator.created", "role.defined"},
}
"""Some of what must have happened, so that nothing was looked at in vain."""


@pytest.fixture(scope="module")
def used(suite: Running) -> Running:
    asyncio.run(use_everything(suite))
    return suite


@pytest.mark.parametrize("name", SERVICES)
async def test_every_event_that_the_feed_gives_is_as_documented(used: Running, name: str) -> None:
    types = set()
    async with operator(used.place, used.fleet.target) as peers:
        async for row in read(peers, name, 1):
            fits_body(row.type, row.body)
            types.add(row.type)
    assert types >= {f"watchword.{name}.{event}.v1" for event in SEEN[name]}
