"""private_key_jwt and client_secret_jwt (RFC 7523 3, OpenID Connect Core 9, FAPI 2.0 Security Profile 5.3.2.1)."""

import asyncio
import hashlib
import hmac
import secrets
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.requests import Request

from chassis.web import oauth_form
from eventlog.errors import Refusal
from services.token.api.client_auth import METHODS, client_of
from services.token.commands.client_changes import delete_client, rotate_secret, update_client
from services.token.domain import SECOND
from services.token.domain.client import Client
from services.token.domain.errors import InvalidClient
from services.token.ports import Token
from tests.unit.token.proving import TOKEN_URL, Key, asked, asserted, asserts, b64, forged
from tests.unit.token.test_clients import basic
from tests.unit.token.world import IDENTITY, ISSUER, SERVICE, World

KEYS = {alg: Key(alg, kid=alg) for alg in ("ES256", "RS256", "PS256", "EdDSA")}
ES256 = KEYS["ES256"]
BANK = msgspec.structs.replace(
    SERVICE,
    id="bank",
    token_endpoint_auth_method="private_key_jwt",
    jwks={"keys": [KEYS[alg].jwk for alg in ("RS256", "ES256", "EdDSA")]},
)
SHARING = msgspec.structs.replace(SERVICE, id="sharing", token_endpoint_auth_method="client_secret_jwt")
FAPI = msgspec.structs.replace(
    BANK, id="fapi", require_pushed_authorization_requests=True, dpop_bound_access_tokens=True, id_token_alg="ES256"
)


@pytest.fixture
async def world() -> World:
    return await World.made(BANK, SHARING, FAPI)


async def shown(token: Token, request: Request) -> Client:
    return await client_of(token, request, await oauth_form(request))


async def proven(
    world: World, assertion: str, body: dict[str, str] | None = None, path: str = "/oauth2/token"
) -> Client:
    return await shown(world.a.token, asked(asserted(assertion, **(body or {})), path=path))


async def refused(world: World, assertion: str, body: dict[str, str] | None = None) -> str:
    with pytest.raises(InvalidClient) as refusal:
        await proven(world, assertion, body)
    assert refusal.value.code == "invalid_client"
    return refusal.value.detail


@pytest.mark.parametrize("alg", KEYS)
async def test_a_client_proves_itself_by_its_key(world: World, alg: str) -> None:
    assert (await proven(world, KEYS[alg].sign(asserts(world)))).id == "bank"
    assert (await proven(world, KEYS[alg].sign(asserts(world)), {"client_id": "bank"})).id == "bank"


@pytest.mark.parametrize("aud", [ISSUER, TOKEN_URL, [ISSUER], ["https://other.example", TOKEN_URL]])
async def test_the_issuer_or_the_token_endpoint_is_the_audience(world: World, aud: Any) -> None:
    assert (await proven(world, ES256.sign(asserts(world, aud=aud)))).id == "bank"


async def test_an_endpoint_of_our_own_is_the_audience_at_that_endpoint_only(world: World) -> None:
    par = f"{ISSUER}/oauth2/par"
    assert (await proven(world, ES256.sign(asserts(world, aud=par)), path="/oauth2/par")).id == "bank"
    assert "aud" in await refused(world, ES256.sign(asserts(world, aud=par)))


@pytest.mark.parametrize("aud", [TOKEN_URL, [ISSUER], [ISSUER, TOKEN_URL], ISSUER + "/", None])
async def test_under_fapi_the_audience_is_the_issuer_as_one_string(world: World, aud: Any) -> None:
    assert (await proven(world, ES256.sign(asserts(world, "fapi")))).id == "fapi"
    assert "aud" in await refused(world, ES256.sign(asserts(world, "fapi", aud=aud)))


async def test_under_fapi_rs256_is_refused(world: World) -> None:
    assert "RS256" not in await refused(world, KEYS["RS256"].sign(asserts(world, "fapi")))


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "service"}, {"iss": None}, {"aud": None}, {"aud": "https://evil.example/oauth2/token"}, {"aud": []},
        {"aud": [7]}, {"aud": {"x": ISSUER}}, {"exp": None}, {"exp": "soon"}, {"exp": True}, {"exp": 1 << 60},
        {"jti": None}, {"jti": ""}, {"jti": 7}, {"jti": "x" * 257},
    ],
)  # fmt: skip
async def test_an_assertion_says_by_whom_for_whom_and_until_when(world: World, wrong: dict[str, Any]) -> None:
    await refused(world, ES256.sign(asserts(world, **wrong)))


@pytest.mark.parametrize("sub", [None, 7, "", "nobody", "acc_alice", "x" * 100_000, "bank\0"])
async def test_an_assertion_about_nobody_is_refused(world: World, sub: Any) -> None:
    await refused(world, forged({"alg": "ES256"}, asserts(world, sub=sub, iss=sub)))


@pytest.mark.parametrize(
    ("late", "good"),
    [
        ({"exp": -60}, False), ({"exp": -10}, True), ({"exp": 3600}, True), ({"exp": 3700}, False),
        ({"iat": 10}, True), ({"iat": 61}, False), ({"nbf": 10}, True), ({"nbf": 61}, False), ({"iat": -4000}, True),
    ],
)  # fmt: skip
async def test_an_assertion_is_of_now_by_the_logs_time(world: World, late: dict[str, int], good: bool) -> None:
    now = world.clock.time // SECOND
    changed: dict[str, Any] = {name: now + seconds for name, seconds in late.items()}
    assertion = ES256.sign(asserts(world, **changed))
    if good:
        assert (await proven(world, assertion)).id == "bank"
    else:
        await refused(world, assertion)


async def test_an_assertion_is_taken_once_over_all_processes_also_at_once(world: World) -> None:
    assertion = ES256.sign(asserts(world))
    answers = await asyncio.gather(
        *(shown(process.token, asked(asserted(assertion))) for process in (world.a, world.b) * 5),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, Client) for answer in answers) == 1
    assert all("jti" in str(answer) for answer in answers if not isinstance(answer, Client))
    world.clock.forward(89)
    assert await refused(world, assertion)


async def test_a_refused_assertion_uses_up_nobodys_jti(world: World) -> None:
    other = Key(kid="ES256")
    claims = asserts(world)
    await refused(world, other.sign(claims))
    assert (await proven(world, ES256.sign(claims))).id == "bank"


async def test_none_is_no_algorithm(world: World) -> None:
    for alg in ("none", "None", "nOnE", ""):
        await refused(world, forged({"alg": alg}, asserts(world)))
    await refused(world, jwt.encode(asserts(world), "", "none"))


async def test_a_public_key_makes_no_mac(world: World) -> None:
    """RFC 8725 2.1."""
    public = ES256.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for key in (public, ES256.jwk["x"].encode(), b"", world.secrets["bank"].encode()):
        unsigned = forged({"alg": "HS256", "kid": "ES256"}, asserts(world)).rpartition(".")[0]
        mac = hmac.digest(key, unsigned.encode(), hashlib.sha256)
        await refused(world, f"{unsigned}.{b64(mac)}")


@pytest.mark.parametrize(
    "header", [{"typ": "at+jwt"}, {"typ": "dpop+jwt"}, {"typ": "logout+jwt"}, {"typ": 7}, {"typ": ["JWT"]},
               {"crit": ["exp"]}, {"jku": "https://evil.example/"}, {"b64": False}],
)  # fmt: skip
async def test_a_jwt_of_another_kind_is_no_assertion(world: World, header: dict[str, Any]) -> None:
    await refused(world, ES256.sign(asserts(world), **header))


@pytest.mark.parametrize("typ", ["JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"])
async def test_an_assertion_may_say_what_it_is(world: World, typ: str) -> None:
    assert (await proven(world, ES256.sign(asserts(world), typ=typ))).id == "bank"


async def test_a_key_that_the_assertion_brings_is_not_the_clients(world: World) -> None:
    own = Key()
    await refused(world, own.sign(asserts(world), jwk=own.jwk))


@pytest.mark.parametrize("text", ["", "x", "a.b", "a.b.c", "a.b.c.d", "\u00e9.b.c", "x" * 20_000])
async def test_what_is_no_jwt_is_refused(world: World, text: str) -> None:
    with pytest.raises(Refusal) as refusal:
        await proven(world, text)
    assert refusal.value.code in ("invalid_client", "invalid_request")


async def test_a_changed_assertion_is_refused(world: World) -> None:
    head, _, signature = ES256.sign(asserts(world)).split(".")
    changed = forged({"alg": "ES256"}, asserts(world, jti="other")).split(".")[1]
    assert "signature" in await refused(world, f"{head}.{changed}.{signature}")


@pytest.mark.parametrize(
    "changed", [{"use": "enc"}, {"alg": "RS256"}, {"key_ops": ["sign"]}, {"kid": "other"}, {"crv": "P-384"}]
)
async def test_a_key_that_is_for_something_else_verifies_nothing(world: World, changed: dict[str, Any]) -> None:
    key = Key(kid="one")
    wrong = msgspec.structs.replace(BANK, id="wrong", jwks={"keys": [key.jwk | changed]})
    await world.register(wrong)
    await refused(world, key.sign(asserts(world, "wrong"), kid="one"))


async def test_no_client_is_registered_with_a_private_key(world: World) -> None:
    for keys in ([Key().private_jwk], [Key().jwk, None], [7]):
        with pytest.raises(Refusal, match="public keys"):
            await world.register(msgspec.structs.replace(BANK, id="wrong", jwks={"keys": keys}))


async def test_the_one_registered_method_is_the_only_one(world: World) -> None:
    await world.register(msgspec.structs.replace(SERVICE, id="post", token_endpoint_auth_method="client_secret_post"))
    await world.register(msgspec.structs.replace(SERVICE, id="former"))
    await update_client(world.a.token, msgspec.structs.replace(BANK, id="former"), IDENTITY)
    for client_id, method in (("former", "private_key_jwt"), ("post", "client_secret_post")):
        secret = world.secrets[client_id]
        by_header = asked({}, ("Authorization", basic(client_id, secret).decode()))
        with pytest.raises(InvalidClient, match=method):
            await shown(world.a.token, by_header)
    by_form, by_nothing = {"client_id": "former", "client_secret": world.secrets["former"]}, {"client_id": "bank"}
    for body in (by_form, by_nothing):
        with pytest.raises(InvalidClient):
            await shown(world.a.token, asked(body))
    assert "not registered for assertions" in await refused(world, ES256.sign(asserts(world, "app")))


async def test_keys_that_a_client_has_for_something_else_prove_nothing(world: World) -> None:
    await world.register(msgspec.structs.replace(BANK, id="other", token_endpoint_auth_method=""))
    assert "not registered for assertions" in await refused(world, ES256.sign(asserts(world, "other")))


async def test_a_client_names_one_method_and_one_client(world: World) -> None:
    with pytest.raises(Refusal, match="one method"):
        await proven(world, ES256.sign(asserts(world)), {"client_secret": "x"})
    await refused(world, ES256.sign(asserts(world)), {"client_id": "service"})
    with pytest.raises(Refusal, match="client_assertion_type"):
        await proven(world, ES256.sign(asserts(world)), {"client_assertion_type": "saml"})


async def test_a_client_may_register_one_algorithm(world: World) -> None:
    await world.register(msgspec.structs.replace(BANK, id="strict", token_endpoint_auth_signing_alg="ES256"))
    assert (await proven(world, ES256.sign(asserts(world, "strict")))).id == "strict"
    await refused(world, KEYS["EdDSA"].sign(asserts(world, "strict")))


async def test_a_shared_secret_signs_and_is_not_sent(world: World) -> None:
    secret = world.secrets["sharing"]
    assertion = jwt.encode(asserts(world, "sharing"), secret, "HS256")
    assert (await shown(world.b.token, asked(asserted(assertion)))).id == "sharing"
    assert "jti" in await refused(world, assertion)
    await refused(world, jwt.encode(asserts(world, "sharing"), secrets.token_urlsafe(32), "HS256"))
    await refused(world, jwt.encode(asserts(world, "sharing"), secret * 2, "HS512"))
    await refused(world, ES256.sign(asserts(world, "sharing")))
    with pytest.raises(InvalidClient):
        await shown(world.a.token, asked({"client_id": "sharing", "client_secret": secret}))


async def test_a_rotated_secret_that_signs_leaves_the_old_one_good_until_its_time(world: World) -> None:
    old = world.secrets["sharing"]
    new = (await rotate_secret(world.a.token, "sharing", 60 * SECOND, IDENTITY)).secret

    async def opens(secret: str, number: int) -> bool:
        assertion = jwt.encode(asserts(world, "sharing", jti=f"rotated-{number}"), secret, "HS256")
        try:
            return (await shown(world.b.token, asked(asserted(assertion)))).known
        except InvalidClient:
            return False

    assert [await opens(secret, number) for number, secret in enumerate((old, new))] == [True, True]
    world.clock.forward(60)
    assert [await opens(secret, number) for number, secret in enumerate((old, new), 2)] == [False, True]
    await delete_client(world.a.token, "sharing", IDENTITY)
    assert not await opens(new, 4)
    assert not any(name.startswith("client_secret/") for name in world.wrapped._wrapped)


async def test_a_secret_that_signs_lies_encrypted_and_hashed_nowhere(world: World) -> None:
    secret = world.secrets["sharing"].encode()
    row = next(row for row in world.store.rows if row.stream == "client/sharing")
    assert row.sealed is None
    hashes = (hashlib.sha256(secret).hexdigest().encode(), hashlib.sha256(secret).digest())
    for text in (row.body, *world.wrapped._wrapped.values(), *map(str.encode, world.wrapped._wrapped)):
        assert secret not in text
        assert not any(hashed in text for hashed in hashes)


def test_every_method_of_the_standards_is_in_the_table() -> None:
    assert set(METHODS) == {
        *("none", "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"),
        *("tls_client_auth", "self_signed_tls_client_auth"),
    }
