"""The story, step by step. Each step says what it saw, and raises Broken where that is not what was promised."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import httpx2

from eventlog.events import Recorded
from suite.commands.events import event_name
from suite.contract import Clients, Contract
from suite.errors import Halt
from suite.operator import Operator
from suite.reading import read
from suite.tour.decision import Decided
from suite.tour.show import Lines, Show
from suite.tour.visitor import Answer, Broken, Visitor

PATIENCE = 10.0
PAUSE = 0.001
LOOK = 0.1
NEARBY = 10
"""A command writes fewer events than that: so far before its position the reading begins."""
BEARERS = {"identity": "/v1/account", "policy": "/v1/roles"}


@dataclass(slots=True)
class Story:
    """One person's way through the suite."""

    visitor: Visitor
    peers: Operator
    clients: Clients
    username: str = field(default_factory=lambda: f"tour-{secrets.token_hex(4)}")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    begins: dict[str, int] = field(default_factory=dict)
    account: str = ""
    session: str = ""
    family: str = ""
    access: str = field(default="", repr=False)
    generations: list[str] = field(default_factory=list, repr=False)
    """The refresh tokens, the first one first."""
    caught_at: float = 0.0
    decision: Decided | None = None

    async def tell(self, show: Show) -> None:
        """All steps, in order. Raises Broken, with the step's name."""
        for name, step in (
            ("register", self.register),
            ("log in", self.log_in),
            ("call", self.call),
            ("a decision", self.decided),
            ("the past", self.past),
            ("refresh", self.refresh),
            ("a lost answer", self.lost_answer),
            ("refresh again", self.refresh),
            ("replay", self.replay),
            ("all refuse", self.refused),
            ("the events", self.events),
        ):
            try:
                await show.step(name, step)
            except Broken as broken:
                raise Broken(f"“{name}” does not hold: {broken}") from None

    async def register(self) -> Lines:
        answer = await self.visitor.json(
            "identity", "/v1/accounts", {"username": self.username, "password": self.password}
        )
        _expect(answer, 201)
        self.account = str(answer.body["account_id"])
        self.begins["identity"] = int(answer.body["position"])
        return [f"{self.username} is {self.account}"]

    async def log_in(self) -> Lines:
        login = {"username": self.username, "password": self.password, "client_id": self.clients.app.client_id}
        answer = await self.visitor.json("identity", "/v1/login", login)
        _expect(answer, 200)
        self.session, self.access = str(answer.body["session_id"]), str(answer.body["access_token"])
        self.generations = [str(answer.body["refresh_token"])]
        life = answer.body["expires_in"]
        return [f"{self.session}, with an access token for {life} s and {self._newest()}"]

    async def call(self) -> Lines:
        account, roles = await asyncio.gather(
            *(self.visitor.get(service, path, self.access, informed=True) for service, path in BEARERS.items())
        )
        token = await self._introspect(informed=True)
        for answer in (account, roles, token):
            _expect(answer, 200)
        if account.body.get("account_id") != self.account:
            raise Broken(f"identity takes the bearer for {account.body.get('account_id')}, not for {self.account}")
        if token.body.get("active") is not True:
            raise Broken("token says of a token that it has just issued that it is not active")
        self.family, self.begins["token"] = str(token.body["fam"]), int(token.body["pos"])
        return [
            _called("identity", account, f"I am {self.account}"),
            _called("policy", roles, "the bearer is good here too"),
            _called("token", token, f"active: true, issued at position {token.body['pos']}"),
        ]

    async def decided(self) -> Lines:
        self.decision = Decided(self.peers, self.username, self.account, self.visitor.positions)
        return await self.decision.given()

    async def past(self) -> Lines:
        assert self.decision is not None
        return await self.decision.taken()

    async def refresh(self) -> Lines:
        before = self._newest()
        answer = await self._present(self.generations[-1])
        _expect(answer, 200)
        if answer.body["refresh_token"] in self.generations:
            raise Broken("a refresh gave a refresh token that was given before")
        self.access = str(answer.body["access_token"])
        self.generations.append(str(answer.body["refresh_token"]))
        return [f"{before} → {self._newest()}, and a new access token"]

    async def lost_answer(self) -> Lines:
        answer = await self._present(self.generations[-2])
        _expect(answer, 200)
        if answer.body["refresh_token"] != self.generations[-1]:
            raise Broken("the parent of an unused refresh token, within the leeway, gave another successor")
        if answer.body["access_token"] == self.access:
            raise Broken("the retry gave the same access token: it must be a new one, with a position of its own")
        self.access = str(answer.body["access_token"])
        return [f"{_generation(self.generations[-2])} once more, as if its answer was lost → the same {self._newest()}"]

    async def replay(self) -> Lines:
        answer = await self._judged(self.generations[0])
        self.caught_at = time.perf_counter()
        _expect(answer, 400, "invalid_grant")
        return [f"{_generation(self.generations[0])}, long used, from its thief → 400 invalid_grant: reuse is detected"]

    async def refused(self) -> Lines:
        found = await asyncio.gather(
            *(self._until_refused(service, partial(self._bearer, service)) for service in BEARERS),
            self._until_refused("token", self._introspect),
        )
        owner = await self._present(self.generations[-1])
        _expect(owner, 400, "invalid_grant")
        return [*found, _called("token", owner, f"{owner.code} for {self._newest()}, never used")]

    async def events(self) -> Lines:
        """What the logs say of it: identity's, then token's, by position."""
        told: list[tuple[str, Recorded]] = []
        for log, names in (("identity", (self.account, self.session)), ("token", (self.family,))):
            begin = max(self.begins[log] - NEARBY, 1)
            told += [(log, row) async for row in read(self.peers, log, begin) if _about(row, names)]
        seen = [event_name(row.type) for _, row in told]
        if "refresh.reuse_detected" not in seen:
            raise Broken(f"token's log holds no refresh.reuse_detected of this family, but {', '.join(seen)}")
        start = told[0][1].time
        return [
            f"{log:<9} {row.position:>6}  {name:<22} {(row.time - start) / 1000:>7.0f} ms"
            for (log, row), name in zip(told, seen, strict=True)
        ]

    async def _until_refused(self, service: str, ask: Callable[[], Awaitable[Answer]]) -> str:
        """Asks until it refuses. How that looks, and how long after the replay's answer it was."""
        while True:
            answer = await ask()
            ms = (time.perf_counter() - self.caught_at) * 1000
            if answer.status == 401 or answer.body.get("active") is False:
                return _called(service, answer, f"{answer.code or 'active: false'}, {ms:.1f} ms after it")
            _expect(answer, 200)
            if ms > PATIENCE * 1000:
                raise Broken(f"{service} takes the bearer for good {PATIENCE:.0f} s after its family has ended")
            await asyncio.sleep(PAUSE)

    async def _bearer(self, service: str) -> Answer:
        return await self.visitor.get(service, BEARERS[service], self.access)

    async def _present(self, refresh_token: str) -> Answer:
        client = self.clients.app.client_id
        form = {"grant_type": "refresh_token", "client_id": client, "refresh_token": refresh_token}
        return await self.visitor.form("token", "/oauth2/token", form)

    async def _judged(self, refresh_token: str) -> Answer:
        """A process that became ready within the last 2 s judges nothing as theft: the use may have waited in it."""
        late = time.perf_counter() + PATIENCE
        while (answer := await self._present(refresh_token)).status == 503 and time.perf_counter() < late:
            await asyncio.sleep(LOOK)
        return answer

    async def _introspect(self, *, informed: bool = False) -> Answer:
        service = self.clients.service
        basic = (service.client_id, service.client_secret)
        return await self.visitor.form("token", "/oauth2/introspect", {"token": self.access}, basic, informed=informed)

    def _newest(self) -> str:
        return _generation(self.generations[-1])


async def tour(running: Contract, peers: Operator, show: Show) -> None:
    """Walks through the whole story. Raises Halt where the suite has no demo or does not answer, and Broken."""
    if running.clients is None:
        raise Halt("the tour needs the demo's clients: start `watchword up` without --no-demo")
    show.title(f"A tour of Watchword at {running.issuer}")
    async with httpx2.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
        await Story(Visitor(http, running), peers, running.clients).tell(show)
    show.end("All of it held: one use of a stolen refresh token ended its whole family, in every service.")


def _expect(answer: Answer, status: int, code: str = "") -> None:
    if (answer.status, answer.code) != (status, code):
        wanted = f"{status} {code}".strip()
        raise Broken(
            f"{answer.request} should answer {wanted}: it answered {answer.status} {answer.code} {answer.detail}"
        )


def _called(service: str, answer: Answer, meaning: str) -> str:
    return f"{service:<9} {answer.request:<23} {answer.status}  {meaning}"


def _generation(refresh_token: str) -> str:
    return f"refresh token {refresh_token.split('.')[3]}"


def _about(row: Recorded, names: tuple[str, ...]) -> bool:
    return any(name in row.stream or name.encode() in row.body for name in names)
