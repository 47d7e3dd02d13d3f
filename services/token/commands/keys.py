"""Making and rotating keys (RULES 8, 9). What is made goes to the vault first, then into the log."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial

import structlog

from eventlog.errors import Kind, Refusal
from eventlog.log import Attempt, By
from services.token.adapters.signer import make_refresh_key, make_signing_key
from services.token.commands.revoke import revoke_family
from services.token.domain.errors import TooManyKeys
from services.token.domain.events import KeyPublished
from services.token.domain.keyring import (
    ALGORITHMS,
    KEYRING,
    REFRESH,
    REFRESH_RING,
    REFRESH_VERIFYING,
    ROTATE_AFTER,
    SIGNING,
    Key,
    Keyring,
    NewKey,
    drop,
    expired,
    rotate,
    signing_ring,
)
from services.token.ports import KeyVault, Token

FamiliesOf = Callable[[str], AsyncIterator[Sequence[str]]]
"""The families whose current refresh token a key derives, a page at a time."""
log = structlog.get_logger()

RINGS = (*(signing_ring(alg) for alg in ALGORITHMS), REFRESH_RING)


async def rotate_ring(token: Token, name: str, compromised: bool, by: By, only_if: Callable[[Keyring], bool]) -> int:
    """Rotates a ring if `only_if` still holds of it where the rotation stands.

    The position; 0 where nothing was done. Raises TooManyKeys.
    """
    made: list[NewKey] = [await _make(token.vault, name)]
    if name != REFRESH_RING and (await token.log.fresh(KEYRING, name)).active is None:
        made.append(await _make(token.vault, name))

    async def decide(attempt: Attempt) -> bool:
        ring = await attempt.read(KEYRING, name)
        if not only_if(ring):
            return False
        await attempt.write(KEYRING, name, *rotate(ring, made, compromised))
        return True

    try:
        outcome = await token.log.decide(by, decide)
    except TooManyKeys:
        await _unmake(token.vault, made)
        raise
    if not outcome.value:
        await _unmake(token.vault, made)
    return outcome.position


async def _unmake(vault: KeyVault, made: Sequence[NewKey]) -> None:
    for key in made:
        await vault.destroy(key.id, key.purpose)


async def _make(vault: KeyVault, ring: str) -> NewKey:
    return (
        await make_refresh_key(vault) if ring == REFRESH_RING else await make_signing_key(vault, ring.split("-", 1)[1])
    )


async def ensure_keys(token: Token, by: By) -> None:
    """Every ring has an active key; of two processes that start at once, one makes it."""
    for name in RINGS:
        if (await token.log.fresh(KEYRING, name)).active is None:
            await rotate_ring(token, name, False, by, lambda ring: ring.active is None)


async def rotate_by_command(token: Token, names: list[str], compromised: bool, families_of: FamiliesOf, by: By) -> int:
    """Rotates rings now. A compromised refresh key ends the families that it derives. The last position.

    Where not all of those can be named yet, they are ended by the clock: asked again, this would drop the new key.
    """
    position = 0
    for name in names:
        position = await rotate_ring(token, name, compromised, by, lambda ring: True)
    if compromised and REFRESH_RING in names:
        return max(position, await _end_families(token, families_of, by))
    return position


async def drop_by_command(token: Token, key_id: str, families_of: FamiliesOf, by: By) -> int:
    """Drops one key that is compromised, whether it is active or only verifies still. The last position.

    Families that a refresh key derives end as in `rotate_by_command`. Raises Refusal `unknown_key` where no key of that
    id verifies anything.
    """
    name = await _ring_of(token, key_id)
    made = await _make(token.vault, name)

    async def decide(attempt: Attempt) -> bool:
        events = drop(await attempt.read(KEYRING, name), key_id, made)
        if events:
            await attempt.write(KEYRING, name, *events)
        return any(isinstance(event, KeyPublished) for event in events)

    outcome = await token.log.decide(by, decide)
    if not outcome.value:
        await token.vault.destroy(made.id, made.purpose)
    # Where another's drop came first it lies below the head, and whoever waits for this one waits for that.
    position = outcome.position or (await token.log.store.head()).position
    return max(position, await _end_families(token, families_of, by) if name == REFRESH_RING else 0)


async def _ring_of(token: Token, key_id: str) -> str:
    for name in RINGS:
        key = (await token.log.fresh(KEYRING, name)).find(key_id)
        if key is not None and key.verifies:
            return name
    raise Refusal(Kind.INVALID, "unknown_key", "no key of that id signs or verifies: see `watchword keys list`")


async def _end_families(token: Token, families_of: FamiliesOf, by: By) -> int:
    try:
        return await end_families_of_dropped_keys(token, families_of, by)
    except Refusal as refusal:
        log.warning("families_end_later", reason=refusal.code)
        return 0


async def end_families_of_dropped_keys(token: Token, families_of: FamiliesOf, by: By) -> int:
    """Of every compromised refresh key, in case a command did not get so far. The last position; 0 where none was.

    Of a key that was dropped longer ago than a family lives, none is left.
    """
    position, oldest = 0, token.log.now() - REFRESH_VERIFYING
    for key in (await token.log.fresh(KEYRING, REFRESH_RING)).compromised(oldest):
        async for page in families_of(key.id):
            ends = (revoke_family(token, family_id, "refresh_key_compromised", by) for family_id in page)
            position = max([position, *await asyncio.gather(*ends)])
    return position


async def keep_rings(token: Token, by: By) -> None:
    """What happens to keys by the clock: rotation after 90 days, removal once nothing that they signed can be valid."""
    for name in RINGS:
        active = (await token.log.fresh(KEYRING, name)).active
        if active is not None and token.log.now() >= active.since + ROTATE_AFTER:
            await rotate_ring(token, name, False, by, partial(_still_active, active))
        await _remove_expired(token, name, by)


def _still_active(key: Key, ring: Keyring) -> bool:
    return ring.active is not None and ring.active.id == key.id


async def _remove_expired(token: Token, name: str, by: By) -> None:
    async def decide(attempt: Attempt) -> list[str]:
        events = expired(await attempt.read(KEYRING, name), attempt.now)
        if events:
            await attempt.write(KEYRING, name, *events)
        return [event.key_id for event in events]

    for key_id in (await token.log.decide(by, decide)).value:
        await token.vault.destroy(key_id, REFRESH if name == REFRESH_RING else SIGNING)


async def all_keys(token: Token) -> list[Key]:
    """Every key of every ring, as the log has it now."""
    return [key for name in RINGS for key in (await token.log.fresh(KEYRING, name)).keys]
