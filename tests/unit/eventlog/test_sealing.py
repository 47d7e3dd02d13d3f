"""A sealed part opens with its owner's key, at its own place, and never again once the key is erased (RULES 2)."""

from collections.abc import Sequence

import pytest
from cryptography.exceptions import InvalidTag

from eventlog.sealing import MemorySealKeys, Sealer, Wrapping

KEY, NEW = bytes(range(32)), bytes(range(32, 64))
KEK = Wrapping(KEY)


@pytest.fixture
def keys() -> MemorySealKeys:
    return MemorySealKeys()


async def test_what_is_sealed_opens_in_every_process(keys: MemorySealKeys) -> None:
    sealed = await Sealer(KEK, keys).seal("account/1", "session/1", 3, b"secret")
    assert b"secret" not in sealed
    assert await Sealer(KEK, keys).open("account/1", "session/1", 3, sealed) == b"secret"


async def test_it_is_bound_to_stream_version_and_owner(keys: MemorySealKeys) -> None:
    sealer = Sealer(KEK, keys)
    sealed = await sealer.seal("account/1", "session/1", 3, b"secret")
    await sealer.secret("account/2")
    elsewhere = [("account/1", "session/1", 4), ("account/1", "session/2", 3), ("account/2", "session/1", 3)]
    for owner, stream, version in elsewhere:
        with pytest.raises(InvalidTag):
            await sealer.open(owner, stream, version, sealed)


async def test_erasing_the_key_erases_what_it_sealed(keys: MemorySealKeys) -> None:
    sealer = Sealer(KEK, keys)
    sealed = await sealer.seal("account/1", "session/1", 1, b"secret")
    await sealer.erase("account/1")
    assert await sealer.open("account/1", "session/1", 1, sealed) is None
    assert await Sealer(KEK, keys).open("account/1", "session/1", 1, sealed) is None


async def test_one_text_is_never_sealed_alike_twice(keys: MemorySealKeys) -> None:
    sealer = Sealer(KEK, keys)
    assert await sealer.seal("a", "s/1", 1, b"secret") != await sealer.seal("a", "s/1", 1, b"secret")


async def test_two_processes_that_begin_at_once_agree_on_a_key(keys: MemorySealKeys) -> None:
    one, two = Sealer(KEK, keys), Sealer(KEK, keys)
    assert await one.secret("account/1") == await two.secret("account/1")


async def test_another_key_encryption_key_opens_nothing_and_says_so(keys: MemorySealKeys) -> None:
    await Sealer(KEK, keys).secret("account/1")
    with pytest.raises(ValueError, match="key-encryption key"):
        await Sealer(Wrapping(bytes(32)), keys).secret("account/1")


async def test_keys_lie_wrapped(keys: MemorySealKeys) -> None:
    secret = await Sealer(KEK, keys).secret("account/1")
    wrapped = await keys.find("account/1")
    assert wrapped is not None
    assert secret not in wrapped


async def test_a_small_cache_forgets_and_finds_again(keys: MemorySealKeys) -> None:
    sealer = Sealer(KEK, keys, cache_size=1)
    first = await sealer.secret("account/1")
    await sealer.secret("account/2")
    assert await sealer.secret("account/1") == first


async def test_what_a_former_key_encryption_key_wrapped_opens_until_it_is_dropped(keys: MemorySealKeys) -> None:
    secret = await Sealer(KEK, keys).secret("account/1")
    both = Wrapping(NEW, KEY)
    assert await Sealer(both, keys).secret("account/1") == secret
    later = await Sealer(both, keys).secret("account/2")
    assert await Sealer(Wrapping(NEW), keys).secret("account/2") == later
    with pytest.raises(ValueError, match="key-encryption key"):
        await Sealer(Wrapping(NEW), keys).secret("account/1")


def test_a_key_is_wrapped_anew_once_and_stays_the_same() -> None:
    both, old = Wrapping(NEW, KEY), KEK.wrap("account/1", b"secret")
    anew = both.anew("account/1", old)
    assert anew is not None
    assert Wrapping(NEW).unwrap("account/1", anew) == b"secret"
    assert both.anew("account/1", anew) is None
    with pytest.raises(ValueError, match="key-encryption key"):
        both.anew("account/2", old)


@pytest.mark.parametrize("keys", [(), (KEY, bytes(16))])
def test_a_key_encryption_key_has_32_bytes(keys: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Wrapping(*keys)


class CountedSealKeys(MemorySealKeys):
    """Counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def find(self, owner: str) -> bytes | None:
        self.asked += 1
        return await super().find(owner)

    async def find_all(self, owners: Sequence[str]) -> dict[str, bytes]:
        self.asked += 1
        return await super().find_all(owners)


async def test_the_keys_of_a_page_are_asked_for_at_once() -> None:
    keys = CountedSealKeys()
    owners = [f"account/{number}" for number in range(50)]
    sealed = {owner: await Sealer(KEK, keys).seal(owner, "s/1", 1, owner.encode()) for owner in owners}
    sealer, keys.asked = Sealer(KEK, keys), 0
    await sealer.learn([*owners, "account/erased"])
    assert [await sealer.open(owner, "s/1", 1, sealed[owner]) for owner in owners] == [one.encode() for one in owners]
    await sealer.learn(owners)
    assert keys.asked == 1
