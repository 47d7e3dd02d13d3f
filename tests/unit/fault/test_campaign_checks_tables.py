"""Every check of a campaign's tables fails where these are not what a replay makes."""

import msgspec

from eventlog.events import Recorded
from eventlog.projection import Projection, Put, foreign
from services.identity import projections as identity_projections
from services.policy import projections as policy_projections
from services.token import entitlements
from services.token import projections as token_projections
from services.token.domain.events import events
from services.token.projections import FAMILIES
from tests.fault.campaign.check import TableWatch
from tests.fault.campaign.suites import TABLES
from tests.unit.fault.story import START, Story


async def test_a_table_that_is_not_its_replay_is_seen() -> None:
    rows = Story().family().rows
    watch = TableWatch(FAMILIES)
    await watch.take(rows)
    ((kind, key), (belongs, value)) = next(iter(watch.rows.items()))
    whole = [Put(kind, key, value, belongs)]
    assert watch.differs(whole, START) == []
    assert watch.differs([], START)
    assert watch.differs([msgspec.structs.replace(whole[0], belongs="another")], START)
    assert watch.differs([msgspec.structs.replace(whole[0], value={"forget_at_us": value["forget_at_us"] + 1})], START)
    assert watch.differs([*whole, Put(kind, "another", value)], START)
    assert watch.differs([], value["forget_at_us"] + 1) == [], "what may be forgotten may be gone"


async def test_a_table_that_only_its_service_can_fill_is_compared_without_what_was_sealed() -> None:
    def fold(event: object, row: Recorded) -> list[Put]:
        return [Put("seen", "one", {"address": "", "at": 1})]

    watch = TableWatch(Projection("seen", "token", foreign(events), fold), frozenset({"address"}))
    await watch.take(Story().family().rows[:1])
    assert watch.differs([Put("seen", "one", {"address": "10.0.0.1", "at": 1})], START) == []
    assert watch.differs([Put("seen", "one", {"address": "10.0.0.1", "at": 2})], START)


def test_every_table_of_the_services_is_compared() -> None:
    found = {
        (module.__name__.split(".")[1], one.name)
        for module in (identity_projections, token_projections, entitlements, policy_projections)
        for one in vars(module).values()
        if isinstance(one, Projection)
    }
    assert {(service, one.name) for service, some in TABLES.items() for one in some} == found | {
        ("identity", "sessions")
    }
