"""RULES 7: a revocation wins over whatever is in flight, in both processes; nothing above it is ended."""

import pytest

from eventlog.log import Attempt, By
from services.token.commands.issue import Answered, Signing, answer, says
from services.token.domain.events import RefreshRotated
from services.token.domain.family import FAMILY
from services.token.domain.keyring import KEYRING, REFRESH_RING
from services.token.domain.revocation import SESSION
from tests.races.depth import deeper, explore_all
from tests.races.explore import Broken, Make, Race, explore, replay
from tests.races.families import OTHER, OWN, Family, a_family
from tests.races.revoking import REFUSED, Revoking, Using, revoking_at_once
from tests.races.stage import ES256, Original, in_memory

REVOCATIONS = [
    Revoking.revoke_session,
    Revoking.revoke_family,
    Revoking.revoke_subject,
    Revoking.revoke_before,
    Revoking.revoke_client,
]
USES = [
    Revoking.refresh,
    Revoking.login,
    Revoking.resume,
    Revoking.introspect,
    Revoking.introspect_refresh,
]


def at_once(*uses: tuple[str, Using]) -> Make:
    """Uses of a family that every process knows as it is at first, and has verified the access token of."""
    made: list[tuple[Original, Family]] = []

    async def make() -> Race:
        if not made:
            stage = await in_memory(OWN, OTHER)
            family = await a_family(stage)
            made.append((Original(stage, family.streams, dict.fromkeys("abcd", len(await stage.rows()))), family))
        original, family = made[0]
        revoking = Revoking(await original.copy(), family)
        for process, _ in uses:
            assert await revoking.introspect(process, "before") == "active"
        return await revoking_at_once(revoking, *uses)

    return make


def within(processes: str, *uses: Using) -> Make:
    return at_once(*zip(processes, uses, strict=True))


PAIRS = [(revoke, use) for revoke in REVOCATIONS for use in USES]


def test_a_revocation_and_a_use_in_two_processes() -> None:
    explore_all("revocation, 1 and a use in 2 processes", [within("ab", *pair) for pair in PAIRS])


def test_a_revocation_and_a_use_in_one_process() -> None:
    some = [(revoke, Revoking.refresh) for revoke in REVOCATIONS]
    explore_all("revocation, 1 and a use in 1 process", [within("aa", *pair) for pair in deeper(some, PAIRS)])


def test_two_revocations_and_a_use_in_three_processes() -> None:
    some = [(Revoking.revoke_session, Revoking.revoke_session, Revoking.refresh)]
    more = [(one, two, use) for one in REVOCATIONS for two in REVOCATIONS for use in USES]
    races = [within("abc", *three) for three in deeper(some, more)]
    explore_all("revocation, 2 and a use in 3 processes", races)


def test_a_revocation_and_two_uses_in_three_processes() -> None:
    some = [(Revoking.revoke_subject, Revoking.refresh, Revoking.login)]
    more = [(one, use, Revoking.refresh) for one in REVOCATIONS for use in USES]
    races = [within("abc", *three) for three in deeper(some, more)]
    explore_all("revocation, 1 and 2 uses in 3 processes", races)


def test_what_a_process_applies_holds_from_then_on() -> None:
    races = [within("abb", revoke, Revoking.follow, Revoking.introspect) for revoke in REVOCATIONS]
    explore_all("revocation, 1 that is applied in another process, and a use", races)


def test_a_revocation_and_three_uses_in_four_processes() -> None:
    more = [(Revoking.revoke_session, Revoking.refresh, Revoking.resume, Revoking.introspect_refresh)]
    races = [within("abcd", *four) for four in deeper([], more)]
    explore_all("revocation, 1 and 3 uses in 4 processes", races)


async def refresh(revoking: Revoking, process: str, by: str) -> Answered | str:
    """A bug on purpose: it looks whether the session lives, and then forgets that it has."""
    token, family = revoking.stage.token(process), revoking.family
    if (await token.log.fresh(SESSION, family.session_id)).revoked_at:
        return REFUSED

    async def decide(attempt: Attempt) -> Signing:
        known = await attempt.read(FAMILY, family.id)
        key, derives = [(await attempt.read(KEYRING, ring)).active for ring in (ES256, REFRESH_RING)]
        assert key is not None
        assert derives is not None
        said = says(family.client, family.subject, ["suite"], known.scope, attempt.now)
        said |= {"session_id": family.session_id, "family_id": family.id, "generation": known.generation + 1}
        rotated = RefreshRotated(**said, refresh_key=derives.id)
        await attempt.write(FAMILY, family.id, rotated)
        return Signing(rotated, key, family.client, known, known.generation + 1, derives.id)

    outcome = await token.log.decide(By("test", by), decide)
    return await answer(token, outcome.value, outcome.position, outcome.time)


@pytest.mark.parametrize("processes", ["ab", "aa"])
def test_a_session_that_is_not_guarded_is_found(processes: str) -> None:
    broken = within(processes, Revoking.revoke_session, refresh)
    with pytest.raises(Broken) as found:
        explore(broken)
    with pytest.raises(Broken):
        replay(broken, found.value.schedule)
