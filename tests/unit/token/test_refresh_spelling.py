"""RULES 8: one spelling of a refresh token, its secret verified first, and a forgery changes nothing."""

import base64
import hashlib
import hmac
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.sealing import Wrapping
from services.token.adapters.refresh_secrets import open_refresh_token, refresh_token
from services.token.adapters.vault import EncryptedVault, MemoryWrappedKeys
from services.token.domain.errors import InvalidGrant
from services.token.domain.family import Presented
from services.token.domain.keyring import REFRESH, signing_ring
from tests.unit.token.world import World, refresh_of

NAME = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=32)
KEY = bytes(range(32))


async def vault(key_id: str = "k") -> EncryptedVault:
    keys = EncryptedVault(Wrapping(bytes(32)), MemoryWrappedKeys())
    await keys.keep(key_id, REFRESH, KEY)
    return keys


def spelled(signed: str, key: bytes = KEY) -> str:
    """The token whose bytes before the last dot are `signed`, by the rule's own words."""
    secret = hmac.new(key, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"


@given(key_id=NAME, family=NAME, generation=st.integers(1, 10**12))
async def test_a_token_is_wr1_key_family_generation_and_the_hmac_of_what_stands_before(
    key_id: str, family: str, generation: int
) -> None:
    keys = await vault(key_id)
    made = await refresh_token(keys, key_id, family, generation)
    assert made == spelled(f"wr1.{key_id}.{family}.{generation}")
    assert len(made.rpartition(".")[2]) == 43
    assert await open_refresh_token(keys, made) == Presented(key_id, family, generation)


@pytest.mark.parametrize(
    "signed",
    [
        "wr1.k.f.0",
        "wr1.k.f.01",
        "wr1.k.f.-1",
        "wr1.k.f.+1",
        "wr1.k.f.1e1",
        "wr1.k.f.1_0",
        "wr1.k.f.\u0661",
        "wr1.k.f. 1",
        "wr1.k.f.",
        "wr1.k..1",
        "wr1.k.f.f.1",
        "wr1.k.1",
        "wr1.k.f f.1",
        "wr1.k.é.1",
        f"wr1.k.{'f' * 33}.1",
        f"wr1.k.f.{'9' * 400}",
        "wr2.k.f.1",
        "WR1.k.f.1",
        " wr1.k.f.1",
        "k.f.1",
        "",
    ],
)
async def test_another_spelling_is_refused_however_well_it_is_signed(signed: str) -> None:
    with pytest.raises(InvalidGrant):
        await open_refresh_token(await vault(), spelled(signed))


@pytest.mark.parametrize(
    "change", [lambda t: t + "=", lambda t: t + "\n", lambda t: t[:-1], lambda t: t + ".", str.upper]
)
async def test_a_genuine_token_in_another_spelling_is_refused(change: object) -> None:
    with pytest.raises(InvalidGrant):
        await open_refresh_token(await vault(), change(spelled("wr1.k.f.1")))  # type: ignore[operator]


async def test_the_bits_that_base64url_leaves_over_are_not_another_spelling() -> None:
    genuine = spelled("wr1.k.f.1")
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    siblings = {genuine[:-1] + alphabet[alphabet.index(genuine[-1]) // 4 * 4 + rest] for rest in range(4)} - {genuine}
    for sibling in siblings:
        with pytest.raises(InvalidGrant):
            await open_refresh_token(await vault(), sibling)


@given(presented=st.one_of(st.text(max_size=120), st.from_regex(r"\Awr1\.k\.f\.[1-9]\.[A-Za-z0-9_-]{43}\Z")))
async def test_whatever_is_not_genuine_is_invalid_grant_and_nothing_else(presented: str) -> None:
    with pytest.raises(InvalidGrant):
        await open_refresh_token(await vault(), presented)


@pytest.fixture
async def world() -> World:
    return await World.made()


async def changes_nothing(world: World, forged: str) -> None:
    before = world.head
    for process in (world.a, world.b):
        with pytest.raises(InvalidGrant):
            await world.refresh(forged, process)
    assert world.head == before


async def test_a_forged_token_for_a_known_family_changes_nothing(world: World) -> None:
    current = refresh_of(await world.login())
    spent, current = current, refresh_of(await world.refresh(current))
    for generation in (1, 2, 3, 1000):
        _, key, family, *_ = current.split(".")
        await changes_nothing(world, spelled(f"wr1.{key}.{family}.{generation}"))
        await changes_nothing(world, f"wr1.{key}.{family}.{generation}.{current.rpartition('.')[2][::-1]}")
    await changes_nothing(world, spent.rpartition(".")[0] + "." + current.rpartition(".")[2])
    await world.refresh(current)


async def test_a_forged_token_that_names_a_key_of_no_one_changes_nothing(world: World) -> None:
    current = refresh_of(await world.login())
    await changes_nothing(world, spelled(f"wr1.nobody.{current.split('.')[2]}.1"))


async def test_a_forged_token_that_names_a_public_signing_key_changes_nothing(world: World) -> None:
    current = refresh_of(await world.login())
    ring = [row for row in world.store.rows if row.stream == f"keyring/{signing_ring('ES256')}"]
    signing = next(event.key_id for row, event in world.events() if row in ring and hasattr(event, "key_id"))
    await changes_nothing(world, spelled(f"wr1.{signing}.{current.split('.')[2]}.1"))


async def test_a_key_opens_for_its_own_purpose_and_service_only() -> None:
    wrapped = MemoryWrappedKeys()
    keys = EncryptedVault(Wrapping(bytes(32)), wrapped)
    await keys.keep("k", REFRESH, KEY)
    assert await EncryptedVault(Wrapping(bytes(32)), wrapped).secret("k", REFRESH) == KEY
    assert await EncryptedVault(Wrapping(bytes(32)), wrapped).secret("k", "signing") is None
    with pytest.raises(ValueError, match="key-encryption key"):
        await EncryptedVault(Wrapping(b"1" * 32), wrapped).secret("k", REFRESH)


async def test_a_destroyed_key_is_gone() -> None:
    keys = await vault()
    await keys.destroy("k", REFRESH)
    assert await keys.secret("k", REFRESH) is None


async def test_nothing_secret_of_a_key_lies_beside_it_unwrapped() -> None:
    wrapped = MemoryWrappedKeys()
    await EncryptedVault(Wrapping(bytes(32)), wrapped).keep("k", REFRESH, KEY)
    assert KEY not in b"".join(wrapped._wrapped.values())


async def test_nothing_secret_is_in_the_log(world: World) -> None:
    current = refresh_of(await world.login())
    presented = [current, refresh_of(await world.refresh(current))]
    text = b"".join(row.body + (row.sealed or b"") for row in world.store.rows)
    for token in presented:
        assert token.rpartition(".")[2].encode() not in text
    assert all(secret.encode() not in text for secret in world.secrets.values() if secret)
