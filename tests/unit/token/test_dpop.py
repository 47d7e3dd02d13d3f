"""DPoP (RFC 9449): proofs at the token endpoint, nonces, and what is bound to a key."""

import asyncio
from typing import Any

import msgspec
import pytest
from starlette.requests import Request

from eventlog.errors import Refusal
from services.token.adapters.nonces import SPAN, is_good, nonce
from services.token.commands.clients import authenticate
from services.token.commands.issue import Answered, Given, begin_family, client_credentials
from services.token.commands.issue import answer as signed_answer
from services.token.domain import DAY, SECOND
from services.token.domain.binding import UNBOUND, Binding
from services.token.domain.client import CLIENT, Client
from services.token.domain.errors import InvalidGrant, UnauthorizedClient
from services.token.domain.keyring import signing_ring
from services.token.ports import Proving
from services.token.queries import Asker, introspect
from tests.unit.token.authorizing import OWN, Browser
from tests.unit.token.proving import TOKEN_URL, Key, asked, bound_by, forged, proof, proves
from tests.unit.token.world import APP, IDENTITY, SERVICE, Process, World, claims_of, refresh_of
from watchword.errors import TokenRefused
from watchword.proof import Proven

KEY, OTHER = Key(), Key()
BOUND = msgspec.structs.replace(SERVICE, id="bound", dpop_bound_access_tokens=True)
PUBLIC = msgspec.structs.replace(APP, id="public", first_party=False, direct_login=False, scopes=("a", "b"))
CONFIDENTIAL = msgspec.structs.replace(PUBLIC, id="confidential", confidential=True)
WITHOUT_NONCES = Proving(nonces=False)


@pytest.fixture
async def world() -> World:
    """Without nonces, of which tests of their own speak."""
    return await World.made(BOUND, PUBLIC, CONFIDENTIAL, proving=WITHOUT_NONCES)


def shown(*proofs: str, path: str = "/oauth2/token") -> Request:
    return asked({}, *(("DPoP", one) for one in proofs), path=path)


async def bound(world: World, *proofs: str, client: Client = SERVICE, process: Process | None = None) -> Binding:
    return await bound_by((process or world.a).token, shown(*proofs), client)


async def refused(world: World, *proofs: str, client: Client = SERVICE) -> str:
    with pytest.raises(Refusal) as refusal:
        await bound(world, *proofs, client=client)
    assert refusal.value.kind.http == 400
    return refusal.value.code


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


async def test_a_nonce_is_asked_for_and_good_in_every_process() -> None:
    world = await World.made()
    request = shown(proof(world, KEY))
    with pytest.raises(Refusal) as refusal:
        await bound_by(world.a.token, request, SERVICE)
    assert (refusal.value.code, refusal.value.kind.http) == ("use_dpop_nonce", 400)
    ((name, given),) = request.scope["watchword.headers"]
    assert name == b"dpop-nonce"
    second = shown(proof(world, KEY, nonce=given.decode()))
    assert (await bound_by(world.b.token, second, SERVICE)).jkt == KEY.thumbprint
    assert second.scope["watchword.headers"] == request.scope["watchword.headers"]


async def test_a_nonce_ends_with_the_next_span_of_time() -> None:
    world = await World.made()
    first = await nonce(world.a.token.log)
    world.clock.forward(SPAN / SECOND)
    assert await is_good(world.b.token.log, first)
    assert await nonce(world.a.token.log) != first
    world.clock.forward(SPAN / SECOND)
    assert not await is_good(world.b.token.log, first)
    assert await refused(world, proof(world, KEY, nonce=first)) == "use_dpop_nonce"


async def test_a_nonce_that_another_made_is_none() -> None:
    world, other = await World.made(), await World.made()
    for wrong in (await nonce(other.a.token.log), "", "x", "A" * 32, (await nonce(world.a.token.log))[:-1] + "!"):
        assert await refused(world, proof(world, KEY, nonce=wrong)) == "use_dpop_nonce"


async def test_a_proof_that_lacks_its_nonce_can_come_again_with_it() -> None:
    world = await World.made()
    assert await refused(world, proof(world, KEY, jti="1")) == "use_dpop_nonce"
    assert await bound(world, proof(world, KEY, jti="1", nonce=await nonce(world.a.token.log)))


async def test_a_client_whose_tokens_are_bound_gets_none_without_a_proof(world: World) -> None:
    assert await refused(world, client=BOUND) == "invalid_request"
    assert (await bound(world, proof(world, KEY), client=BOUND)).jkt == KEY.thumbprint


async def test_a_bound_token_says_its_key_and_opens_nothing_without_it(world: World) -> None:
    binding = await bound(world, proof(world, KEY))
    given = await client_credentials(world.a.token, await world.known(SERVICE), None, [], IDENTITY, binding)
    assert given.answer.token_type == "DPoP"
    assert claims_of(given)["cnf"] == {"jkt": KEY.thumbprint}
    access = given.answer.access_token
    for shown_there in (Proven(), Proven(jkt=OTHER.thumbprint), Proven(x5t=KEY.thumbprint)):
        with pytest.raises(TokenRefused, match="proof_required"):
            await world.b.verifier.verify(access, shown_there)
    assert (await world.b.verifier.verify(access, Proven(jkt=KEY.thumbprint))).sub == "service"
    with pytest.raises(TokenRefused, match="proof_required"):
        await world.b.verifier.verify(access)


async def test_introspection_says_what_the_presenter_has_to_prove(world: World) -> None:
    binding = await bound(world, proof(world, KEY))
    given = await client_credentials(world.a.token, await world.known(SERVICE), None, [], IDENTITY, binding)
    asker = Asker("service", frozenset())
    answer = await introspect(world.b.token, world.b.verifier, given.answer.access_token, asker)
    assert (answer["active"], answer["token_type"], answer["cnf"]) == (True, "DPoP", {"jkt": KEY.thumbprint})
    msgspec.json.encode(answer)


async def began(world: World, client: Client, binding: Binding) -> Answered:
    """The first tokens of a family that is bound."""

    async def decide(attempt: Any) -> Any:
        own = await attempt.read(CLIENT, client.id)
        given = Given(scope="a b", audience=("x",), code_id="code_1", binding=binding)
        return await begin_family(attempt, own, world.session(client_id=client.id), given)

    outcome = await world.a.token.log.decide(IDENTITY, decide)
    return await signed_answer(world.a.token, outcome.value, outcome.position, outcome.time)


async def renewed(world: World, token: str, client: Client, binding: Binding, process: Process | None = None) -> Any:
    from services.token.commands.refresh import refresh

    return await refresh(
        (process or world.a).token, await world.known(client, process), token, None, [], IDENTITY, binding
    )


@pytest.mark.parametrize("client", [PUBLIC, CONFIDENTIAL], ids=["public", "confidential"])
async def test_a_refresh_token_that_is_bound_does_not_rotate(world: World, client: Client) -> None:
    binding = Binding(KEY.thumbprint)
    first = await began(world, client, binding)
    seen = {first.answer.access_token}
    for process in (world.a, world.b) * 3:
        again = await renewed(world, refresh_of(first), client, binding, process)
        assert refresh_of(again) == refresh_of(first)
        assert claims_of(again)["cnf"] == {"jkt": KEY.thumbprint}
        assert again.answer.token_type == "DPoP"
        seen.add(again.answer.access_token)
        world.clock.forward(60)
    assert len(seen) == 7
    assert world.said()[-1] == "refresh.used"


async def test_many_may_use_a_bound_refresh_token_at_once(world: World) -> None:
    binding = Binding(KEY.thumbprint)
    first = await began(world, PUBLIC, binding)
    answers = await asyncio.gather(
        *(renewed(world, refresh_of(first), PUBLIC, binding, process) for process in (world.a, world.b) * 8)
    )
    assert {refresh_of(answer) for answer in answers} == {refresh_of(first)}
    assert len({claims_of(answer)["pos"] for answer in answers}) == 16


async def test_a_bound_refresh_token_is_of_no_use_without_the_key_and_ends_nothing(world: World) -> None:
    first = await began(world, PUBLIC, Binding(KEY.thumbprint))
    before = world.head
    for wrong in (UNBOUND, Binding(OTHER.thumbprint), Binding(x5t=KEY.thumbprint)):
        with pytest.raises(InvalidGrant, match="bound to a key"):
            await renewed(world, refresh_of(first), PUBLIC, wrong)
    assert world.head == before
    assert await renewed(world, refresh_of(first), PUBLIC, Binding(KEY.thumbprint))


async def test_a_client_that_proves_who_it_is_may_change_its_key_but_not_do_without(world: World) -> None:
    """RFC 9449 5."""
    first = await began(world, CONFIDENTIAL, Binding(KEY.thumbprint))
    with pytest.raises(InvalidGrant, match="bound to a key"):
        await renewed(world, refresh_of(first), CONFIDENTIAL, UNBOUND)
    again = await renewed(world, refresh_of(first), CONFIDENTIAL, Binding(OTHER.thumbprint))
    assert claims_of(again)["cnf"] == {"jkt": OTHER.thumbprint}


async def test_another_client_with_a_bound_refresh_token_is_a_thief(world: World) -> None:
    first = await began(world, PUBLIC, Binding(KEY.thumbprint))
    with pytest.raises(InvalidGrant):
        await renewed(world, refresh_of(first), CONFIDENTIAL, Binding(KEY.thumbprint))
    with pytest.raises(InvalidGrant, match="over"):
        await renewed(world, refresh_of(first), PUBLIC, Binding(KEY.thumbprint))


async def test_a_family_that_is_bound_idles_out_where_it_is_not_used(world: World) -> None:
    binding = Binding(KEY.thumbprint)
    first = await began(world, PUBLIC, binding)
    for _ in range(2):
        world.clock.forward(10 * DAY / SECOND)
        assert await renewed(world, refresh_of(first), PUBLIC, binding, world.process())
    world.clock.forward(11 * DAY / SECOND)
    with pytest.raises(InvalidGrant, match="over"):
        await renewed(world, refresh_of(first), PUBLIC, binding)


async def test_a_family_that_is_not_bound_rotates_also_if_its_next_token_is(world: World) -> None:
    first = await began(world, PUBLIC, UNBOUND)
    again = await renewed(world, refresh_of(first), PUBLIC, Binding(KEY.thumbprint))
    assert refresh_of(again) != refresh_of(first)
    assert again.answer.token_type == "DPoP"


async def test_a_code_is_only_for_the_key_that_it_was_asked_for_with(world: World) -> None:
    """RFC 9449 10."""
    await world.rotate(signing_ring("RS256"))
    await world.register(OWN)
    browser = Browser(world)
    code = await browser.code(dpop_jkt=KEY.thumbprint)
    before = world.head
    for wrong in (UNBOUND, Binding(OTHER.thumbprint), Binding(x5t=KEY.thumbprint)):
        with pytest.raises(InvalidGrant, match="dpop_jkt"):
            await browser.redeem(code, binding=wrong)
    assert world.head == before
    first = await browser.redeem(code, binding=Binding(KEY.thumbprint))
    assert claims_of(first)["cnf"] == {"jkt": KEY.thumbprint}
    assert (await world.family(refresh_of(first))).binding == Binding(KEY.thumbprint)
    assert (await browser.redeem(await browser.code(), binding=Binding(OTHER.thumbprint))).answer.token_type == "DPoP"


async def test_direct_login_gives_no_token_that_should_be_bound(world: World) -> None:
    await world.register(msgspec.structs.replace(APP, id="own", dpop_bound_access_tokens=True))
    with pytest.raises(UnauthorizedClient):
        await world.login(client_id="own")


async def test_a_client_without_any_of_this_touches_none_of_it(world: World) -> None:
    request = asked({})
    client = await authenticate(world.a.token, "service", world.secrets["service"])
    assert await bound_by(world.a.token, request, client) is UNBOUND
    assert request.scope["watchword.headers"] == []
    assert world.kept._kept == {}
