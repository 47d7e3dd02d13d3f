"""The time that a refusal takes does not tell why: and where it did, these tests would say so.

Each promise is held twice: by the code as it is, which must not be told apart, and by a naive form of it, which must.
"""

import contextlib
import hashlib
import hmac
from collections.abc import Awaitable, Callable

import pytest

from eventlog.errors import Refusal
from eventlog.log import By
from eventlog.sealing import Wrapping
from services.identity.adapters.hasher import ThreadHasher
from services.identity.commands import Browser, Identity
from services.identity.commands.accounts import disable_account
from services.identity.commands.login import Credentials, log_in
from services.token.adapters.refresh_secrets import open_refresh_token, refresh_token
from services.token.adapters.vault import EncryptedVault, MemoryWrappedKeys
from services.token.commands.clients import authenticate
from services.token.domain.client import CLIENT
from services.token.domain.errors import InvalidClient, InvalidGrant
from services.token.domain.keyring import REFRESH
from services.token.ports import Token
from tests.fuzzing import seeds
from tests.harness.seeds import SEED, times
from tests.harness.timing import Compared, compared, score
from tests.unit.identity.house import PASSWORD, House
from tests.unit.identity.stores import CountedStore
from tests.unit.token.world import World

LOGINS = times(50)
OTHERS = times(150)
AT_ONCE = 20
"""Things of microseconds are done so often for one time."""


class Early(ThreadHasher):
    """Naive: nobody has that name, so there is nothing to compare."""

    async def verify(self, hashed: str, password: str, source: str) -> bool:
        return hashed != self.nobodys and await super().verify(hashed, password, source)


def hasher(made: type[ThreadHasher]) -> ThreadHasher:
    """Of a tenth of the cost that people's passwords have."""
    return made(threads=1, queue=64, share=48, minimum_strength=0, memory=1024, passes=1)


async def logins(made: type[ThreadHasher], disabled: bool = False) -> Compared:
    """A wrong password against a name that nobody has, or against a disabled account's right one."""
    house = House(hasher=hasher(made))
    identity = house.identity
    for number in range(LOGINS + 5):
        await house.register(f"known-{number}")
        if disabled:
            account_id = await house.register(f"disabled-{number}")
            await disable_account(identity, By("operator/test", "test"), account_id, "a test")

    async def wrong(number: int) -> None:
        await refused_login(identity, f"known-{number}", "not the password", number)

    async def other(number: int) -> None:
        name = f"disabled-{number}" if disabled else f"nobody-{number}"
        await refused_login(identity, name, PASSWORD if disabled else "not the password", number)

    return await compared(wrong, other, LOGINS, SEED)


async def refused_login(identity: Identity, name: str, password: str, number: int) -> None:
    address = f"192.0.{number % 200}.{number // 200}"
    browser = Browser(address=address, source=address, agent="", session=None, device=None)
    with pytest.raises(Refusal, match="invalid_credentials"):
        await log_in(identity, "test", Credentials(name, password), browser)


async def test_an_unknown_name_takes_as_long_as_a_wrong_password() -> None:
    found = await logins(ThreadHasher)
    print(found)
    assert not found.told_apart


async def test_a_disabled_account_takes_as_long_as_a_wrong_password() -> None:
    found = await logins(ThreadHasher, disabled=True)
    print(found)
    assert not found.told_apart


async def test_it_shows_where_nothing_is_hashed_for_an_unknown_name() -> None:
    found = await logins(Early)
    print(found)
    assert found.told_apart


async def test_a_login_asks_the_database_as_often_whoever_the_name_is_of() -> None:
    """Of a log in memory a question takes no time to speak of; of a database, each does."""
    house = House()
    house.on(CountedStore())
    for name in ("seen", "forgotten"):
        await house.register(name)
    asked = {}
    for name, identity in (("seen", house.identity), ("forgotten", house.another()), ("nobody", house.identity)):
        assert isinstance(house.store, CountedStore)
        house.store.asked = 0
        await refused_login(identity, name, "not the password", 0)
        asked[name] = house.store.asked
    assert len(set(asked.values())) == 1, asked


Check = Callable[[Token, str, str], Awaitable[object]]


async def asked_of(check: Check, token: Token, one: tuple[str, str], other: tuple[str, str]) -> Compared:
    """A client that is refused, as another client or with another secret."""

    def act(client_id: str, secret: str) -> Callable[[int], Awaitable[object]]:
        async def again(_: int) -> None:
            for _ in range(AT_ONCE):
                with contextlib.suppress(InvalidClient):
                    await check(token, client_id, secret)

        return again

    return await compared(act(*one), act(*other), OTHERS, SEED)


async def early(token: Token, client_id: str, secret: str) -> None:
    """Naive: a client that nobody knows has nothing to prove."""
    _, client = await token.log.state(CLIENT, client_id)
    if not client.known:
        raise InvalidClient
    await authenticate(token, client_id, secret)


def by_characters(kept: str) -> Check:
    """Naive: compares what is right with what was said, up to the first difference."""

    async def check(token: Token, client_id: str, secret: str) -> None:
        if not same(kept, secret):
            raise InvalidClient

    return check


def same(one: str, other: str) -> bool:
    return len(one) == len(other) and all(a == b for a, b in zip(one, other, strict=True))


def another(character: str) -> str:
    return "A" if character != "A" else "B"


def nearly(secret: str) -> tuple[str, str]:
    """Wrong from the first character on, and wrong in the last alone."""
    return another(secret[0]) + secret[1:], secret[:-1] + another(secret[-1])


@pytest.fixture
async def world() -> World:
    return await World.made()


async def test_an_unknown_client_takes_as_long_as_a_wrong_secret(world: World) -> None:
    found = await asked_of(authenticate, world.a.token, ("service", "wrong"), ("nobody", "wrong"))
    print(found)
    assert not found.told_apart


async def test_it_shows_where_an_unknown_client_is_refused_at_once(world: World) -> None:
    found = await asked_of(early, world.a.token, ("service", "wrong"), ("nobody", "wrong"))
    print(found)
    assert found.told_apart


async def test_a_nearly_right_client_secret_takes_as_long_as_a_wrong_one(world: World) -> None:
    first, last = nearly(world.secrets["service"])
    found = await asked_of(authenticate, world.a.token, ("service", first), ("service", last))
    print(found)
    assert not found.told_apart


async def test_it_shows_where_a_client_secret_is_compared_up_to_the_first_difference(world: World) -> None:
    secret = world.secrets["service"]
    first, last = nearly(secret)
    found = await asked_of(by_characters(secret), world.a.token, ("service", first), ("service", last))
    print(found)
    assert found.told_apart


Open = Callable[[str], Awaitable[object]]


async def opened(open_: Open, one: str, other: str) -> Compared:
    def act(token: str) -> Callable[[int], Awaitable[object]]:
        async def again(_: int) -> None:
            for _ in range(AT_ONCE):
                with contextlib.suppress(InvalidGrant):
                    await open_(token)

        return again

    return await compared(act(one), act(other), OTHERS, SEED)


async def refresh_vault() -> EncryptedVault:
    keys = EncryptedVault(Wrapping(bytes(32)), MemoryWrappedKeys())
    await keys.keep("k", REFRESH, bytes(32))
    return keys


async def wrong_and_nearly_right() -> tuple[str, str]:
    token = await refresh_token(await refresh_vault(), "k", "family", 7)
    signed, _, secret = token.rpartition(".")
    first, last = nearly(secret)
    return f"{signed}.{first}", f"{signed}.{last}"


async def test_a_nearly_right_refresh_secret_takes_as_long_as_a_wrong_one() -> None:
    vault = await refresh_vault()
    found = await opened(lambda token: open_refresh_token(vault, token), *await wrong_and_nearly_right())
    print(found)
    assert not found.told_apart


async def test_it_shows_where_a_refresh_secret_is_compared_up_to_the_first_difference() -> None:
    async def naive(token: str) -> None:
        signed, _, secret = token.rpartition(".")
        mac = hmac.new(bytes(32), signed.encode(), hashlib.sha256).digest()
        if not same(seeds.b64(mac).decode(), secret):
            raise InvalidGrant("")

    found = await opened(naive, *await wrong_and_nearly_right())
    print(found)
    assert found.told_apart


def test_the_statistic_itself() -> None:
    """What is the same scores about 0; what is apart, the most that so many can."""
    assert abs(score([1, 4, 5, 8], [2, 3, 6, 7])) < 0.1
    assert score(range(100, 200), range(100)) > 12
    same_times = [float(one) for one in range(1000, 1100)]
    assert not Compared(same_times, [one * 1.08 for one in same_times]).told_apart
    assert Compared(same_times, [one * 1.3 for one in same_times]).told_apart
