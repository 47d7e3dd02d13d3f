"""Who holds identity's certificate can be anybody, and no more than that (docs/security, "Signing people in")."""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp

from tests.harness.applications import Application, registered
from tests.harness.calls import refused
from tests.harness.feeds import heads, read
from tests.harness.people import People, Person, claims
from tests.harness.running import Running
from watchword.log.v1 import log_pb2
from watchword.token.v1 import authorization_pb2 as pb
from watchword.token.v1 import authorization_pb2_grpc, token_pb2, token_pb2_grpc

pytestmark = pytest.mark.over("feed")

BACK, EVIL = "https://app.example/callback", "https://evil.example/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
DENIED = "PERMISSION_DENIED"


@dataclass
class Thief:
    """It holds identity's certificate, and has never seen the victim."""

    suite: Running
    people: People
    stub: Any
    victim: Person

    async def begins(self, client: Application, **more: str) -> pb.BeginAuthorizationResponse:
        asked = {"client_id": client.client_id, "redirect_uri": BACK, "response_type": "code", "scope": "openid email"}
        asked |= {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
        said: pb.BeginAuthorizationResponse = await self.stub.BeginAuthorization(
            pb.BeginAuthorizationRequest(parameters=urlencode(asked | more).encode()), timeout=10
        )
        return said

    async def goes_on(self, handle: str, *scopes: str) -> pb.ContinueAuthorizationResponse:
        """By its word, the victim is signed in and allows whatever it says."""
        who = pb.SignedIn(
            account_id=self.victim.account_id,
            session_id=f"ses_{secrets.token_urlsafe(12)}",
            session_position=1,
            seen=(await heads(self.suite))["token"],
            auth_time=Timestamp(seconds=1_700_000_000),
            acr="urn:watchword:acr:password",
            amr=["pwd"],
            decision=pb.Decision(allow=True, scopes=scopes),
        )
        request = pb.ContinueAuthorizationRequest(handle=handle, signed_in=who)
        said: pb.ContinueAuthorizationResponse = await self.stub.ContinueAuthorization(request, timeout=10)
        return said

    async def code(self, client: Application, *scopes: str) -> str:
        begun = await self.begins(client)
        going = (await self.goes_on(begun.asked.handle, *scopes)).destination
        assert going.redirect_uri == BACK
        return {one.name: one.value for one in going.parameters}["code"]

    async def redeems(self, client: Application, code: str, **more: str) -> Any:
        """At the token endpoint, where identity is nobody."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "client_id": client.client_id}
        return await self.people.http.post(f"{self.people.url('token')}/oauth2/token", data=form | more)


@pytest_asyncio.fixture
async def thief(suite: Running, people: People) -> AsyncIterator[Thief]:
    victim = await people.register()
    async with suite.channel("token", "service", "identity") as channel:
        yield Thief(suite, people, authorization_pb2_grpc.AuthorizationServiceStub(channel), victim)


async def application(suite: Running, confidential: bool = True, **more: Any) -> Application:
    return await registered(
        suite,
        name="An application",
        confidential=confidential,
        grant_types=["authorization_code"],
        scopes=["openid", "email", "profile", "offline_access"],
        redirect_uris=[BACK],
        **more,
    )


async def test_it_can_say_that_anybody_is_signed_in_and_has_consented_and_the_log_says_who_did(thief: Thief) -> None:
    client, before = await application(thief.suite), (await heads(thief.suite))["token"]
    answer = await thief.redeems(
        client, await thief.code(client, "openid", "email"), client_secret=client.secret, code_verifier=VERIFIER
    )
    assert claims(answer.json()["access_token"])["sub"] == thief.victim.account_id
    events, _ = await read(thief.suite, "token", before)
    ours = [one for one in events if json.loads(one.body).get("client_id") == client.client_id]
    named = {one.type.removeprefix("watchword.token.").rpartition(".v")[0]: one.actor for one in ours}
    assert {named["grant.given"], named["code.issued"]} == {"service/identity"}
    assert {"code.redeemed", "family.started", "token.issued"} <= named.keys()


async def test_of_a_public_application_it_can_have_tokens_for_anybody(thief: Thief) -> None:
    """It proves nothing, so anybody can ask in its name, and identity says who answers."""
    client = await application(thief.suite, confidential=False)
    answer = await thief.redeems(client, await thief.code(client, "openid", "email"), code_verifier=VERIFIER)
    assert claims(answer.json()["access_token"])["sub"] == thief.victim.account_id


async def test_what_the_authorization_endpoint_gives_passes_through_it_and_is_in_the_log(thief: Thief) -> None:
    """OpenID Connect Core 3.2, for those who registered themselves for it."""
    served = thief.suite.start_second("token", {"WATCHWORD_TOKEN_REGISTRATION": "open"})
    try:
        wanted = {"redirect_uris": [BACK], "grant_types": ["implicit"], "response_types": ["id_token token"]}
        told = (await thief.people.http.post(f"{served.rest}/oauth2/register", json=wanted)).json()
    finally:
        served.stop()
    client, before = Application(told["client_id"], ""), (await heads(thief.suite))["token"]
    begun = await thief.begins(client, response_type="id_token token", response_mode="form_post", nonce="n")
    going = (await thief.goes_on(begun.asked.handle, "openid", "email")).destination
    given = {one.name: one.value for one in going.parameters}
    assert claims(given["id_token"])["sub"] == claims(given["access_token"])["sub"] == thief.victim.account_id
    events, _ = await read(thief.suite, "token", before)
    issued = [json.loads(one.body) for one in events if one.type == "watchword.token.token.issued.v1"]
    assert claims(given["access_token"])["jti"] in [one["token_id"] for one in issued]
    assert "watchword.token.client.used.v1" in {one.type for one in events}, "and it ends by itself no more"


async def test_it_cannot_send_a_code_elsewhere(thief: Thief) -> None:
    """What it hands on has no word for an address; the request has, and that was judged."""
    client = await application(thief.suite)
    begun = await thief.begins(client, redirect_uri=EVIL)
    assert begun.WhichOneof("result") == "error"
    assert {one.name for one in pb.ContinueAuthorizationRequest.DESCRIPTOR.fields} == {
        *("handle", "signed_in", "given_up")
    }
    assert not [name for name in _fields(pb.SignedIn) if re.search("uri|address|client", name)]
    assert (await thief.goes_on(secrets.token_urlsafe(32))).WhichOneof("result") == "error", "a handle of its own"


def _fields(message: Any) -> list[str]:
    return [one.name for one in message.DESCRIPTOR.fields]


async def test_it_cannot_give_more_than_was_asked_for(thief: Thief) -> None:
    client, before = await application(thief.suite), (await heads(thief.suite))["token"]
    code = await thief.code(client, "openid", "email", "profile", "offline_access", "watchword:admin")
    answer = await thief.redeems(client, code, client_secret=client.secret, code_verifier=VERIFIER)
    assert set(answer.json()["scope"].split()) == {"openid", "email"}
    events, _ = await read(thief.suite, "token", before)
    (given,) = [json.loads(one.body) for one in events if one.type == "watchword.token.grant.given.v1"]
    assert set(given["scopes"]) == {"openid", "email"}, "nor is more remembered as granted"
    begun = await thief.begins(client, scope="openid watchword:admin")
    assert begun.WhichOneof("result") == "asked", "what it may not have is passed over"
    code = {
        one.name: one.value
        for one in (await thief.goes_on(begun.asked.handle, "openid", "watchword:admin")).destination.parameters
    }["code"]
    answer = await thief.redeems(client, code, client_secret=client.secret, code_verifier=VERIFIER)
    assert answer.json()["scope"] == "openid"


async def test_it_cannot_redeem_what_an_application_asked_for(thief: Thief) -> None:
    for confidential, status, error in ((True, 401, "invalid_client"), (False, 400, "invalid_grant")):
        client = await application(thief.suite, confidential)
        code = await thief.code(client, "openid", "email")
        for guess in ({"code_verifier": secrets.token_urlsafe(48)}, {}):
            answer = await thief.redeems(client, code, **guess)
            assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text


@pytest.mark.parametrize("more", [{"exp": 4_000_000_000, "nonce": "n"}, {"scope": "watchword:admin"}, {"pos": 1}])
async def test_it_has_nothing_signed_that_passes_for_another_token(thief: Thief, more: dict[str, Any]) -> None:
    client = await application(thief.suite, userinfo_alg="RS256")
    request = pb.SignUserInfoRequest(client_id=client.client_id, account_id=thief.victim.account_id)
    request.claims.update({"email": "a@b.org"})
    assert claims((await thief.stub.SignUserInfo(request)).jwt).keys() == {"iss", "sub", "aud", "iat", "email"}
    request.claims.update(more)
    assert (await refused(thief.stub.SignUserInfo(request)))[0] == "INVALID_ARGUMENT"


async def test_it_makes_no_clients_no_keys_and_no_callers(thief: Thief) -> None:
    head = (await heads(thief.suite))["token"]
    async with thief.suite.channel("token", "service", "identity") as channel:
        stub: Any = token_pb2_grpc.TokenServiceStub(channel)
        for call, request in (
            (stub.CreateClient, token_pb2.CreateClientRequest()),
            (stub.UpdateClient, token_pb2.UpdateClientRequest()),
            (stub.GetClient, token_pb2.GetClientRequest(client_id=thief.suite.app)),
            (stub.RotateClientSecret, token_pb2.RotateClientSecretRequest(client_id=thief.suite.app)),
            (stub.DeleteClient, token_pb2.DeleteClientRequest(client_id=thief.suite.app)),
            (stub.ListClients, token_pb2.ListClientsRequest()),
            (stub.ListKeys, token_pb2.ListKeysRequest()),
            (stub.RotateKey, token_pb2.RotateKeyRequest()),
            (stub.GrantCaller, token_pb2.GrantCallerRequest()),
            (stub.RevokeCertificate, token_pb2.RevokeCertificateRequest()),
        ):
            # An administrator's bearer would do; identity's own certificate says nothing here.
            assert (await refused(call(request, timeout=10)))[0] in (DENIED, "UNAUTHENTICATED")
    assert (await heads(thief.suite))["token"] == head


async def test_no_log_can_be_written_or_undone_by_whoever_may_read_it(thief: Thief) -> None:
    """The log's service reads, and its database takes identity for nobody."""
    methods = {one.name for one in log_pb2.DESCRIPTOR.services_by_name["EventLogService"].methods}
    assert methods == {"Read"}
    dsn = (thief.suite.place.secrets / "identity.dsn").read_text().strip()
    for other in ("token", "policy"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with asyncio.timeout(10):
                await asyncpg.connect(re.sub(r"/[a-z_]*identity[a-z_]*\?", f"/{database_of(thief.suite, other)}?", dsn))


def database_of(suite: Running, name: str) -> str:
    found = re.search(r"/([a-z_]+)\?", (suite.place.secrets / f"{name}.dsn").read_text())
    assert found is not None
    return found[1]
