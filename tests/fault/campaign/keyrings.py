"""What must hold of token's keys: in the log, in the vault, and between the two."""

from collections import Counter

from cryptography.hazmat.primitives.serialization import load_der_private_key

from eventlog.postgres.rows import recorded
from eventlog.sealing import Wrapping
from services.token.domain.events import events
from services.token.domain.keyring import KEYRING, REFRESH, REFRESH_RING, SIGNING, Keyring
from tests.fault.campaign.life import RINGS
from tests.fault.campaign.observer import Observer


async def keys_fit(observer: Observer) -> list[str]:
    """Each ring has one key that is active, a signing ring one ahead of it, and what verifies lies in the vault."""
    wrapping, wrong = Wrapping(bytes(32)), []
    stored = {row["key_id"]: row["wrapped"] for row in await observer.pool.fetch("SELECT key_id, wrapped FROM keys")}
    for name in RINGS:
        ring = await _ring(observer, name)
        states = Counter(key.state for key in ring.keys)
        if states["active"] != 1 or states["published"] != (name != REFRESH_RING):
            wrong.append(f"{name} is {dict(states)}")
        for key in ring.keys:
            purpose = REFRESH if name == REFRESH_RING else SIGNING
            at = f"{purpose}/{key.id}"
            if key.verifies and at not in stored:
                wrong.append(f"{at} verifies, and is not in the vault")
            elif key.verifies and purpose == SIGNING:
                load_der_private_key(wrapping.unwrap(at, stored[at]), None)
    return wrong


async def _ring(observer: Observer, name: str) -> Keyring:
    rows = await observer.pool.fetch(
        "SELECT * FROM eventlog.events WHERE stream = $1 ORDER BY version", f"keyring/{name}"
    )
    ring = Keyring()
    for row in map(recorded, rows):
        event = events.decode(row.type, row.body)
        assert event is not None
        ring = KEYRING.evolve(ring, event, row)
    return ring


async def families_of_dropped_keys(observer: Observer) -> list[str]:
    """Families that go on though the key that derives their refresh tokens was dropped."""
    dropped = {key.id for key in (await _ring(observer, REFRESH_RING)).compromised()}
    table = observer.tables["families"].rows
    return [f"{at[1]} goes on under the dropped key {key}" for at, (key, _) in table.items() if key in dropped]
