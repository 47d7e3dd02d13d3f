"""What a verifier does with what it knows: revoked, too old, remembered (RULES 4, 7)."""

import pytest

from tests.unit.sdk.fakes import MICROSECONDS, NOW, PRIVATE_KEYS, Bench, claims, sign
from watchword import (
    LogClock,
    Revocation,
    Revocations,
    StaticKeys,
    TokenRefused,
    Unavailable,
    VerificationKey,
    Verifier,
)
from watchword.errors import Code
from watchword.revocations import Kind

HOUR = 3600 * MICROSECONDS


def revocation(kind: Kind, key: str, position: int) -> Revocation:
    return Revocation(kind, key, position, NOW * MICROSECONDS, NOW * MICROSECONDS + HOUR)


async def outcome(bench: Bench, token: str) -> Code | None:
    try:
        await bench.verifier.verify(token)
    except TokenRefused as refused:
        return refused.code
    return None


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("token", "tok_1"),
        ("family", "fam_1"),
        ("session", "ses_1"),
        ("client", "app"),
        ("subject", "acc_1"),
        ("key", "ES256"),
    ],
)
@pytest.mark.parametrize("seen_before", [True, False])
async def test_a_revocation_refuses_the_token_at_the_next_call(kind: Kind, key: str, seen_before: bool) -> None:
    bench, token = Bench(), sign(claims(pos=100))
    if seen_before:
        await bench.verifier.verify(token)
    bench.revocations.apply(revocation(kind, key, 101))
    assert await outcome(bench, token) == "revoked"


async def test_a_login_again_in_the_same_second_works() -> None:
    bench = Bench()
    bench.revocations.apply(revocation("subject", "acc_1", 101))
    assert await outcome(bench, sign(claims(pos=100))) == "revoked"
    assert await outcome(bench, sign(claims(pos=102))) is None


@pytest.mark.parametrize("seen_before", [True, False])
async def test_past_max_staleness_a_verifier_denies(seen_before: bool) -> None:
    bench, token = Bench(), sign(claims())
    if seen_before:
        assert await outcome(bench, token) is None
    bench.age_ns = 5_000_000_000
    assert await outcome(bench, token) is None
    bench.age_ns = 5_000_000_001
    assert await outcome(bench, token) == "stale"


async def test_a_verifier_that_starts_answers_nothing_before_its_knowledge_is_proven() -> None:
    assert await outcome(Bench(age_ns=None), sign(claims())) == "stale"


async def test_a_verifier_that_has_not_heard_the_logs_time_answers_nothing() -> None:
    public_key = PRIVATE_KEYS["ES256"].public_key()
    verifier = Verifier(
        issuer="https://issuer.example",
        audience="orders",
        keys=StaticKeys([VerificationKey("ES256", "ES256", public_key)]),
        revocations=Revocations(),
        age_ns=lambda: 0,
        clock=LogClock(),
    )
    with pytest.raises(TokenRefused) as caught:
        await verifier.verify(sign(claims()))
    assert (caught.value.code, caught.value.temporary) == ("stale", True)


async def test_past_max_staleness_a_verifier_may_introspect_instead() -> None:
    asked: list[str] = []
    active = True

    async def introspect(token: str) -> bool:
        asked.append(token)
        return active

    bench, token = Bench(when_stale="introspect", introspect=introspect), sign(claims())
    assert (await outcome(bench, token), asked) == (None, [])
    bench.age_ns = None
    assert (await outcome(bench, token), asked) == (None, [token])
    active = False
    assert await outcome(bench, token) == "revoked"


async def test_an_issuer_that_does_not_answer_is_no_yes() -> None:
    async def introspect(token: str) -> bool:
        raise Unavailable("no answer")

    bench = Bench(when_stale="introspect", introspect=introspect, age_ns=None)
    assert await outcome(bench, sign(claims())) == "stale"


async def test_introspection_never_overrides_a_revocation_that_is_known() -> None:
    async def introspect(token: str) -> bool:
        return True

    bench = Bench(when_stale="introspect", introspect=introspect, age_ns=None)
    bench.revocations.apply(revocation("session", "ses_1", 101))
    assert await outcome(bench, sign(claims())) == "revoked"


@pytest.mark.parametrize(("when_stale", "given"), [("introspect", False), ("deny", True)])
def test_introspecting_needs_somebody_to_ask(when_stale: str, given: bool) -> None:
    async def introspect(token: str) -> bool:
        return True

    with pytest.raises(ValueError, match="introspect"):
        Bench(
            when_stale="introspect" if when_stale == "introspect" else "deny", introspect=introspect if given else None
        )


async def test_a_remembered_token_expires_all_the_same() -> None:
    bench, token = Bench(), sign(claims(exp=NOW + 10))
    assert await outcome(bench, token) is None
    bench.monotonic.forward(10)
    assert await outcome(bench, token) == "expired"


async def test_memory_of_verified_tokens_is_bounded() -> None:
    bench = Bench(remember=3)
    for number in range(10):
        await bench.verifier.verify(sign(claims(jti=f"tok_{number}")))
    assert len(bench.verifier._verified) == 3
