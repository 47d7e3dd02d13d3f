"""The issuer's keys over HTTP: unknown, out of date, unreachable, unusable."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import get_default_algorithms

from tests.unit.sdk.fakes import PRIVATE_KEYS, SetClock, base64url, jwk, until
from watchword import JwksKeys, Unavailable, UnusableKey, VerificationKey, read_jwk
from watchword.jwks import MAX_BYTES, read_key_set

URL = "http://127.0.0.1:8402/.well-known/jwks.json"
Message = MutableMapping[str, Any]


@dataclass
class Issuer:
    """An ASGI application that serves a key set, or fails, and counts how often it was asked."""

    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk("ES256")])
    cache_control: str = "public, max-age=600"
    status: int = 200
    body: bytes | None = None
    asked: int = 0
    down: bool = False
    gate: asyncio.Event | None = None

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise httpx2.ConnectError("refused")
        response = httpx2.Response(self.status, json={"keys": self.keys})
        headers = [(b"cache-control", self.cache_control.encode()), (b"location", b"/elsewhere")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body if self.body is not None else response.content})


@asynccontextmanager
async def cache(issuer: Issuer, clock: SetClock) -> AsyncIterator[JwksKeys]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=issuer)) as client:
        keys = JwksKeys(URL, client, cooldown=timedelta(seconds=2), monotonic_ns=clock)
        yield keys
        await keys.close()


async def test_a_known_key_is_answered_without_asking_again() -> None:
    issuer = Issuer()
    async with cache(issuer, SetClock()) as keys:
        for _ in range(5):
            assert isinstance(await keys.key("ES256"), VerificationKey)
    assert issuer.asked == 1


async def test_an_unknown_key_is_looked_for_once_a_cooldown() -> None:
    issuer, clock = Issuer(), SetClock()
    async with cache(issuer, clock) as keys:
        await keys.key("ES256")
        clock.forward(2)
        for number in range(20):
            assert await keys.key(f"forged-{number}") is None
        assert issuer.asked == 2
        issuer.keys.append(jwk("EdDSA"))
        clock.forward(2)
        assert await keys.key("EdDSA") is not None
    assert issuer.asked == 3


async def test_many_who_miss_a_key_share_one_fetch() -> None:
    issuer = Issuer(gate=asyncio.Event())
    async with cache(issuer, SetClock()) as keys:
        waiting = [asyncio.create_task(keys.key("ES256")) for _ in range(20)]
        await until(lambda: issuer.asked == 1)
        waiting[0].cancel()
        assert issuer.gate is not None
        issuer.gate.set()
        assert all(await asyncio.gather(*waiting[1:]))
    assert issuer.asked == 1


async def test_an_outage_keeps_the_old_keys() -> None:
    issuer, clock = Issuer(), SetClock()
    async with cache(issuer, clock) as keys:
        await keys.key("ES256")
        issuer.down = True

        async def a_day_later() -> None:
            asked = issuer.asked
            clock.forward(86_400)
            assert await keys.key("ES256") is not None
            await until(lambda: issuer.asked > asked)

        for _ in range(3):
            await a_day_later()


async def test_a_key_that_an_issuer_may_have_made_since_is_not_called_unknown_while_it_does_not_answer() -> None:
    issuer, clock = Issuer(), SetClock()
    async with cache(issuer, clock) as keys:
        await keys.key("ES256")
        issuer.down = True
        clock.forward(2)
        for _ in range(2):  # asked, and within the cooldown
            with pytest.raises(Unavailable):
                await keys.key("new")
        issuer.down, issuer.keys = False, [jwk("ES256"), jwk("EdDSA", "new")]
        clock.forward(2)
        assert await keys.key("new") is not None
        assert await keys.key("forged") is None


@pytest.mark.parametrize(
    "broken",
    [
        {"status": 500},
        {"status": 302},
        {"body": b"not json"},
        {"body": b"[]"},
        {"body": b'{"keys": 7}'},
        {"body": b'{"keys": []}'},
        {"body": httpx2.Response(200, json={"keys": [jwk("EdDSA", "new")]}).content + b" " * MAX_BYTES},
        {"body": b'{"keys": [], "keys": []}'},
        {"down": True},
    ],
)
async def test_an_answer_that_is_no_key_set_keeps_the_old_keys(broken: dict[str, Any]) -> None:
    issuer, clock = Issuer(), SetClock()
    async with cache(issuer, clock) as keys:
        await keys.key("ES256")
        for name, value in ({"keys": [jwk("EdDSA", "new")]} | broken).items():
            setattr(issuer, name, value)
        clock.forward(2)
        with pytest.raises(Unavailable):
            await keys.key("new")
        assert await keys.key("ES256") is not None
    assert issuer.asked == 2


async def test_before_the_first_key_set_it_says_that_it_knows_none_and_then_recovers() -> None:
    issuer, clock = Issuer(down=True), SetClock()
    async with cache(issuer, clock) as keys:
        with pytest.raises(Unavailable):
            await keys.key("ES256")
        issuer.down = False
        clock.forward(2)
        assert await keys.key("ES256") is not None


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [("max-age=600", 600), ("max-age=1", 30), ("max-age=999999", 3600), ("", 300), ("no-store", 30)],
)
async def test_a_key_set_is_fetched_anew_when_its_time_is_over_within_bounds(cache_control: str, seconds: int) -> None:
    issuer, clock = Issuer(cache_control=cache_control), SetClock()
    async with cache(issuer, clock) as keys:
        await keys.key("ES256")
        clock.forward(seconds - 1)
        await keys.key("ES256")
        assert issuer.asked == 1
        issuer.keys = [jwk("EdDSA")]
        clock.forward(1)
        assert await keys.key("ES256") is not None
        await until(lambda: "EdDSA" in keys._keys)
        assert await keys.key("ES256") is None


@pytest.mark.parametrize("url", ["http://issuer.example/jwks", "http://10.0.0.1/jwks", "http://127.0.0.1.example/jwks"])
async def test_keys_are_not_fetched_over_plain_http_from_afar(url: str) -> None:
    async with httpx2.AsyncClient() as client:
        with pytest.raises(ValueError, match="https"):
            JwksKeys(url, client)
        JwksKeys(url.replace("http:", "https:"), client)
        JwksKeys(url, client, allow_http=True)


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
def test_a_key_of_every_algorithm_is_read(alg: str) -> None:
    assert (read_jwk(jwk(alg, "k1")).kid, read_jwk(jwk(alg, "k1")).alg) == ("k1", alg)
    read_jwk(jwk(alg, key_ops=["verify"]))


SMALL = rsa.RSAPublicNumbers(65537, (1 << 2046) | 1).public_key()
OTHER_CURVE = ec.generate_private_key(ec.SECP384R1()).public_key()


@pytest.mark.parametrize(
    "unusable",
    [
        jwk("ES256", use="enc"),
        jwk("ES256", use=None),
        jwk("ES256", key_ops=["sign"]),
        jwk("ES256", key_ops=[]),
        jwk("ES256", key_ops="verify"),
        jwk("ES256", alg=None),
        jwk("ES256", alg="ES384"),
        jwk("ES256", alg="RS256"),
        jwk("ES256", alg="HS256", kty="oct", k="c2VjcmV0"),
        jwk("ES256", alg="none"),
        jwk("RS256", alg="ES256"),
        jwk("EdDSA", alg="ES256"),
        jwk("ES256", kid=""),
        jwk("ES256", kid=7),
        jwk("ES256", x=jwk("ES256")["x"] + "="),
        jwk("ES256", x=jwk("ES256")["x"][:-1] + "!"),
        jwk("ES256", x="AA"),
        jwk("ES256", x=jwk("ES256")["y"]),
        jwk("ES256", y=None),
        jwk("EdDSA", crv="X25519"),
        jwk("EdDSA") | get_default_algorithms()["EdDSA"].to_jwk(PRIVATE_KEYS["EdDSA"], as_dict=True),
        jwk("RS256")
        | get_default_algorithms()["RS256"].to_jwk(PRIVATE_KEYS["RS256"], as_dict=True)
        | {"key_ops": ["verify"]},
        jwk("RS256", n=7),
        jwk("RS256", e="AQ"),
        jwk("RS256", e="Ag"),
        jwk("RS256", e=base64url((2**32 + 1).to_bytes(5)).decode()),
        jwk("RS256", e=jwk("RS256")["n"][:-4] + "AAAB"),
        jwk("RS256", n=base64url((1 << 1023 | 1).to_bytes(128)).decode()),
        jwk("RS256", n=base64url((1 << 2047).to_bytes(256)).decode()),
        jwk("EdDSA", x=base64url(bytes(32)).decode()),
        jwk("EdDSA", x=base64url(b"\1" + bytes(31)).decode()),
        jwk("EdDSA", x=base64url(b"\xed" + b"\xff" * 30 + b"\x7f").decode()),
        jwk("ES256", key_ops=["verify", "encrypt"]),
        jwk("ES256", key_ops=["verify", "verify"]),
        jwk("ES256", key_ops=["verify", ["verify"]]),
    ],
)
def test_a_key_that_must_not_verify_is_refused(unusable: dict[str, Any]) -> None:
    with pytest.raises(UnusableKey):
        read_jwk(unusable)


@pytest.mark.parametrize(("alg", "key"), [("RS256", SMALL), ("ES256", OTHER_CURVE), ("ES256", SMALL), ("none", SMALL)])
def test_a_key_at_hand_is_held_to_its_algorithm_too(alg: str, key: Any) -> None:
    with pytest.raises(UnusableKey):
        VerificationKey("k", alg, key)


def test_a_kid_that_two_keys_claim_names_neither_and_an_unusable_key_is_passed_over() -> None:
    twice = [jwk("ES256", "same"), jwk("EdDSA", "same")]
    body = httpx2.Response(200, json={"keys": [*twice, jwk("RS256", use="enc"), 7, jwk("EdDSA")]}).content
    assert set(read_key_set(body)) == {"EdDSA"}


def test_a_key_does_not_verify_what_another_signed() -> None:
    key = VerificationKey("k", "ES256", PRIVATE_KEYS["ES256"].public_key())
    assert not key.verifies(b"text", b"\0" * 64)
