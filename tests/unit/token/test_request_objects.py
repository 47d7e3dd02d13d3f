"""Requests as JWTs of the client's (RFC 9101): signed, unless they lie where it registered that they would."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from services.token.commands.authorize import Asked, Destination
from services.token.commands.push import push
from services.token.domain.client import Client
from services.token.domain.errors import InvalidRequest
from services.token.domain.said import IdTokenHint
from services.token.ports import Fetched, NotFetched
from tests.unit.token.authorizing import CALLBACK, GOOD, OWN, Browser, error_of, saying
from tests.unit.token.world import ALICE, ISSUER, World
from watchword.signed import base64url

KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
ADDRESS = "https://shop.example/request.jwt"
OBJECTS = msgspec.structs.replace(
    OWN,
    id="objects",
    jwks={"keys": [jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True)]},
    request_uris=(ADDRESS,),
)
STRICT = msgspec.structs.replace(OBJECTS, id="strict", request_object_alg="ES256")
BARE: dict[str, str | None] = dict.fromkeys(GOOD)


class Site:
    """What the client publishes, by its addresses."""

    def __init__(self, published: Mapping[str, str]) -> None:
        self.published = published

    async def get(self, url: str) -> Fetched:
        """See ports.Fetch."""
        if url not in self.published:
            raise NotFetched("nobody answers there")
        return Fetched(200, "", self.published[url].encode())

    async def post(self, url: str, form: Mapping[str, str]) -> Fetched:
        """See ports.Fetch."""
        raise NotFetched("nobody answers there")


@pytest.fixture
async def world() -> World:
    return await World.made(OBJECTS, STRICT, algs=("ES256", "RS256"))


def browser(world: World, client: Client = OBJECTS, published: Mapping[str, str] | None = None) -> Browser:
    process = world.a
    proving = replace(process.token.proving, fetch=Site(published or {}))
    process.token = replace(process.token, proving=proving)
    return Browser(world, client, process)


def signed(client: Client = OBJECTS, key: ec.EllipticCurvePrivateKey = KEY, **claims: Any) -> str:
    said = GOOD | {"client_id": client.id, "iss": client.id, "aud": ISSUER} | claims
    return jwt.encode({k: v for k, v in said.items() if v is not None}, key, "ES256", {"typ": "oauth-authz-req+jwt"})


def odd(**claims: Any) -> str:
    """Signed, with claims that a library would not write."""
    said = GOOD | {"client_id": OBJECTS.id, "aud": ISSUER} | claims
    return jwt.api_jws.encode(msgspec.json.encode(said), KEY, "ES256", {"typ": "oauth-authz-req+jwt"})


def unsigned(client: Client = OBJECTS, **more: str) -> str:
    header, claims = {"alg": "none"}, GOOD | {"client_id": client.id} | more
    return ".".join(base64url(msgspec.json.encode(part)) for part in (header, claims)) + "."


async def test_a_signed_request_says_all_and_what_stands_beside_it_nothing(world: World) -> None:
    beside = BARE | {"request": signed(max_age=30, claims={"userinfo": {"email": None}}), "scope": "openid profile"}
    going = await browser(world).asks(None, **beside | {"state": "beside"})
    assert isinstance(going, Asked)
    assert going.request.scopes == ("openid", "email")
    assert going.request.max_age == 30
    assert going.request.claims.userinfo == ("email",)
    assert going.request.answering.state == GOOD["state"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(signed(key=OTHER), id="another key"),
        pytest.param(signed(iss="shop"), id="another issuer"),
        pytest.param(signed(client_id="own"), id="another client"),
        pytest.param(signed(aud="https://elsewhere.example"), id="another audience"),
        pytest.param(odd(iss=["objects"]), id="an issuer that is no text"),
        pytest.param(odd(client_id={}), id="a client that is no text"),
        pytest.param(signed(exp=1), id="expired"),
        pytest.param(odd(exp="never"), id="an end that is no time"),
        pytest.param(signed(nbf=1 << 39), id="of the future"),
        pytest.param(signed(sub="objects"), id="an assertion"),
        pytest.param(signed(request_uri=ADDRESS), id="a request in a request"),
        pytest.param(signed(state=["a"]), id="no text"),
        pytest.param("a.b.c", id="no JWT"),
    ],
)
async def test_what_is_not_the_clients_word_to_us_is_refused(world: World, text: str) -> None:
    assert error_of(await browser(world).asks(None, **BARE | {"request": text})) == "invalid_request_object"


async def test_an_unsigned_request_object_is_not_supported_and_its_client_learns_that_as_it_reads_answers(
    world: World,
) -> None:
    """OpenID Connect Core 3.1.2.6. Where that goes never stands in what nobody signed."""
    text = unsigned(response_mode="form_post", redirect_uri="https://evil.example")
    going = await browser(world).asks(None, **BARE | {"request": text, "redirect_uri": CALLBACK})
    assert error_of(going) == "request_not_supported"
    assert isinstance(going, Destination)
    assert (going.to.redirect_uri, going.to.response_mode, going.to.state) == (CALLBACK, "form_post", GOOD["state"])


async def test_an_unsigned_request_is_taken_from_where_it_was_registered_alone(world: World) -> None:
    published = {ADDRESS: unsigned(), "https://shop.example/other": unsigned()}
    site = browser(world, published=published)
    assert isinstance(await site.asks(None, **BARE | {"request_uri": ADDRESS}), Asked)
    other = BARE | {"request_uri": "https://shop.example/other"}
    assert error_of(await site.asks(None, **other)) == "invalid_request_uri"


async def test_with_an_algorithm_registered_none_is_unsigned(world: World) -> None:
    site = browser(world, STRICT, {ADDRESS: unsigned(STRICT)})
    assert error_of(await site.asks(None, **BARE | {"request_uri": ADDRESS})) == "invalid_request_object"
    site = browser(world, STRICT, {ADDRESS: signed(STRICT)})
    assert isinstance(await site.asks(None, **BARE | {"request_uri": ADDRESS}), Asked)


async def test_an_address_where_nobody_answers_is_said_to_be_wrong(world: World) -> None:
    assert error_of(await browser(world).asks(None, **BARE | {"request_uri": ADDRESS})) == "invalid_request_uri"


async def test_one_request_has_one_request_object(world: World) -> None:
    both = BARE | {"request": signed(), "request_uri": ADDRESS}
    assert error_of(await browser(world).asks(None, **both)) == "invalid_request"


async def test_a_time_may_have_a_fraction(world: World) -> None:
    """RFC 7519 2: a NumericDate."""
    end = world.clock.now() / 1_000_000 + 60.5
    assert isinstance(await browser(world).asks(None, **BARE | {"request": odd(exp=end, nbf=end - 120)}), Asked)


async def test_what_is_wrong_is_told_to_where_the_request_object_says(world: World) -> None:
    going = await browser(world).asks(None, **BARE | {"request": signed(prompt="dance", state="within")})
    assert isinstance(going, Destination)
    assert going.to.redirect_uri == CALLBACK
    assert dict(going.parameters)["state"] == "within"


async def test_an_id_token_hint_within_a_request_object_says_who_it_has_to_be(world: World) -> None:
    hint = IdTokenHint(ALICE, OBJECTS.id, "")
    within = BARE | {"request": signed(id_token_hint="a.b.c")}
    going = await browser(world).asks(hint, **within)
    assert isinstance(going, Asked)
    assert going.request.account_id == ALICE
    assert error_of(await browser(world).asks(None, **within)) == "invalid_request"


async def test_a_pushed_request_object_is_heard_to_the_last_of_what_it_says(world: World) -> None:
    """Whom its hint names, and the key that it names (RFC 9449 10.1)."""
    token, hints = browser(world).at.token, saying(IdTokenHint(ALICE, OBJECTS.id, ""))
    asked = {"client_id": OBJECTS.id, "request": signed(id_token_hint="a.b.c", dpop_jkt="k" * 43)}
    pushed = await push(token, OBJECTS, asked, [], hints, "k" * 43)
    going = await browser(world).asks(None, **BARE | {"request_uri": pushed.request_uri})
    assert isinstance(going, Asked)
    assert going.request.account_id == ALICE
    with pytest.raises(InvalidRequest):
        await push(token, OBJECTS, asked, [], hints, "o" * 43)
