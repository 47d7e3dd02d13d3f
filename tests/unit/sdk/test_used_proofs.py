"""A DPoP proof opens something once (RFC 9449 7.1, 11.1): in one process by itself, in several by what they share."""

import hashlib
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.sdk.fakes import AUDIENCE, ISSUER, NOW, Bench, claims, sign
from tests.unit.token.proving import Key, b64
from watchword import (
    LogClock,
    MemoryUsedProofs,
    Proof,
    ProofRefused,
    Revocations,
    StaticKeys,
    TokenRefused,
    Unavailable,
    UsedProofs,
    Verifier,
)
from watchword.dpop import MAX_AGE_S

URL = "https://orders.example/orders"
KEY = Key()
TOKEN = sign(claims(cnf={"jkt": KEY.thumbprint}))


def proof_of(token: str = TOKEN, key: Key = KEY, **changes: Any) -> str:
    said = {"htm": "GET", "htu": URL, "jti": secrets.token_hex(8), "iat": NOW, "ath": token_hash(token)}
    return key.sign(said | changes, typ="dpop+jwt", jwk=key.jwk)


def token_hash(token: str) -> str:
    return b64(hashlib.sha256(token.encode()).digest())


async def opens(bench: Bench, proof: str, token: str = TOKEN, method: str = "GET") -> bool:
    try:
        found = await bench.verifier.verify_dpop(token, proof, method=method, urls=[URL])
    except ProofRefused as refused:
        return refused.temporary or proof in str(refused)
    return found.jti == "tok_1"


async def test_a_proof_opens_something_once() -> None:
    bench, proof = Bench(), proof_of()
    assert await opens(bench, proof)
    assert not await opens(bench, proof)
    assert await opens(bench, proof_of())


@pytest.mark.parametrize(
    "wrong", [{"htm": "POST"}, {"htu": "https://other.example/"}, {"ath": None}, {"ath": "x"}, {"iat": NOW - MAX_AGE_S}]
)
async def test_a_proof_of_something_else_opens_nothing(wrong: dict[str, Any]) -> None:
    assert not await opens(Bench(), proof_of(**wrong))


async def test_the_key_is_the_one_that_the_token_is_bound_to() -> None:
    with pytest.raises(TokenRefused) as refused:
        await Bench().verifier.verify_dpop(TOKEN, proof_of(key=Key()), method="GET", urls=[URL])
    assert refused.value.code == "proof_required"


async def test_a_bearers_token_is_not_taken_with_a_proof() -> None:
    bearer = sign(claims())
    assert not await opens(Bench(), proof_of(bearer), bearer)


async def test_a_token_that_is_bound_to_a_certificate_too_wants_both() -> None:
    token = sign(claims(cnf={"jkt": KEY.thumbprint, "x5t#S256": "abc"}))
    verifier = Bench().verifier
    with pytest.raises(TokenRefused, match="proof"):
        await verifier.verify_dpop(token, proof_of(token), method="GET", urls=[URL])
    assert await verifier.verify_dpop(token, proof_of(token), method="GET", urls=[URL], x5t="abc")


async def test_nothing_is_remembered_of_a_proof_that_came_with_no_good_token() -> None:
    bench = Bench()
    other = sign(claims(cnf={"jkt": KEY.thumbprint}, exp=NOW - 1, iat=NOW - 700))
    proof = proof_of(other, jti="once")
    with pytest.raises(TokenRefused, match="expired"):
        await bench.verifier.verify_dpop(other, proof, method="GET", urls=[URL])
    assert await opens(bench, proof_of(jti="once"))


async def test_without_the_logs_time_nothing_is_taken() -> None:
    clock: Callable[[], int] = int
    verifier = Verifier(
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=StaticKeys([]),
        revocations=Revocations(),
        age_ns=lambda: 0,
        clock=LogClock(clock),
    )
    with pytest.raises(TokenRefused) as refused:
        await verifier.verify_dpop(TOKEN, proof_of(), method="GET", urls=[URL])
    assert (refused.value.code, refused.value.temporary) == ("stale", True)


async def test_what_several_processes_share_holds_for_all_of_them() -> None:
    """And what they do not share holds for one: that is what the documents warn of."""
    shared, proof = MemoryUsedProofs(), proof_of()
    assert [await opens(Bench(used=shared), proof) for _ in range(2)] == [True, False]
    assert [await opens(Bench(), proof) for _ in range(2)] == [True, True]


class Away:
    """A memory that does not answer."""

    async def claim(self, proof: Proof, now: int) -> bool:
        raise Unavailable("away")


@pytest.mark.parametrize("used", [Away(), MemoryUsedProofs(most=0)])
async def test_a_proof_that_cannot_be_remembered_opens_nothing_for_now(used: UsedProofs) -> None:
    with pytest.raises(ProofRefused) as refused:
        await Bench(used=used).verifier.verify_dpop(TOKEN, proof_of(), method="GET", urls=[URL])
    assert refused.value.temporary


def proof(jti: str, expires_at: int = 400, jkt: str = "k") -> Proof:
    return Proof(jkt, jti, None, expires_at)


async def test_memory_is_bounded_and_forgets_nothing_before_its_time() -> None:
    used = MemoryUsedProofs(most=3)
    assert [await used.claim(proof(jti, end), 100) for jti, end in (("a", 300), ("b", 200), ("c", 400))] == [True] * 3
    for now in (100, 199):
        with pytest.raises(Unavailable):
            await used.claim(proof("d"), now)
        assert not await used.claim(proof("b", 200), now)
    assert await used.claim(proof("d"), 200), "b is good no more, so nobody need remember it"
    assert [await used.claim(proof(jti, 300), 299) for jti in ("a", "c", "d")] == [False] * 3


async def test_keys_have_ids_of_their_own() -> None:
    used = MemoryUsedProofs()
    assert await used.claim(proof("x", jkt="one"), 100)
    assert await used.claim(proof("x", jkt="other"), 100)
    assert not await used.claim(proof("x", jkt="one"), 100)
    assert await used.claim(proof("\ud800"), 100)
