"""Identity's REST through the whole ASGI application, as a browser or a backend comes to it."""

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import httpx2

from chassis.kept import MemoryKept
from chassis.proofs import Proofs
from chassis.readiness import Readiness
from chassis.web import application
from services.identity.api.callers import Callers, Cookies
from services.identity.api.rest import Api
from services.identity.api.userinfo import UserInfo
from tests.unit.identity.house import PASSWORD, House, SmallToken
from tests.unit.identity.small_authorizations import SmallAuthorizations
from tests.unit.identity.small_bearers import SmallBearers

ORIGIN = "http://127.0.0.1:8401"


@dataclass(slots=True)
class Door:
    house: House
    bearers: SmallBearers
    client: httpx2.AsyncClient
    authorizations: SmallAuthorizations
    csrf: str = ""

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        if self.csrf:
            headers.setdefault("X-CSRF-Token", self.csrf)
        return await self.client.request(method, path, json=body, headers=headers)

    async def log_in(self, username: str = "alice", **more: str) -> dict[str, Any]:
        response = await self.ask("POST", "/v1/login", {"username": username, "password": PASSWORD} | more)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        self.csrf = answer["csrf_token"]
        return answer


class LiveQueries:
    """Folds the whole log for each question."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def list_sessions(self, person: Any) -> Any:
        return await (await self._house.queries()).list_sessions(person)

    async def signed_userinfo(self, client_id: str) -> bool:
        return client_id == "signed"

    async def notices(self, person: Any) -> Any:
        return await (await self._house.queries()).notices(person)


def door_of(house: House, secure: bool = False) -> Door:
    bearers, authorizations = SmallBearers(), SmallAuthorizations(SmallToken())
    queries: Any = LiveQueries(house)
    now = house.identity.log.now
    callers = Callers(house.identity, bearers, Cookies(secure))
    app = application(
        title="identity",
        readiness=Readiness(),
        origins=frozenset({ORIGIN}),
        routers=[Api(callers, queries).router()],
        hot=UserInfo(callers, Proofs(MemoryKept(now), now, [ORIGIN]), queries, authorizations).endpoints(),
        trusted_proxies=(ip_network("192.0.2.7"),),
        certificate_header="X-Client-Certificate",
    )
    base = ORIGIN.replace("http", "https") if secure else ORIGIN
    transport = httpx2.ASGITransport(app=app, client=("192.0.2.7", 1234))
    return Door(house, bearers, httpx2.AsyncClient(transport=transport, base_url=base), authorizations)


def said(response: httpx2.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["code"]
