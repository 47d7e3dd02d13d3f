"""RULES 8, 9: keys rotate and are dropped while they are used, and nothing breaks but what has to.

No token is signed by a key that is not active where its event stands, and no key becomes active before it was
published; once a drop has been answered nothing verifies with that key.
"""

import pytest

from eventlog.log import Attempt, By
from services.token.commands.issue import Signing, answer, says
from services.token.domain.client import CLIENT
from services.token.domain.events import TokenIssued
from services.token.domain.keyring import KEYRING, REFRESH_RING
from services.token.domain.revocation import SUBJECT, TOKEN
from tests.races.depth import deeper, explore_all
from tests.races.explore import Broken, Make, Race, explore, replay
from tests.races.families import OTHER, OWN, a_family
from tests.races.rings import Given, Keys, Using, keys_at_once
from tests.races.stage import ES256, Original, in_memory
from tests.unit.token.world import SERVICE, claims_of, header_of

USES = [Keys.issue, Keys.read, Keys.verify, Keys.refresh]
CHANGES = [Keys.rotate, Keys.drop, Keys.drop_refresh]


def at_once(*uses: tuple[str, Using]) -> Make:
    """Uses of keys that every process knows as they are at first, and has verified a token with."""
    made: list[tuple[Original, Keys]] = []

    async def make() -> Race:
        if not made:
            made.append(await _original())
        original, known = made[0]
        keys = Keys(await original.copy(), known.family, known.old, known.derives)
        for process, _ in uses:
            assert await keys.verify(process, "before") == "good"
        return await keys_at_once(keys, *uses)

    return make


async def _original() -> tuple[Original, Keys]:
    stage = await in_memory(OWN, OTHER, SERVICE)
    family = await a_family(stage)
    log, head = stage.token().log, len(await stage.rows())
    old, derives = [(await log.fresh(KEYRING, ring)).active for ring in (ES256, REFRESH_RING)]
    assert old is not None
    assert derives is not None
    streams = [*family.streams, (CLIENT, SERVICE.id), (SUBJECT, SERVICE.id)]
    return Original(stage, streams, dict.fromkeys("abcd", head)), Keys(stage, family, old, derives)


def test_a_change_and_a_use_in_two_processes() -> None:
    races = [at_once(("a", change), ("b", use)) for change in CHANGES for use in USES]
    explore_all("keys, a change and a use in 2 processes", races)


def test_a_change_and_a_use_in_one_process() -> None:
    some = [(Keys.rotate, Keys.issue), (Keys.drop, Keys.issue)]
    more = [(change, use) for change in CHANGES for use in USES if use is not Keys.read]
    explore_all(
        "keys, a change and a use in 1 process", [at_once(("a", one), ("a", two)) for one, two in deeper(some, more)]
    )


def test_two_changes_in_two_processes() -> None:
    pairs = [(one, two) for one in CHANGES for two in CHANGES]
    explore_all("keys, 2 changes in 2 processes", [at_once(("a", one), ("b", two)) for one, two in pairs])


def test_two_changes_and_a_use_in_three_processes() -> None:
    some = [(Keys.rotate, Keys.drop, Keys.issue)]
    more = [(Keys.rotate, change, use) for change in CHANGES for use in USES]
    explore_all(
        "keys, 2 changes and a use in 3 processes",
        [at_once(*zip("abc", three, strict=True)) for three in deeper(some, more)],
    )


def test_a_change_and_two_uses_in_three_processes() -> None:
    some = [(Keys.rotate, Keys.issue, Keys.verify)]
    more = [(change, one, two) for change in CHANGES for one in USES for two in USES]
    explore_all(
        "keys, a change and 2 uses in 3 processes",
        [at_once(*zip("abc", three, strict=True)) for three in deeper(some, more)],
    )


async def issue(keys: Keys, process: str, by: str) -> Given:
    """A bug on purpose: it signs with the key that it saw to be active before it decided."""
    token = keys.stage.token(process)
    active = (await token.log.fresh(KEYRING, ES256)).active
    assert active is not None

    async def decide(attempt: Attempt) -> TokenIssued:
        issued = TokenIssued(**says(SERVICE, SERVICE.id, ["orders"], "", attempt.now))
        attempt.start(TOKEN, issued.token_id, issued)
        return issued

    outcome = await token.log.decide(By("test", by), decide)
    given = await answer(token, Signing(outcome.value, active, SERVICE), outcome.position, outcome.time)
    return Given(given.answer.access_token, header_of(given)["kid"], claims_of(given)["pos"])


@pytest.mark.parametrize("change", [Keys.rotate, Keys.drop])
def test_a_key_that_is_not_guarded_is_found(change: Using) -> None:
    broken = at_once(("a", change), ("b", issue))
    with pytest.raises(Broken) as found:
        explore(broken)
    with pytest.raises(Broken):
        replay(broken, found.value.schedule)
