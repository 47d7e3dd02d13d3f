"""No known confusion of JWTs gets past the verifier (RFC 8725), even where the issuer's own key signed it."""

import json

import pytest

from tests.harness.confusions import CONFUSIONS, TAKEN, Given
from tests.harness.forging import Forge
from tests.unit.sdk.fakes import MICROSECONDS, NOW, PRIVATE_KEYS, Bench, claims, jwk
from watchword import Revocation, TokenRefused

GIVEN = Given(
    claims=claims(),
    keys={alg: Forge(alg, alg, private) for alg, private in PRIVATE_KEYS.items()},
    public={alg: jwk(alg) for alg in PRIVATE_KEYS},
    refresh_kid="refresh",
)


@pytest.mark.parametrize("name", CONFUSIONS)
async def test_a_confusion_is_refused(name: str) -> None:
    token = CONFUSIONS[name](GIVEN)
    with pytest.raises(TokenRefused) as caught:
        await Bench().verifier.verify(token)
    assert not caught.value.temporary
    assert json.dumps(token) not in str(caught.value)


@pytest.mark.parametrize("name", TAKEN)
async def test_what_is_no_confusion_is_taken(name: str) -> None:
    assert (await Bench().verifier.verify(TAKEN[name](GIVEN))).sub == GIVEN.claims["sub"]


@pytest.mark.parametrize("name", TAKEN)
async def test_what_is_taken_is_revoked_with_its_twin(name: str) -> None:
    bench, jti = Bench(), GIVEN.claims["jti"]
    await bench.verifier.verify(GIVEN.good())
    bench.revocations.apply(Revocation("token", jti, 101, NOW * MICROSECONDS, (NOW + 3600) * MICROSECONDS))
    for token in (GIVEN.good(), TAKEN[name](GIVEN)):
        with pytest.raises(TokenRefused, match="revoked"):
            await bench.verifier.verify(token)
