"""Those who use a suite during a campaign: everybody remembers what they were answered, and goes on where they got no
answer.
"""

import asyncio
import secrets
import time
from dataclasses import dataclass

import httpx2

from suite.contract import Login
from tests.fault.campaign.check import REFRESHED
from tests.fault.campaign.history import History
from tests.fault.campaign.judge import Refused
from tests.fault.campaign.watchman import NO_ANSWER
from tests.fault.campaign.world import BOUND, World
from tests.harness.people import PASSWORD, People, Person, Signed, claims, signed

PAUSE = 0.1
TIMEOUT = 5.0
PATIENCE = 90.0
DEAD = 9.0
"""Seconds for which a token is still tried after its end."""
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
    app: str = ""
    """The client whose refresh tokens it uses; the suite's own where none is named."""
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
        answer = await self.history.heard("refresh", self.people.refresh(refresh_token, where, self.app or None))
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
        hangs_from = said["fam"], said.get("sid", ""), said["sub"]
        ready, asked = self.world.parts[process].became_ready, generation(presented)
        self.history.refused.append(Refused(*hangs_from, asked, process, time.time(), ready, key_of(presented)))

    def _told_token(self, access_token: str, event: str) -> None:
        said = claims(access_token)
        self.history.acknowledge("token", event, said["jti"], said["pos"])


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
