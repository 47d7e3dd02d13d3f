"""tls_client_auth, self_signed_tls_client_auth and tokens that are bound to a certificate (RFC 8705)."""

from base64 import b64encode
from hashlib import sha256
from ipaddress import ip_address
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from chassis.web import oauth_form
from eventlog.errors import Refusal
from services.token.api.client_auth import client_of
from services.token.commands.issue import client_credentials
from services.token.domain.binding import Binding
from services.token.domain.client import Client
from services.token.domain.errors import InvalidClient
from services.token.ports import Proving
from services.token.queries import Asker, introspect
from tests.unit.token.certified import HOUR, NOW, Signer, escaped
from tests.unit.token.proving import Key, asked, asserted, asserts, b64, bound_by
from tests.unit.token.world import IDENTITY, SERVICE, World, claims_of
from watchword.errors import TokenRefused
from watchword.proof import Proven

CA = Signer()
BELOW = Signer("CN=Issuing CA", above=CA)
DN = "CN=bank,O=Example"
BANK = msgspec.structs.replace(
    SERVICE,
    id="bank",
    token_endpoint_auth_method="tls_client_auth",
    tls_client_auth_subject_dn=DN,
    tls_client_certificate_bound_access_tokens=True,
)
OWN = Signer(DN, ca=False).certificate
SELF = msgspec.structs.replace(
    SERVICE,
    id="self",
    token_endpoint_auth_method="self_signed_tls_client_auth",
    jwks={"keys": [Key().jwk, Key().jwk | {"x5c": [b64encode(OWN.public_bytes(Encoding.DER)).decode()]}]},
)


@pytest.fixture
async def world() -> World:
    return await World.made(BANK, SELF, proving=Proving(authorities=CA.pem, nonces=False))


async def proven(world: World, client_id: str, certificate: x509.Certificate | None) -> Client:
    request = asked({"client_id": client_id}, certificate=escaped(certificate) if certificate else None)
    return await client_of(world.a.token, request, await oauth_form(request))


async def refused(world: World, client_id: str, certificate: x509.Certificate | None) -> str:
    with pytest.raises(InvalidClient) as refusal:
        await proven(world, client_id, certificate)
    return refusal.value.detail


async def test_a_certificate_by_an_authority_with_the_registered_name_is_the_clients(world: World) -> None:
    assert (await proven(world, "bank", CA.client())).id == "bank"
    assert (await proven(world, "bank", CA.client())).id == "bank"


async def test_no_certificate_is_no_proof(world: World) -> None:
    assert "no certificate" in await refused(world, "bank", None)
    assert "no certificate" in await refused(world, "self", None)


async def test_whoever_vouched_for_it_is_believed_by_token_alone(world: World) -> None:
    """The proxy's verdict is not enough, and a name is easily written."""
    stranger = Signer()
    assert "authority" in await refused(world, "bank", stranger.client())
    assert "authority" in await refused(world, "bank", Signer(DN, ca=False).certificate)
    client = Signer(DN, above=CA, ca=False)
    assert (await proven(world, "bank", client.certificate)).id == "bank"
    assert "authority" in await refused(world, "bank", client.client())


async def test_an_authority_between_is_found_where_the_operator_named_it(world: World) -> None:
    assert "authority" in await refused(world, "bank", BELOW.client())
    both = await World.made(BANK, proving=Proving(authorities=CA.pem + BELOW.pem))
    assert (await proven(both, "bank", BELOW.client())).id == "bank"


async def test_where_no_authority_is_named_none_is_believed() -> None:
    world = await World.made(BANK)
    assert "authority" in await refused(world, "bank", CA.client())


@pytest.mark.parametrize("span", [(NOW + HOUR, NOW + 2 * HOUR), (NOW - 2 * HOUR, NOW - HOUR)])
async def test_a_certificate_is_good_in_its_time_by_the_logs(world: World, span: tuple[Any, Any]) -> None:
    assert "not valid now" in await refused(world, "bank", CA.client(since=span[0], until=span[1]))


async def test_a_servers_certificate_is_not_a_clients(world: World) -> None:
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    assert "authority" in await refused(world, "bank", CA.client(extensions=(server,)))
    assert (await proven(world, "bank", CA.client(extensions=(both,)))).id == "bank"


@pytest.mark.parametrize(
    "name", ["CN=bank", "O=Example,CN=bank", "CN=bank,O=Example,C=DE", "CN=bank2,O=Example", "CN=bank\\,O=Example"]
)
async def test_the_whole_subject_is_the_registered_one(world: World, name: str) -> None:
    assert "names another" in await refused(world, "bank", CA.client(name))


@pytest.mark.parametrize(
    ("registered", "good", "wrong"),
    [
        ({"san_dns": "bank.example"}, x509.DNSName("BANK.example"), x509.DNSName("x.bank.example")),
        ({"san_dns": "bank.example"}, x509.DNSName("bank.example"), x509.DNSName("*.example")),
        (
            {"san_uri": "https://bank.example/"},
            x509.UniformResourceIdentifier("https://bank.example/"),
            x509.UniformResourceIdentifier("https://bank.example/x"),
        ),
        (
            {"san_ip": "192.0.2.1"},
            x509.IPAddress(ip_address("192.0.2.1")),
            x509.IPAddress(ip_address("192.0.2.2")),
        ),
        (
            {"san_email": "ops@bank.example"},
            x509.RFC822Name("ops@bank.example"),
            x509.RFC822Name("dev@bank.example"),
        ),
    ],
)
async def test_the_registered_name_may_be_another_than_the_subject(
    world: World, registered: dict[str, str], good: x509.GeneralName, wrong: x509.GeneralName
) -> None:
    names = {f"tls_client_auth_{name}": value for name, value in registered.items()}
    await world.register(msgspec.structs.replace(BANK, id="named", tls_client_auth_subject_dn="", **names))
    assert (await proven(world, "named", CA.client("CN=x", wrong, good))).id == "named"
    for names_there in ((wrong,), (), (x509.DNSName("x"),)):
        assert "names another" in await refused(world, "named", CA.client("CN=bank.example", *names_there))


@pytest.mark.parametrize(
    "names",
    [
        {"tls_client_auth_subject_dn": ""},
        {"tls_client_auth_san_dns": "bank.example"},
        {"tls_client_auth_subject_dn": "bank"},
        {"tls_client_auth_subject_dn": "", "tls_client_auth_san_ip": "bank"},
    ],
)
async def test_a_client_registers_just_one_name_that_can_be_read(world: World, names: dict[str, str]) -> None:
    with pytest.raises(Refusal, match="invalid_client_metadata"):
        await world.register(msgspec.structs.replace(BANK, id="nameless", **names))


async def test_a_certificate_of_its_own_is_the_one_that_it_registered(world: World) -> None:
    assert (await proven(world, "self", OWN)).id == "self"
    for other in (Signer(DN, ca=False).certificate, CA.client()):
        assert "none of the client's" in await refused(world, "self", other)


async def test_a_certificate_is_for_who_registered_for_it(world: World) -> None:
    await world.register(msgspec.structs.replace(SERVICE, id="secretive", tls_client_auth_subject_dn=DN))
    for client_id in ("secretive", "service", "nobody"):
        await refused(world, client_id, CA.client())
    request = asked({"client_id": "bank", "client_secret": "x" * 43}, certificate=escaped(CA.client()))
    with pytest.raises(InvalidClient):
        await client_of(world.a.token, request, await oauth_form(request))


async def test_a_bound_token_names_the_certificate(world: World) -> None:
    certificate = CA.client()
    thumbprint = b64(sha256(certificate.public_bytes(Encoding.DER)).digest())
    client = await proven(world, "bank", certificate)
    binding = await bound_by(world.a.token, asked({}, certificate=escaped(certificate)), client)
    given = await client_credentials(world.a.token, client, None, [], IDENTITY, binding)
    assert claims_of(given)["cnf"] == {"x5t#S256": thumbprint}
    assert given.answer.token_type == "Bearer"
    with pytest.raises(TokenRefused, match="proof_required"):
        await world.b.verifier.verify(given.answer.access_token, Proven(jkt=thumbprint))
    assert (await world.b.verifier.verify(given.answer.access_token, Proven(x5t=thumbprint))).sub == "bank"
    answer = await introspect(world.b.token, world.b.verifier, given.answer.access_token, Asker("bank", frozenset()))
    assert (answer["token_type"], answer["cnf"]) == ("Bearer", {"x5t#S256": thumbprint})


async def test_a_client_whose_tokens_are_bound_shows_its_certificate_however_it_proves_itself(world: World) -> None:
    key, certificate = Key(), CA.client()
    other = {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key.jwk]}}
    await world.register(msgspec.structs.replace(BANK, id="mixed", **other))
    request = asked(asserted(key.sign(asserts(world, "mixed"))))
    client = await client_of(world.a.token, request, await oauth_form(request))
    with pytest.raises(Refusal, match="bound to its certificate"):
        await bound_by(world.a.token, request, client)
    assert (await bound_by(world.a.token, asked({}, certificate=escaped(certificate)), client)).x5t


async def test_a_certificate_binds_only_the_tokens_of_who_registered_for_it(world: World) -> None:
    request = asked({}, certificate=escaped(OWN))
    assert await bound_by(world.a.token, request, SELF) == Binding()


@pytest.mark.parametrize("value", [b"x", b"-----BEGIN%20CERTIFICATE-----", b":AAAA:", b"%FF", b"x" * 20_000])
async def test_what_a_proxy_hands_on_is_a_certificate(world: World, value: bytes) -> None:
    request = asked({"client_id": "bank"}, certificate=value)
    with pytest.raises(Refusal) as refusal:
        await client_of(world.a.token, request, await oauth_form(request))
    assert refusal.value.code == "invalid_request"
