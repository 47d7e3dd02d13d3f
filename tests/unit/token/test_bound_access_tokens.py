"""Access tokens and codes that are bound to a key (RFC 9449 5 and 10), and clients that want no others."""

import msgspec
import pytest

from services.token.commands.clients import authenticate
from services.token.commands.issue import client_credentials
from services.token.domain.binding import UNBOUND, Binding
from services.token.domain.errors import InvalidGrant, UnauthorizedClient
from services.token.domain.keyring import signing_ring
from services.token.queries import Asker, introspect
from tests.unit.token.authorizing import OWN, Browser
from tests.unit.token.presenting import BOUND, KEY, OTHER, bound, refused, world
from tests.unit.token.proving import asked, bound_by, proof
from tests.unit.token.world import APP, IDENTITY, SERVICE, World, claims_of, refresh_of
from watchword.errors import TokenRefused
from watchword.proof import Proven

__all__ = ["world"]


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
