"""Delegation between services (RFC 8693) on a running suite with two processes of token: who acts shows for ever, and
what they were given falls with the person's own token, at verifiers as at introspection.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from httpx2 import Response

import watchword
from tests.harness.applications import Application, registered
from tests.harness.people import People, Signed, claims
from tests.harness.reuse import judged
from tests.harness.running import PATIENCE, Running

pytestmark = pytest.mark.over("feed")

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


@dataclass
class Chain:
    """A person's token, sent to a gateway; the gateway asks orders, and orders asks the stock."""

    people: People
    app: Application
    gateway: Application
    orders: Application
    stock: str
    person: Signed
    given: list[str] = field(default_factory=list)

    async def asks(self, client: Application, token: str, where: int = 0, **more: str) -> Response:
        form = {"grant_type": GRANT, "subject_token": token, "subject_token_type": ACCESS_TOKEN} | more
        url = f"{self.people.url('token', where)}/oauth2/token"
        return await self.people.http.post(url, data=form, auth=client.auth)

    async def exchanged(self, client: Application, token: str, where: int = 0, **more: str) -> str:
        answer = await self.asks(client, token, where, **more)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (body["issued_token_type"], body["token_type"]) == (ACCESS_TOKEN, "Bearer")
        assert "refresh_token" not in body
        self.given.append(body["access_token"])
        return self.given[-1]

    async def until_refused(self) -> None:
        """Each of the chain opens nothing at either process of token, as token or as what can be exchanged."""
        async with asyncio.timeout(PATIENCE):
            for where in (0, 1):
                for token in self.given:
                    while (await self.people.introspect(token, where))["active"]:
                        await asyncio.sleep(0.02)
                for client, token in ((self.gateway, self.person.access_token), (self.orders, self.given[0])):
                    answer = await self.asks(client, token, where)
                    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), answer.text


@pytest_asyncio.fixture
async def chain(suite: Running, people: People) -> Chain:
    suite.second("token")
    unique = secrets.token_hex(4)
    gateway, orders, stock = (f"{name}-{unique}" for name in ("gateway", "orders", "stock"))
    scopes = ["orders:read", "orders:write"]
    service = {"confidential": True, "grant_types": [GRANT], "scopes": scopes}
    app = await registered(
        suite, first_party=True, direct_login=True, grant_types=["refresh_token"], scopes=scopes, audiences=[gateway]
    )
    first = await registered(suite, client_id=gateway, audiences=[orders], **service)
    second = await registered(suite, client_id=orders, audiences=[stock], **service)
    person = await people.login(await people.register(), client=app.client_id)
    return Chain(people, app, first, second, stock, person)


@pytest_asyncio.fixture
async def verifier(suite: Running, chain: Chain) -> AsyncIterator[watchword.Verifier]:
    """The stock's own, in another process than token's."""
    backend = suite.contract.backend
    assert backend is not None
    async with watchword.connect(
        issuer=suite.contract.issuer,
        audience=chain.stock,
        token_grpc=suite.fleet.target("token"),
        ca=suite.contract.ca,
        cert=backend.cert,
        key=backend.key,
    ) as verifier:
        yield verifier


async def delegated(chain: Chain) -> str:
    """What orders shows the stock: by way of both processes of token."""
    first = await chain.exchanged(chain.gateway, chain.person.access_token, 0)
    return await chain.exchanged(chain.orders, first, 1, scope="orders:read")


async def test_the_chain_of_who_acts_is_seen_by_the_last_of_them(chain: Chain, verifier: watchword.Verifier) -> None:
    own, last = claims(chain.person.access_token), await delegated(chain)
    found = await verifier.verify(last)
    assert (found.sub, found.client_id) == (chain.person.account_id, chain.orders.client_id)
    assert found.actors == (chain.orders.client_id, chain.gateway.client_id)
    assert (found.fam, found.sid) == (own["fam"], own["sid"])
    assert found.scope == {"orders:read"}
    assert found.exp <= own["exp"]
    said = await chain.people.introspect(last, 1)
    act: dict[str, Any] = {"sub": chain.orders.client_id, "act": {"sub": chain.gateway.client_id}}
    assert (said["active"], said["sub"], said["act"]) == (True, chain.person.account_id, act)


async def test_only_whom_the_token_was_meant_for_may(chain: Chain) -> None:
    first = await chain.exchanged(chain.gateway, chain.person.access_token)
    for client, token in ((chain.orders, chain.person.access_token), (chain.gateway, first)):
        answer = await chain.asks(client, token, 1)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), answer.text
    narrow = await chain.exchanged(chain.gateway, chain.person.access_token, scope="orders:read")
    wider = await chain.asks(chain.orders, narrow, 1, scope="orders:write")
    assert wider.json()["error"] == "invalid_scope"


async def ends_by_family(chain: Chain) -> None:
    admin = await chain.people.administrator()
    await chain.people.revoke(admin, family_id=claims(chain.person.access_token)["fam"])


async def ends_by_reuse(chain: Chain) -> None:
    """A thief uses the refresh token; its owner's use, too late, ends the family."""
    client = chain.app.client_id
    stolen = (await chain.people.refresh(chain.person.refresh_token, 0, client)).json()["refresh_token"]
    assert (await chain.people.refresh(stolen, 1, client)).status_code == 200
    reused = await judged(lambda: chain.people.refresh(chain.person.refresh_token, 0, client))
    assert reused.status_code == 400


async def ends_by_signing_out(chain: Chain) -> None:
    http, person = chain.people.http, chain.person
    http.cookies.update(person.cookies)
    headers = {"X-CSRF-Token": person.csrf_token}
    assert (await http.post(f"{chain.people.url('identity')}/v1/logout", headers=headers)).status_code == 200
    http.cookies.clear()


async def ends_by_disabling(chain: Chain) -> None:
    admin, url = await chain.people.administrator(), f"/v1/accounts/{chain.person.account_id}/disable"
    assert (await chain.people.post("identity", url, 0, admin.bearer, reason="a test")).status_code == 200


ENDS = {one.__name__: one for one in (ends_by_family, ends_by_reuse, ends_by_signing_out, ends_by_disabling)}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_it_falls_with_the_persons_own_token(chain: Chain, verifier: watchword.Verifier, end: Any) -> None:
    last = await delegated(chain)
    assert (await verifier.verify(last)).actors
    await end(chain)
    await chain.until_refused()
    with pytest.raises(watchword.TokenRefused, match="revoked"):
        await until_it_refuses(verifier, last)


async def test_it_falls_with_whoever_acted_in_between(chain: Chain, verifier: watchword.Verifier) -> None:
    last = await delegated(chain)
    await chain.people.revoke(await chain.people.administrator(), client_id=chain.gateway.client_id)
    with pytest.raises(watchword.TokenRefused, match="revoked"):
        await until_it_refuses(verifier, last)
    assert (await chain.people.introspect(chain.person.access_token))["active"], "the person's own goes on"


async def until_it_refuses(verifier: watchword.Verifier, token: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            await verifier.verify(token)
            await asyncio.sleep(0.02)
