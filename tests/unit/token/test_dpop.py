"""DPoP (RFC 9449): which proofs are taken at the token endpoint, and how often."""

import asyncio
from typing import Any

import pytest

from eventlog.errors import Refusal
from services.token.domain import SECOND
from services.token.domain.binding import UNBOUND, Binding
from services.token.ports import Proving
from tests.unit.token.presenting import KEY, OTHER, bound, refused, world
from tests.unit.token.proving import TOKEN_URL, Key, asked, bound_by, forged, proof, proves
from tests.unit.token.world import SERVICE, World

__all__ = ["world"]


@pytest.mark.parametrize("alg", ["ES256", "PS256", "EdDSA"])
async def test_a_proof_proves_its_key(world: World, alg: str) -> None:
    key = Key(alg)
    assert await bound(world, proof(world, key)) == Binding(key.thumbprint)
    assert await bound(world) is UNBOUND


@pytest.mark.parametrize(
    "htu",
    [TOKEN_URL, TOKEN_URL + "?a=b", TOKEN_URL + "#x", "HTTPS://ID.example:443/oauth2/token"],
)
async def test_the_address_is_compared_without_query_and_fragment(world: World, htu: str) -> None:
    assert (await bound(world, proof(world, KEY, htu=htu))).jkt == KEY.thumbprint


@pytest.mark.parametrize(
    "wrong",
    [
        {"htm": "GET"}, {"htm": "post"}, {"htm": None}, {"htm": ["POST"]},
        {"htu": None}, {"htu": 7}, {"htu": ""}, {"htu": "/oauth2/token"}, {"htu": "https://evil.example/oauth2/token"},
        {"htu": "http://id.example/oauth2/token"}, {"htu": TOKEN_URL + "/"}, {"htu": "https://id.example/oauth2/par"},
        {"htu": "https://id.example:8443/oauth2/token"}, {"htu": "https://x@id.example/oauth2/token"},
        {"htu": "https://id.example:x/oauth2/token"}, {"htu": "https://[/"},
        {"jti": None}, {"jti": ""}, {"jti": 7}, {"jti": "x" * 257},
        {"iat": None}, {"iat": "now"}, {"iat": True}, {"iat": 0}, {"iat": 1 << 70}, {"nonce": 7},
    ],
)  # fmt: skip
async def test_a_proof_is_for_this_request(world: World, wrong: dict[str, Any]) -> None:
    assert await refused(world, proof(world, KEY, **wrong)) == "invalid_dpop_proof"


@pytest.mark.parametrize(("seconds", "good"), [(29, True), (31, False), (86_400, False), (-299, True), (-301, False)])
async def test_a_proof_is_made_just_now_by_the_logs_time(world: World, seconds: int, good: bool) -> None:
    made = proof(world, KEY, iat=world.clock.time // SECOND + seconds)
    if good:
        assert await bound(world, made)
    else:
        assert await refused(world, made) == "invalid_dpop_proof"


async def test_a_proof_is_taken_once_over_all_processes_also_at_once(world: World) -> None:
    made = proof(world, KEY, iat=world.clock.time // SECOND + 29)
    answers = await asyncio.gather(
        *(bound(world, made, process=process) for process in (world.a, world.b) * 5), return_exceptions=True
    )
    assert sum(isinstance(answer, Binding) for answer in answers) == 1
    for seconds in (100, 200, 28):
        world.clock.forward(seconds)
        assert await refused(world, made) == "invalid_dpop_proof"


async def test_one_clients_jti_is_nobody_elses(world: World) -> None:
    await bound(world, proof(world, KEY, jti="1"))
    await bound(world, proof(world, OTHER, jti="1"))
    assert await refused(world, proof(world, KEY, jti="1")) == "invalid_dpop_proof"


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"}, {"typ": None}, {"typ": "at+jwt"}, {"jwk": None}, {"jwk": "x"}, {"jwk": {}}, {"jwk": OTHER.jwk},
        {"jwk": {"kty": "oct", "k": "AAAA"}}, {"jwk": KEY.private_jwk}, {"jwk": KEY.jwk | {"use": "enc"}},
        {"jwk": KEY.jwk | {"alg": "PS256"}}, {"jwk": KEY.jwk | {"crv": "P-384"}}, {"jwk": KEY.jwk | {"x": "AA"}},
        {"jwk": KEY.jwk | {"x": KEY.jwk["x"] + "="}}, {"crit": ["x"]},
    ],
)  # fmt: skip
async def test_a_proof_brings_its_public_key_and_nothing_else(world: World, header: dict[str, Any]) -> None:
    said = {"typ": "dpop+jwt", "jwk": KEY.jwk} | header
    assert await refused(world, KEY.sign(proves(world), **said)) == "invalid_dpop_proof"


async def test_no_weak_algorithm_proves_a_key(world: World) -> None:
    rsa = Key("RS256")
    assert await refused(world, proof(world, rsa)) == "invalid_dpop_proof"
    for alg in ("none", "HS256", "ES384", ""):
        header = {"alg": alg, "typ": "dpop+jwt", "jwk": KEY.jwk}
        assert await refused(world, forged(header, proves(world))) == "invalid_dpop_proof"


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "\u00e9", "x" * 20_000])
async def test_what_is_no_jwt_is_no_proof(world: World, text: str) -> None:
    with pytest.raises(Refusal):
        await bound_by(world.a.token, asked({}, ("DPoP", text.encode().decode("latin-1"))), SERVICE)


async def test_two_proofs_are_none(world: World) -> None:
    assert await refused(world, proof(world, KEY), proof(world, KEY)) == "invalid_dpop_proof"


async def test_the_mtls_address_is_ours_as_well() -> None:
    world = await World.made(proving=Proving(mtls_url="https://mtls.example", nonces=False))
    made = proof(world, KEY, htu="https://mtls.example/oauth2/token")
    assert (await bound(world, made)).jkt == KEY.thumbprint
