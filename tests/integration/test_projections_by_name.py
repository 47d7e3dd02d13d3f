"""Projections and reactions as an operator sees them: listed, rebuilt and retried by their names."""

import asyncpg
import pytest

from eventlog.errors import Refusal
from eventlog.projection import MemoryProjection, MemoryRows, ProjectionFeed, Projections
from tests.integration.projecting import Doing, at_home, reaction, stands_at, table
from tests.unit.projection.notes import NOTES, running, until, written
from watchword.log.v1 import log_pb2


class Anybody:
    """Lets in everybody."""

    async def __call__(self, context: object) -> None:
        return None


async def test_an_operator_sees_rebuilds_and_retries_by_name(pool: asyncpg.Pool) -> None:
    store, doing = await written("b:poison", "b:2"), Doing()
    one, other = table(pool, store), reaction(pool, store, doing)
    memory = MemoryProjection(NOTES, one.rows, at_home(store), MemoryRows(), "m")
    projections = Projections([memory], [one, other])
    service = ProjectionFeed(projections, Anybody())
    async with running(projections.run):
        assert await projections.wait("notes", 2, 10)
        await stands_at(other.rows, 2)
        await until(lambda: memory.ready)
        listed = (await service.ListProjections(None, None)).projections
        shown = {one.name: (one.applied, one.head, list(one.parked_streams)) for one in listed}
        assert shown == {
            "notes@memory": (2, 2, ["note/b"]),
            "notes": (2, 2, ["note/b"]),
            "reaction": (2, 2, []),
        }
        assert {one.name: one.parked_events for one in listed} == {"notes@memory": 1, "notes": 2, "reaction": 0}
        rebuilt = await service.RebuildProjection(log_pb2.RebuildProjectionRequest(name="notes"), None)
        assert rebuilt.applied == 2
        retried = await service.RetryParked(log_pb2.RetryParkedRequest(name="notes"), None)
        assert (retried.applied_events, retried.parked_events) == (0, 2)
        for name, code in (("nothing", "projection_unknown"), ("reaction", "not_rebuildable")):
            with pytest.raises(Refusal) as refusal:
                await service.RebuildProjection(log_pb2.RebuildProjectionRequest(name=name), None)
            assert refusal.value.code == code
    assert doing.done == [1, 2]
