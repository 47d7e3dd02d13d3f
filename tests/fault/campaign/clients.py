"""A mixed load: register, log in, refresh, retry, replay, introspect, verify. Everybody remembers what they
were answered, and goes on where they got no answer."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx2

from suite.contract import Login
from tests.fault.campaign.check import REFRESHED
from tests.fault.campaign.history import History
from tests.fault.campaign.judge import Refused
from tests.fault.campaign.watchman import NO_ANSWER
from tests.fault.campaign.world import BOUND, World
from tests.fault.customers import cookie_of
from tests.harness.people import PASSWORD, People, Person, Signed, claims, signed

PAUSE = 0.1
TIMEOUT = 5.0
PATIENCE = 90.0
DEAD = 9.0
"""Seconds for which a token is still tried after its end."""
ACTS = {"refresh": 50, "retry": 10, "introspect": 14, "verify": 14, "account": 7, "visit": 3, "replay": 2}
PROCESSES = ("token.0", "token.1")
NOBODY_KNOWS = (NO_ANSWER, "stale", "keys_unavailable")
"""What a verifier may say of a good token while things break."""
ENDED = ("revoked", "unknown_key")
"""What it may say of one that has ended."""


@dataclass(eq=False)
class Client:
    """Somebody over connections of their own."""

    world: World
    people: People
    history: History
    dead: list[tuple[str, float]]
    """Tokens whose end was asked for, and until when they are tried."""
    positions: str = ""
    """What the last login's answer said of the logs, for a service that is asked next."""

    async def registers(self) -> Person:
        """Asks until it is answered: made, or made before."""
        name = f"user-{secrets.token_hex(6)}"
        while True:
            request = self.people.post("identity", "/v1/accounts", username=name, password=PASSWORD)
            answer = await self.history.heard("register", request)
            if answer is not None and answer.status_code in (201, 409):
                break
            await asyncio.sleep(PAUSE)
        account = answer.json().get("account_id", "")
        if account:
            self.history.acknowledge("identity", "account.registered", account)
        return Person(name, PASSWORD, account)

    async def logs_in(self, person: Person | Login) -> Signed | None:
        """One try; None where it was not answered."""
        request = self.people.try_login(person.username, person.password, client=self.world.app)
        answer = await self.history.heard("login", request)
        self.people.http.cookies.clear()
        if answer is None:
            return None
        if answer.status_code != 200:
            self.history.odd.append(f"login: {answer.status_code} {answer.text[:200]}")
            return None
        login, self.positions = signed(answer), answer.headers["Watchword-Position"]
        self.history.acknowledge("identity", "session.started", login.session_id, answer.json()["position"])
        self._told_token(login.access_token, "token.issued")
        return login

    async def must_log_in(self, person: Person | Login) -> Signed:
        while (login := await self.logs_in(person)) is None:
            await asyncio.sleep(PAUSE)
        return login

    async def refreshes(self, refresh_token: str, where: int) -> httpx2.Response | None:
        answer = await self.history.heard("refresh", self.people.refresh(refresh_token, where))
        if answer is not None and answer.status_code == 200:
            self._told_token(answer.json()["access_token"], REFRESHED)
        return answer

    async def cannot_log_in(self, person: Person) -> None:
        """Once it was said that the account is shut, or has another password."""
        request = self.people.try_login(person.username, person.password, client=self.world.app)
        answer = await self.history.heard("login that is refused", request)
        if answer is not None and answer.status_code != 401:
            self.history.odd.append(f"a login that is over: {answer.status_code} {answer.text[:200]}")

    async def cannot_refresh(self, refresh_token: str) -> None:
        """Once it was said that all that it hangs from has ended: in no process of token (RULES 7)."""
        for where in range(len(PROCESSES)):
            request = self.people.refresh(refresh_token, where)
            answer = await self.history.heard("refresh that is refused", request)
            if answer is not None and answer.status_code != 400:
                self.history.odd.append(f"a family that has ended goes on at {PROCESSES[where]}: {answer.status_code}")

    def ends(self, access_token: str) -> None:
        """From now on the token, or what it hangs from, is to end."""
        said = claims(access_token)
        self.history.wished |= {said[name] for name in ("sid", "fam") if name in said}
        self.dead.append((access_token, time.time() + DEAD))

    def refused(self, access_token: str, presented: str, where: int, answer: httpx2.Response) -> None:
        """A refresh by somebody who did nothing wrong was refused; the access token is of the same family."""
        if (answer.status_code, answer.json().get("error")) != (400, "invalid_grant"):
            self.history.odd.append(f"refresh: {answer.status_code} {answer.text[:200]}")
        said, process = claims(access_token), PROCESSES[where]
        ready, asked = self.world.parts[process].became_ready, generation(presented)
        self.history.refused.append(
            Refused(said["fam"], said["sid"], said["sub"], asked, process, time.time(), ready, key_of(presented))
        )

    def _told_token(self, access_token: str, event: str) -> None:
        said = claims(access_token)
        self.history.acknowledge("token", event, said["jti"], said["pos"])


class Customer(Client):
    """An app that refreshes, each time with the last token that it was given, and whose user does other things too."""

    async def begins(self, chance: Random) -> None:
        self._chance = chance
        self._loyal = chance.random() < 0.5
        self._person = await self.registers()
        self._guest = await self.registers()
        self._takes(await self.must_log_in(self._person))
        self.answered, self.doing = 0, ""

    def _takes(self, login: Signed) -> None:
        self.refresh_token, self.access_token, self._before = login.refresh_token, login.access_token, ""

    async def live(self, closing: asyncio.Event) -> None:
        acts: dict[str, Callable[[], Any]] = {act: getattr(self, f"_{act}") for act in ACTS}
        while not closing.is_set():
            (self.doing,) = self._chance.choices(list(ACTS), list(ACTS.values()))
            await acts[self.doing]()
            await asyncio.sleep(PAUSE)

    async def once_more(self) -> None:
        """Goes on, at last: refreshes until it is answered."""
        before = self.answered
        while self.answered == before:
            await self._refresh()
            await asyncio.sleep(PAUSE)

    def _where(self) -> int:
        return 0 if self._loyal else self._chance.randrange(2)

    async def _refresh(self) -> bool:
        """Whether it was given the next one."""
        presented, where = self.refresh_token, self._where()
        answer = await self.refreshes(presented, where)
        if answer is None:
            return False
        if answer.status_code != 200:
            await self._starts_anew(presented, where, answer)
            return False
        self.refresh_token, self.access_token = answer.json()["refresh_token"], answer.json()["access_token"]
        self._before = presented
        self.answered += 1
        if generation(self.refresh_token) != generation(presented) + 1:
            self.history.odd.append(f"generation {self.refresh_token.split('.')[2:4]} for {presented.split('.')[3]}")
        return True

    async def _retry(self) -> None:
        """As if the answer had been lost."""
        asked = time.time()
        if not await self._refresh() or time.time() > asked + 2:
            return
        where = self._where()
        answer = await self.refreshes(self._before, where)
        if answer is not None and answer.status_code != 200:
            await self._starts_anew(self._before, where, answer)
        elif answer is not None and answer.json()["refresh_token"] != self.refresh_token:
            self.history.odd.append(f"two successors of {self._before.split('.')[2:4]}")

    async def _starts_anew(self, presented: str, where: int, answer: httpx2.Response) -> None:
        self.refused(self.access_token, presented, where, answer)
        self.history.counts["logged in anew"] += 1
        self._takes(await self.must_log_in(self._person))

    async def _introspect(self) -> None:
        await introspects(self, self.access_token, self._where())

    async def _verify(self) -> None:
        await verifies(self, self.access_token, self._chance.choice(list(self.world.watchmen)))

    async def _account(self) -> None:
        await asks_for_account(self, self.access_token)

    async def _visit(self) -> None:
        """A session that is logged out again."""
        login = await self.logs_in(self._guest)
        if login is None:
            return
        self.ends(login.access_token)
        headers = {"X-CSRF-Token": login.csrf_token, "Cookie": cookie_of(login)}
        out = await self.history.heard("logout", self.people.post("identity", "/v1/logout", headers=headers))
        if out is not None and out.status_code == 200:
            self.history.acknowledge("identity", "session.ended", login.session_id, out.json()["position"])
        elif out is not None:
            self.history.odd.append(f"logout: {out.status_code} {out.text[:200]}")

    async def _replay(self) -> None:
        """A thief uses a token that was used long ago."""
        login = await self.logs_in(self._guest)
        if login is None:
            return
        self.history.wished |= {login.account_id}
        first = await self.refreshes(login.refresh_token, self._where())
        if first is None or first.status_code != 200:
            return
        second = await self.refreshes(first.json()["refresh_token"], self._where())
        if second is None or second.status_code != 200:
            return
        family = claims(login.access_token)["fam"]
        self.history.provoked.add(family)
        self.ends(second.json()["access_token"])
        again = await self.history.heard("replay", self.people.refresh(login.refresh_token, self._where()))
        if again is not None and again.status_code == 400:
            self.history.replayed[family] = key_of(login.refresh_token)
        elif again is not None:
            self.history.odd.append(f"replay: {again.status_code}")


def generation(refresh_token: str) -> int:
    return int(refresh_token.split(".")[3])


def key_of(refresh_token: str) -> str:
    """The key that derives it."""
    return refresh_token.split(".")[1]


async def introspects(client: Client, token: str, where: int) -> None:
    service = client.world.service
    url, sent = f"{client.people.url('token', where)}/oauth2/introspect", time.time()
    auth = (service.client_id, service.client_secret)
    answer = await client.history.heard("introspect", client.people.http.post(url, data={"token": token}, auth=auth))
    if answer is None:
        return
    if answer.status_code != 200:
        client.history.odd.append(f"introspect: {answer.status_code} {answer.text[:200]}")
    elif answer.json()["active"]:
        client.history.used(f"token.{where}", sent, token, BOUND)
    else:
        client.history.denied(f"token.{where}", "not active", token)


async def verifies(client: Client, token: str, name: str) -> None:
    watchman, sent = client.world.watchmen[name], time.time()
    word = await watchman.says(token)
    client.history.counts[f"verify: {word}"] += 1
    if word == "accepted":
        client.history.used(name, sent, token, watchman.bound)
    elif word in ENDED:
        client.history.denied(name, word, token)
    elif word not in NOBODY_KNOWS:
        client.history.odd.append(f"verify: {name} says that a good token is {word}")


async def asks_for_account(client: Client, token: str) -> None:
    sent = time.time()
    headers = {"Authorization": f"Bearer {token}"}
    answer = await client.history.heard("account", client.people.get("identity", "/v1/account", headers=headers))
    if answer is not None and answer.status_code == 200:
        client.history.used("identity.0", sent, token, BOUND)
    elif answer is not None and answer.status_code == 401:
        client.history.denied("identity.0", "401", token)
    elif answer is not None:
        client.history.odd.append(f"account: {answer.status_code} {answer.text[:200]}")
