"""A mixed load of people who keep a connection open, read what they wrote, and never ask twice."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from httpx2 import AsyncClient, HTTPError, Limits, Response

from chassis.rpc import ask
from eventlog.errors import Refusal
from tests.harness.people import PASSWORD
from tests.harness.replicas import Replicas
from tests.harness.running import GaveUp
from watchword.policy.v1 import policy_pb2, policy_pb2_grpc

PAUSE = 0.02
"""Seconds between a visitor's requests: the load is light."""
TIMEOUT = 15.0
PATIENCE = 60.0
POSITION = "watchword-position"


@dataclass
class Heard:
    """What all of them were answered: how often each request went well, and everything that did not."""

    well: "Counter[str]" = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    def fails(self, what: str, how: object) -> None:
        self.failed.append(f"{time.monotonic():.3f} {what}: {how}")


class Failed(Exception):
    """A request failed, and was noted."""


@dataclass
class Visitor:
    """One person after another at one browser."""

    suite: Replicas
    http: AsyncClient
    heard: Heard

    async def live(self, closing: asyncio.Event) -> None:
        while not closing.is_set():
            try:
                await self._visit(closing)
            except Failed:
                continue
            finally:
                self.http.cookies.clear()

    async def _visit(self, closing: asyncio.Event) -> None:
        name = f"user-{secrets.token_hex(6)}"
        await self._asks("register", 201, self._post("/v1/accounts", username=name, password=PASSWORD))
        body = {"username": name, "password": PASSWORD, "client_id": self.suite.app}
        login = (await self._asks("login", 200, self._post("/v1/login", **body))).json()
        for _ in range(6):
            login |= await self._goes_on(login)
            if closing.is_set():
                return
        headers = {"X-CSRF-Token": login["csrf_token"]}
        out = await self._asks("logout", 200, self.http.post("/v1/logout", json={}, headers=headers))
        if await self._active(login["access_token"], out.headers[POSITION]) or not out.json()["applied"]:
            self.heard.fails("logout", f"not ended at {out.headers[POSITION]}")

    async def _goes_on(self, login: dict[str, Any]) -> dict[str, Any]:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": login["refresh_token"],
            "client_id": self.suite.app,
        }
        answer = await self._asks("refresh", 200, self.http.post("/oauth2/token", data=form))
        tokens: dict[str, Any] = answer.json()
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        if not await self._active(tokens["access_token"], answer.headers[POSITION]):
            self.heard.fails("introspect", "a token that was just given is not active")
        await self._asks("account", 200, self.http.get("/v1/account", headers=bearer))
        await self._asks("roles", 200, self.http.get("/v1/roles", headers=bearer))
        sessions = (await self._asks("sessions", 200, self.http.get("/v1/sessions"))).json()["sessions"]
        if login["session_id"] not in {one["session_id"] for one in sessions}:
            self.heard.fails("sessions", "one's own session is not among them")
        return tokens

    async def _active(self, token: str, position: str) -> bool:
        service = self.suite.service
        request = self.http.post(
            "/oauth2/introspect",
            data={"token": token},
            auth=(service.client_id, service.client_secret),
            headers={POSITION: position},
        )
        return bool((await self._asks("introspect", 200, request)).json()["active"])

    def _post(self, path: str, **body: str) -> Awaitable[Response]:
        return self.http.post(path, json=body)

    async def _asks(self, what: str, status: int, request: Awaitable[Response]) -> Response:
        try:
            answer = await request
        except HTTPError as error:
            self.heard.fails(what, repr(error))
            raise Failed from error
        if answer.status_code != status:
            self.heard.fails(what, f"{answer.status_code} {answer.text}")
            raise Failed
        self.heard.well[what] += 1
        await asyncio.sleep(PAUSE)
        return answer


@dataclass
class Asker:
    """A backend that asks policy, over gRPC, again and again."""

    suite: Replicas
    heard: Heard
    again: bool

    async def live(self, closing: asyncio.Event) -> None:
        entity = policy_pb2.Entity(type="account", id="acc_nobody")
        suite = policy_pb2.Entity(type="suite", id="token")
        question = policy_pb2.CheckRequest(subject=entity, action="token.client.list", resource=suite)
        async with self.suite.channel("policy", "backend", "demo", self.suite.targets("policy")) as channel:
            stub: Any = policy_pb2_grpc.PolicyServiceStub(channel)
            while not closing.is_set():
                try:
                    answer = await ask(stub.Check, question, wait_for_ready=True, again=self.again)
                except Refusal as refusal:
                    self.heard.fails("check", refusal)
                else:
                    if answer.code in ("stale", "failed"):
                        self.heard.fails("check", answer.code)
                    self.heard.well["check"] += 1
                await asyncio.sleep(PAUSE)


@dataclass
class Visit:
    """A load that goes on."""

    heard: Heard
    working: "list[asyncio.Task[None]]"

    async def goes_on(self, times: int = 2) -> None:
        """Returns once every kind of request has gone well so many times more."""
        before, deadline = Counter(self.heard.well), time.monotonic() + PATIENCE
        while len(self.heard.well) < KINDS or any(n < before[what] + times for what, n in self.heard.well.items()):
            for task in self.working:
                if task.done():
                    task.result()
            if self.heard.failed or time.monotonic() > deadline:
                raise GaveUp(f"{self.heard.failed}, {self.heard.well}")
            await asyncio.sleep(0.05)


KINDS = 9


@asynccontextmanager
async def visited(suite: Replicas, visitors: int = 4, keeping: bool = True) -> AsyncIterator[Visit]:
    """A load through nginx while the context lasts.

    Without `keeping` nobody relies on a connection: each request has one of its own, and a lost check is asked again.
    """
    heard, closing = Heard(), asyncio.Event()
    limits = Limits(max_connections=2, max_keepalive_connections=2 if keeping else 0)
    async with AsyncExitStack() as stack:
        people = []
        for _ in range(visitors):
            http = AsyncClient(base_url=suite.front.url, timeout=TIMEOUT, trust_env=False, limits=limits)
            people.append(Visitor(suite, await stack.enter_async_context(http), heard))
        lives = [*(one.live for one in people), Asker(suite, heard, again=not keeping).live]
        working = [asyncio.ensure_future(live(closing)) for live in lives]
        try:
            yield Visit(heard, working)
            closing.set()
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*working)
        finally:
            for task in working:
                task.cancel()
