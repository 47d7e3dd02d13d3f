"""What tests/races explores in memory, sampled on PostgreSQL: two writers, random delays, a new seed each run."""

import os
import secrets
from collections.abc import Awaitable, Callable
from random import Random

import msgspec

from eventlog.store import Store
from services.token.domain.keyring import KEYRING, REFRESH_RING
from tests.harness.database import Database
from tests.races.at_random import Delays, on_postgresql, run_at_random
from tests.races.explore import Broken, Race
from tests.races.families import OTHER, OWN, Use, a_family, uses_at_once
from tests.races.purses import Doing, Earn, Look, Spend, Take, open_log, purses_at_once
from tests.races.revoking import Revoking, revoking_at_once
from tests.races.rings import Keys, keys_at_once
from tests.races.stage import ES256, Stage
from tests.unit.token.world import SERVICE

SEED = int(os.environ.get("WATCHWORD_SEED") or secrets.randbits(32))
SCHEDULES = int(os.environ.get("WATCHWORD_SCHEDULES") or 50)
CHANGES = [Keys.rotate, Keys.rotate, Keys.drop, Keys.drop_refresh]
USES = [Keys.issue, Keys.read, Keys.verify, Keys.refresh]
REVOCATIONS = [
    Revoking.revoke_session,
    Revoking.revoke_family,
    Revoking.revoke_subject,
    Revoking.revoke_before,
    Revoking.revoke_client,
]
GIVES = [Revoking.refresh, Revoking.login, Revoking.resume, Revoking.introspect_refresh, Revoking.introspect]

Sample = Callable[[Random, str], Awaitable[Race]]


async def sampled(delays: Delays, sample: Sample) -> None:
    """So many schedules, each from the seed and its number."""
    print(f"WATCHWORD_SEED={SEED}: {SCHEDULES} schedules")
    for number in range(SCHEDULES):
        chance = Random(f"{SEED}/{number}")
        race = await sample(chance, f"n{number}")
        try:
            await run_at_random(race, delays, chance)
        except Exception as why:
            raise Broken(why, f"WATCHWORD_SEED={SEED}, number {number}: {', '.join(race.operations)}") from why


def either(chance: Random) -> str:
    return chance.choice("ab")


async def test_appends(database: Database) -> None:
    async with on_postgresql(database) as (stage, delays):
        store = stage.token().log.store
        await sampled(delays, lambda chance, tag: _purses(stage, store, chance, tag))


async def _purses(stage: Stage, store: Store, chance: Random, tag: str) -> Race:
    logs = {name: open_log(one) for name, one in stage.stores.items()}
    kinds: list[Doing] = [Spend("one"), Spend("two"), Earn("one"), Earn("two", tag), Take(tag), Look("two")]
    return await purses_at_once(store, logs, [(either(chance), chance.choice(kinds)) for _ in range(4)])


async def test_refresh_families(database: Database) -> None:
    async with on_postgresql(database) as (stage, delays):
        await stage.make_keys()
        await stage.register(OWN, OTHER)

        async def sample(chance: Random, tag: str) -> Race:
            family = await a_family(stage, tag=tag)
            generations = chance.choices([3, 2, 4, 1], [6, 3, 3, 1], k=4)
            uses = [Use(either(chance), generation, chance.random() < 0.1) for generation in generations]
            return await uses_at_once(stage, family, *uses)

        await sampled(delays, sample)


async def test_key_rotations(database: Database) -> None:
    async with on_postgresql(database) as (stage, delays):
        await stage.make_keys()
        await stage.register(OWN, OTHER, SERVICE)

        async def sample(chance: Random, tag: str) -> Race:
            family = await a_family(stage, tag=tag)
            old, derives = [(await stage.token().log.fresh(KEYRING, ring)).active for ring in (ES256, REFRESH_RING)]
            assert old is not None
            assert derives is not None
            keys = Keys(stage, family, old, derives)
            assert [await keys.verify(process, tag) for process in "ab"] == ["good", "good"]
            uses = [chance.choice(CHANGES), chance.choice(CHANGES), chance.choice(USES), chance.choice(USES)]
            return await keys_at_once(keys, *((either(chance), use) for use in uses))

        await sampled(delays, sample)


async def test_revocations(database: Database) -> None:
    async with on_postgresql(database) as (stage, delays):
        await stage.make_keys()
        await stage.register(OTHER)

        async def sample(chance: Random, tag: str) -> Race:
            client = msgspec.structs.replace(OWN, id=f"own-{tag}")
            await stage.register(client)
            revoking = Revoking(stage, await a_family(stage, client, tag))
            uses = [chance.choice(REVOCATIONS), *chance.choices(GIVES, k=3)]
            return await revoking_at_once(revoking, *((either(chance), use) for use in uses))

        await sampled(delays, sample)
