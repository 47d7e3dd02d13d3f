"""The OAuth endpoints, from a form to an answer: RFC 6749 5, RFC 7009 2, RFC 7662 2."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import Response

from chassis import positions
from eventlog.errors import Refusal
from eventlog.events import Recorded
from eventlog.feed import LocalFeed
from eventlog.projection import MemoryProjection
from eventlog.readers import MemoryReaders
from eventlog.store import MemoryStore
from services.token.api.grpc import Revoking
from services.token.api.oauth import OAuth
from services.token.domain.client import CLIENT
from services.token.domain.errors import InvalidGrant, MayHaveWaited, UnauthorizedClient, UnsupportedGrantType
from services.token.domain.keyring import REFRESH_RING
from services.token.domain.registration import GRANT_TYPES
from services.token.ports import Proving
from services.token.projections import TRUST
from services.token.queries import OwnKeys
from tests.unit.projection.notes import Table
from tests.unit.token.certified import Signer
from tests.unit.token.world import APP, ISSUER, Process, World, claims_of, posted, refresh_of
from watchword.errors import TokenRefused

Handler = Callable[[Request], Any]
OTHER = msgspec.structs.replace(APP, id="other")


def following(process: Process) -> tuple[Revoking, MemoryProjection]:
    """Revocation in a process, and the projection that tells it what is revoked."""
    store, readers = process.token.log.store, MemoryReaders()
    source = LocalFeed("token", store, readers, process.clock.now)
    trust = MemoryProjection(TRUST, Table(), source, process.trust, "token/trust")
    return Revoking(process.token, trust, readers), trust


def door(process: Process) -> tuple[OAuth, MemoryProjection]:
    """The handlers of a process, and the projection that tells it what is revoked."""
    revoking, trust = following(process)
    return OAuth(process.token, process.verifier, OwnKeys(process.token), revoking, "https://login.example"), trust


@pytest.fixture
async def world() -> World:
    return await World.made(OTHER)


@pytest.fixture
async def oauth(world: World) -> AsyncIterator[OAuth]:
    """Process a's handlers, with its projection running."""
    made, trust = door(world.a)
    running = asyncio.ensure_future(trust.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def answered(handler: Handler, **body: str) -> tuple[Response, Any]:
    response: Response = await handler(posted(body))
    return response, msgspec.json.decode(bytes(response.body)) if response.body else None


async def refused(handler: Handler, **body: str) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await answered(handler, **body)
    return refusal.value


async def test_a_refresh_is_answered_as_rfc_6749_says_and_is_not_cached(world: World, oauth: OAuth) -> None:
    first = refresh_of(await world.login())
    noted = positions.begin()
    response, body = await answered(
        oauth.token, grant_type="refresh_token", refresh_token=first, client_id="app", scope="watchword:account"
    )
    assert set(body) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 720, "watchword:account")
    assert response.headers["cache-control"] == "no-store"
    assert noted == {"token": world.head}


async def test_client_credentials_are_answered_without_a_refresh_token(world: World, oauth: OAuth) -> None:
    secret = world.secrets["service"]
    _, body = await answered(
        oauth.token, grant_type="client_credentials", client_id="service", client_secret=secret, resource="stock"
    )
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert (await world.b.verified(body["access_token"])).aud == ("stock",)


@pytest.mark.parametrize("grant_type", ["password", "implicit", "x"])
async def test_a_grant_type_that_is_not_served_is_unsupported(world: World, oauth: OAuth, grant_type: str) -> None:
    assert isinstance(await refused(oauth.token, grant_type=grant_type, client_id="app"), UnsupportedGrantType)


async def test_reuse_is_answered_once_this_process_refuses_what_it_ended(world: World) -> None:
    oauth, trust = door(world.a)
    spent = current = await world.login()
    for _ in range(2):
        current = await world.refresh(refresh_of(current))
    body = {"grant_type": "refresh_token", "refresh_token": refresh_of(spent), "client_id": "app"}
    asked = asyncio.ensure_future(refused(oauth.token, **body))
    await asyncio.wait([asked], timeout=0.2)
    assert not asked.done()
    running = asyncio.ensure_future(trust.run())
    assert (await asked).code == "invalid_grant"
    with pytest.raises(TokenRefused, match="family"):
        await world.a.verifier.verify(current.answer.access_token)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_use_whose_client_had_to_be_waited_for_while_it_went_on_elsewhere_is_no_theft(
    world: World, oauth: OAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = refresh_of(await world.login())
    third = refresh_of(await world.refresh(refresh_of(await world.refresh(first, world.b)), world.b))
    read, before = MemoryStore.stream, world.head

    async def slowly(store: MemoryStore, stream: str, after: int = 0) -> list[Recorded]:
        if stream == CLIENT.stream(APP.id):
            await asyncio.sleep(0.02)  # longer than a use may wait, and be judged
        return await read(store, stream, after)

    monkeypatch.setattr(MemoryStore, "stream", slowly)
    monkeypatch.setattr("services.token.commands.awaited.PROMPT", 0.01)
    world.a.token.log.forget(CLIENT, APP.id)
    refusal = await refused(oauth.token, grant_type="refresh_token", refresh_token=first, client_id=APP.id)
    assert isinstance(refusal, MayHaveWaited)
    assert world.head == before
    monkeypatch.undo()
    await world.refresh(third)


async def test_reuse_is_invalid_grant_also_where_this_process_lags_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.token.api.grpc.APPLY_HERE", 0.01)
    lagging, _ = door(world.a)
    spent = current = await world.login()
    for _ in range(2):
        current = await world.refresh(refresh_of(current))
    refusal = await refused(lagging.token, grant_type="refresh_token", refresh_token=refresh_of(spent), client_id="app")
    assert isinstance(refusal, InvalidGrant)


async def test_a_revoked_refresh_token_ends_its_family_in_every_process(world: World, oauth: OAuth) -> None:
    started = await world.login()
    response, body = await answered(oauth.revoke, token=refresh_of(started), client_id="app")
    assert (response.status_code, body) == (200, None)
    with pytest.raises(InvalidGrant):
        await world.refresh(refresh_of(started), world.b)
    with pytest.raises(TokenRefused, match="family"):
        await world.a.verifier.verify(started.answer.access_token)
    with pytest.raises(TokenRefused, match="family"):
        await world.b.verified(started.answer.access_token)


async def test_a_revoked_access_token_ends_alone(world: World, oauth: OAuth) -> None:
    started = await world.login()
    await answered(oauth.revoke, token=started.answer.access_token, client_id="app")
    with pytest.raises(TokenRefused, match="token"):
        await world.a.verifier.verify(started.answer.access_token)
    await world.refresh(refresh_of(started), world.b)
    before = world.head
    await answered(oauth.revoke, token=started.answer.access_token, client_id="app")
    assert world.head == before


async def test_another_clients_token_is_not_revoked(world: World, oauth: OAuth) -> None:
    started = await world.login()
    before = world.head
    for presented in (refresh_of(started), started.answer.access_token):
        assert isinstance(await refused(oauth.revoke, token=presented, client_id="other"), UnauthorizedClient)
    assert world.head == before


async def test_what_is_not_a_token_of_ours_is_as_good_as_revoked(world: World, oauth: OAuth) -> None:
    current = refresh_of(await world.login())
    before = world.head
    another = current[:-2] + ("BA" if current.endswith("AA") else "AA")
    for presented in ("x", "wr1.k.f.1.x", "a.b.c", another, current.rpartition(".")[0] + "." + "A" * 43):
        response, _ = await answered(oauth.revoke, token=presented, client_id="app")
        assert response.status_code == 200
    assert world.head == before
    await world.refresh(current)


async def test_who_holds_a_compromised_refresh_key_revokes_nothing_with_it(world: World, oauth: OAuth) -> None:
    current = refresh_of(await world.login())
    await world.rotate(REFRESH_RING, compromised=True)
    before = world.head
    response, _ = await answered(oauth.revoke, token=current, client_id="app")
    assert (response.status_code, world.head) == (200, before)


async def test_a_process_that_cannot_say_what_a_token_is_does_not_say_that_it_is_revoked(
    world: World, oauth: OAuth
) -> None:
    started = await world.login()
    world.a.age_ns = None
    refusal = await refused(oauth.revoke, token=started.answer.access_token, client_id="app")
    assert refusal.kind.http == 503


async def test_introspection_is_for_clients_that_can_keep_a_secret(world: World, oauth: OAuth) -> None:
    started = await world.login()
    secret = world.secrets["service"]
    _, body = await answered(
        oauth.introspect, token=started.answer.access_token, client_id="service", client_secret=secret
    )
    assert (body["active"], body["sub"]) == (True, claims_of(started)["sub"])
    refusal = await refused(oauth.introspect, token=started.answer.access_token, client_id="app")
    assert isinstance(refusal, UnauthorizedClient)


@pytest.mark.parametrize("door_of", ["token", "introspect", "revoke"])
async def test_an_unknown_client_is_told_so_and_nothing_else(world: World, oauth: OAuth, door_of: str) -> None:
    body = {"grant_type": "refresh_token", "refresh_token": refresh_of(await world.login()), "token": "x"}
    before = world.head
    refusal = await refused(getattr(oauth, door_of), client_id="nobody", **body)
    assert (refusal.code, refusal.kind.http, world.head) == ("invalid_client", 401, before)


async def test_the_metadata_and_the_keys_are_the_issuers(world: World, oauth: OAuth) -> None:
    metadata = msgspec.json.decode(bytes((await oauth.metadata(posted({}))).body))
    assert metadata["issuer"] == ISSUER
    assert metadata["jwks_uri"].startswith(f"{ISSUER}/")
    by_operators = set(GRANT_TYPES) - {"implicit"}
    assert set(metadata["grant_types_supported"]) == by_operators, "what can be registered is served"
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["authorization_endpoint"] == "https://login.example/oauth2/authorize"
    jwks = msgspec.json.decode(bytes((await oauth.jwks(posted({}))).body))
    assert jwks == await OwnKeys(world.b.token).jwks()


async def test_the_metadata_says_where_and_to_whom_certificates_are_shown() -> None:
    authority = Signer()
    world = await World.made(proving=Proving(authorities=authority.pem, mtls_url="https://mtls.example"))
    metadata = msgspec.json.decode(bytes((await door(world.a)[0].metadata(posted({}))).body))
    assert metadata["mtls_endpoint_aliases"]["token_endpoint"] == "https://mtls.example/oauth2/token"
    assert metadata["mtls_endpoint_aliases"]["userinfo_endpoint"] == "https://mtls.example/oauth2/userinfo"
    assert metadata["tls_client_certificate_bound_access_tokens"] is True
    assert "tls_client_auth" in metadata["token_endpoint_auth_methods_supported"]
    assert "none" not in metadata["introspection_endpoint_auth_methods_supported"]
