"""What userinfo answers, signed: it passes for no access token, and whom it is for is not identity's to say."""

import jwt
import msgspec
import pytest

from services.token.commands.userinfo import sign_userinfo
from services.token.domain.errors import InvalidRequest, Unknown
from tests.unit.token.authorizing import OWN
from tests.unit.token.world import ALICE, ISSUER, World
from watchword.errors import TokenRefused

SIGNED = msgspec.structs.replace(OWN, id="signed", userinfo_alg="ES256")


@pytest.fixture
async def world() -> World:
    return await World.made(OWN, SIGNED, algs=("ES256", "RS256"))


async def test_it_says_what_identity_says_and_is_for_that_client_of_that_account(world: World) -> None:
    before = world.head
    said = {"email": "a@b.org", "iss": "https://elsewhere.example", "aud": "own", "sub": "acc_bob", "iat": 1}
    signed = await sign_userinfo(world.a.token, "signed", ALICE, said)
    assert jwt.get_unverified_header(signed).items() >= {"typ": "JWT", "alg": "ES256"}.items()
    claims = jwt.decode(signed, options={"verify_signature": False})
    assert claims == {
        "iss": ISSUER,
        "aud": "signed",
        "sub": ALICE,
        "iat": world.clock.now() // 1_000_000,
        "email": "a@b.org",
    }
    assert world.head == before, "nothing is kept"
    with pytest.raises(TokenRefused):
        await world.a.verified(signed)


@pytest.mark.parametrize(
    "name",
    [
        *("client_id", "scope", "pos", "cnf", "act", "may_act", "fam", "spos", "prior"),
        *("exp", "nbf", "jti", "nonce", "auth_time", "acr", "amr", "azp", "at_hash", "c_hash", "sid", "events"),
    ],
)
async def test_no_claim_by_which_another_token_is_known_is_signed(world: World, name: str) -> None:
    """An ID token without `exp`, or with a nonce that is not its request's, is none (OpenID Connect Core 3.1.3.7)."""
    with pytest.raises(InvalidRequest):
        await sign_userinfo(world.a.token, "signed", ALICE, {"email": "a@b.org", name: "1"})


async def test_only_for_clients_that_are_registered_for_it(world: World) -> None:
    for client_id in ("own", "nobody"):
        with pytest.raises(Unknown):
            await sign_userinfo(world.a.token, client_id, ALICE, {})
