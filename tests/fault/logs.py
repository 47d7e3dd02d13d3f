"""What the logs of a running suite hold, read from outside and checked on the way."""

from collections.abc import Sequence
from typing import Any

import msgspec

from eventlog.events import Recorded
from eventlog.verify import Misfit, verify
from suite.databases import SERVICES
from suite.operator import operator
from suite.reading import read
from tests.harness.log import assert_sound
from tests.harness.running import Suite

Logs = dict[str, list[Recorded]]


async def read_logs(suite: Suite) -> Logs:
    """The three logs over EventLogService.Read: whole, chained, each command's events together and once."""
    async with operator(suite.place, suite.fleet.target) as peers:
        logs = {name: [row async for row in read(peers, name, 1)] for name in SERVICES}
    for rows in logs.values():
        assert rows
        assert_sound(rows)
    return logs


async def assert_verified(suite: Suite) -> None:
    """The chain fits in the databases themselves."""
    for name in SERVICES:
        async for outcome in verify((suite.place.secrets / f"{name}.dsn").read_text()):
            assert not isinstance(outcome, Misfit), (name, outcome)


def named(rows: Sequence[Recorded], *names: str) -> list[Recorded]:
    """The events of these names, such as `session.ended`."""
    return [row for row in rows if row.type.split(".", 2)[2].rpartition(".v")[0] in names]


def body(row: Recorded) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.json.decode(row.body)
    return said


def by_id(rows: Sequence[Recorded], field: str) -> dict[str, Recorded]:
    """The events by a field of their bodies. Fails where two have the same."""
    found = {body(row)[field]: row for row in rows}
    assert len(found) == len(rows), f"two events with one {field}"
    return found
