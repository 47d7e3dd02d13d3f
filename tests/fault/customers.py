"""A light load of clients who remember every answer that they got, and go on where they got none."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx2

from tests.harness.people import PASSWORD, People, Person, Signed, claims, signed
from tests.harness.running import GaveUp, Running

PAUSE = 0.03
"""Seconds between a client's requests: the load is light."""
VISIT = 12
"""Turns between two visits."""
TIMEOUT = 5.0
PATIENCE = 90.0


@dataclass
class Acknowledged:
    """What was answered with success: where it stands, by its id."""

    names: set[str] = field(default_factory=set)
    accounts: dict[str, int] = field(default_factory=dict)
    sessions: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)

    def token(self, access_token: str) -> None:
        said = claims(access_token)
        self.tokens[said["jti"]] = said["pos"]

    def login(self, answer: httpx2.Response) -> Signed:
        login = signed(answer)
        self.sessions[login.session_id] = answer.json()["position"]
        self.token(login.access_token)
        return login


def cookie_of(login: Signed) -> str:
    """The header that a browser sends in the session of a login."""
    return "; ".join(f"{name}={value}" for name, value in login.cookies.items())


async def heard(request: Awaitable[httpx2.Response]) -> httpx2.Response | None:
    """The answer; None where none came, or where the service said that it cannot answer now."""
    try:
        answer = await request
    except httpx2.TransportError:
        return None
    assert answer.status_code not in (500, 502, 504), answer.text
    return None if answer.status_code == 503 else answer


class Customer:
    """Somebody with an app: it refreshes, each time with the last token that it was given, until it is answered."""

    def __init__(self, people: People, told: Acknowledged, person: Person, login: Signed, number: int) -> None:
        self._people = people
        self._told = told
        self._person = person
        self._number = number
        self.login = login
        self.refresh_token = login.refresh_token
        self.access_token = login.access_token
        self.refreshed = 0

    async def live(self, closing: asyncio.Event) -> None:
        """Uses the suite until closing time."""
        turn = self._number
        while not closing.is_set():
            turn += 1
            await self._refresh(turn)
            if turn % 4 == 0:
                await self._introspect(turn)
            if turn % VISIT == 0:
                await self._visit(turn)
            await asyncio.sleep(PAUSE)

    def _where(self, service: str, turn: int) -> int:
        """Some stay with the first process of a service, others go to any."""
        return turn % len(self._people.suite.urls(service)) if self._number % 2 else 0

    async def _refresh(self, turn: int) -> None:
        answer = await heard(self._people.refresh(self.refresh_token, self._where("token", turn)))
        if answer is None:
            return
        assert answer.status_code == 200, f"refresh refused: {answer.text}"
        self.refresh_token, self.access_token = answer.json()["refresh_token"], answer.json()["access_token"]
        self._told.token(self.access_token)
        self.refreshed += 1

    async def _introspect(self, turn: int) -> None:
        service = self._people.suite.service
        url = self._people.url("token", self._where("token", turn)) + "/oauth2/introspect"
        auth = (service.client_id, service.client_secret)
        answer = await heard(self._people.http.post(url, data={"token": self.access_token}, auth=auth))
        assert answer is None or answer.json()["active"], answer.text

    async def _visit(self, turn: int) -> None:
        """A second session: logged in here and out there."""
        here, there = self._where("identity", turn // VISIT), self._where("identity", turn // VISIT + 1)
        answer = await heard(self._people.try_login(self._person.username, PASSWORD, here, self._people.suite.app))
        if answer is None:
            return
        assert answer.status_code == 200, answer.text
        visit = self._told.login(answer)
        headers = {"X-CSRF-Token": visit.csrf_token, "Cookie": cookie_of(visit)}
        self._people.http.cookies.clear()
        out = await heard(self._people.post("identity", "/v1/logout", there, headers=headers))
        if out is not None:
            assert out.status_code == 200, out.text
            self._told.ended[visit.session_id] = out.json()["position"]


class Registrar:
    """Registers one name after another, each until it is answered: made, or made before."""

    def __init__(self, people: People, told: Acknowledged) -> None:
        self._people = people
        self._told = told
        self.registered = 0

    async def live(self, closing: asyncio.Event) -> None:
        """Registers until closing time; what was begun is answered then."""
        while not closing.is_set():
            await self._register(f"user-{secrets.token_hex(6)}")
            await asyncio.sleep(10 * PAUSE)

    async def _register(self, name: str) -> None:
        self._told.names.add(name)
        turn = 0
        while (answer := await heard(self._post(name, turn))) is None:
            await asyncio.sleep(PAUSE)
            turn += 1
        assert answer.status_code in (201, 409), answer.text
        if answer.status_code == 201:
            self._told.accounts[answer.json()["account_id"]] = answer.json()["position"]
        self.registered += 1

    def _post(self, name: str, turn: int) -> Awaitable[httpx2.Response]:
        where = turn % len(self._people.suite.urls("identity"))
        return self._people.post("identity", "/v1/accounts", where, username=name, password=PASSWORD)


@dataclass
class Load:
    """The clients at work."""

    told: Acknowledged
    customers: list[Customer]
    registrar: Registrar
    working: list[asyncio.Task[None]]

    async def goes_on(self, refreshes: int = 5, registrations: int = 1) -> None:
        """Returns once everybody was answered so many times more. Raises what went wrong for one of them."""
        wanted = {one: one.refreshed + refreshes for one in self.customers}
        registered = self.registrar.registered + registrations
        deadline = time.monotonic() + PATIENCE
        while self.registrar.registered < registered or any(one.refreshed < n for one, n in wanted.items()):
            self.assert_well()
            if time.monotonic() > deadline:
                raise GaveUp(f"{[one.refreshed for one in self.customers]}, {self.registrar.registered}")
            await asyncio.sleep(0.05)

    def assert_well(self) -> None:
        for task in self.working:
            if task.done():
                task.result()


@asynccontextmanager
async def busy(suite: Running, customers: int = 4) -> AsyncIterator[Load]:
    """A load while the context lasts; each client over connections of its own."""
    async with AsyncExitStack() as stack:
        told, made = Acknowledged(), []
        for number in range(customers):
            people = await stack.enter_async_context(impatient(suite))
            person = await people.register()
            answer = await people.try_login(person.username, PASSWORD, client=suite.app)
            made.append(Customer(people, told, person, told.login(answer), number))
        registrar = Registrar(await stack.enter_async_context(impatient(suite)), told)
        closing = asyncio.Event()
        working = [asyncio.ensure_future(live(closing)) for live in (registrar.live, *(one.live for one in made))]
        try:
            yield Load(told, made, registrar, working)
            closing.set()
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*working)
        finally:
            for task in working:
                task.cancel()


@asynccontextmanager
async def impatient(suite: Running) -> AsyncIterator[People]:
    async with People.of(suite) as people:
        people.http.timeout = httpx2.Timeout(TIMEOUT)
        yield people
