"""Floods of logins are stopped by the limits, with 401 and 429 and nothing else, and honest users get in meanwhile: the
owner of the account that is attacked by a device cookie, all others as ever (RULES 10)."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx2

from services.identity.settings import IdentitySettings
from tests.flood.floods import watched
from tests.harness.applications import registered
from tests.harness.feeds import heads
from tests.harness.people import PASSWORD, People, Person
from tests.harness.running import Running

WRONG = "a wrong password 8 x"
AT_ONCE = 16
NAME, ADDRESS, AUTHORIZE = (
    int(IdentitySettings.model_fields[f"limit_{limit}"].default.split()[0])
    for limit in ("name", "address", "authorize")
)


class Attacker:
    """Sends logins as a proxy on this machine passes them on, from any address."""

    def __init__(self, suite: Running, http: httpx2.AsyncClient) -> None:
        self._url = suite.url("identity") + "/v1/login"
        self._http = http
        self.answers: Counter[int] = Counter()
        self.seconds = 0.0

    async def try_all(self, attempts: Iterator[tuple[str, str]]) -> None:
        """Each attempt is an address and a name."""

        async def some() -> None:
            for address, name in attempts:
                body = {"username": name, "password": WRONG}
                answer = await self._http.post(self._url, json=body, headers={"X-Forwarded-For": address})
                self.answers[answer.status_code] += 1
                if answer.status_code == 429:
                    assert (answer.json()["code"], int(answer.headers["retry-after"]) > 0) == (
                        "too_many_attempts",
                        True,
                    )

        begun = time.monotonic()
        await asyncio.gather(*(some() for _ in range(AT_ONCE)))
        self.seconds = time.monotonic() - begun


@asynccontextmanager
async def attacking(suite: Running, attempts: list[tuple[str, str]]) -> AsyncIterator[Attacker]:
    """Goes on while the block does, and to its end."""
    async with httpx2.AsyncClient(timeout=60, trust_env=False) as http:
        attacker = Attacker(suite, http)
        going = asyncio.ensure_future(attacker.try_all(iter(attempts)))
        yield attacker
        await going


@asynccontextmanager
async def browser(address: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody's browser, with its cookies."""
    headers = {"X-Forwarded-For": address}
    async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        yield http


async def logged_in(suite: Running, http: httpx2.AsyncClient, person: Person) -> int:
    body = {"username": person.username, "password": person.password}
    return (await http.post(suite.url("identity") + "/v1/login", json=body)).status_code


async def test_while_many_addresses_guess_at_one_account(suite: Running, people: People) -> None:
    person, other = await people.register(), await people.register()
    guesses = [(f"198.18.{number // 250}.{number % 250}", person.username) for number in range(200)]
    async with browser("203.0.113.1") as owner, browser("203.0.113.2") as stranger:
        assert await logged_in(suite, owner, person) == 200
        with watched(suite, "identity") as service:
            async with attacking(suite, guesses) as attacker:
                while not attacker.answers[429]:
                    await asyncio.sleep(0.01)
                assert await logged_in(suite, owner, person) == 200, "by the cookie of its device"
                assert await logged_in(suite, stranger, other) == 200, "others are not concerned"
                assert await logged_in(suite, stranger, person) == 429, "without that cookie nobody is known"
            assert attacker.answers.keys() <= {401, 429}
            assert attacker.answers[401] <= NAME
            assert service.grown < 48


async def test_while_one_address_guesses_at_many_accounts(suite: Running, people: People) -> None:
    person = await people.register()
    guesses = [("198.51.100.7", f"nobody-{secrets.token_hex(4)}") for _ in range(2 * ADDRESS)]
    async with browser("203.0.113.3") as honest:
        with watched(suite, "identity") as service:
            async with attacking(suite, guesses) as attacker:
                while not attacker.answers[401]:
                    await asyncio.sleep(0.01)
                assert await logged_in(suite, honest, person) == 200
            assert attacker.answers.keys() <= {401, 429}
            assert attacker.answers[401] <= ADDRESS or attacker.seconds > 60, "more only where a new window began"
            assert attacker.answers[429] > 0
            assert service.grown < 48


async def test_while_one_address_asks_for_authorization_without_end(suite: Running, people: People) -> None:
    """Of what nobody answers no more is kept than the limit lets through; it is a metric, and no event."""
    back = "https://app.example/callback"
    client = await registered(suite, confidential=True, grant_types=["authorization_code"], redirect_uris=[back])
    asked = {"client_id": client.client_id, "redirect_uri": back, "response_type": "code", "scope": "openid"}
    asked |= {"code_challenge": "x" * 43, "code_challenge_method": "S256"}
    url = f"{suite.url('identity')}/oauth2/authorize"
    answers: Counter[int] = Counter()

    async def asks(http: httpx2.AsyncClient, times: int) -> None:
        for _ in range(times):
            http.cookies.clear()
            answers[(await http.get(url, params=asked)).status_code] += 1

    begun, person = time.monotonic(), await people.register()
    before = (await heads(suite))["token"]
    async with browser("198.51.100.9") as attacker, browser("203.0.113.5") as honest:
        await asyncio.gather(*(asks(attacker, AUTHORIZE // 8) for _ in range(AT_ONCE)))
        assert answers.keys() <= {303, 429}
        assert answers[303] <= AUTHORIZE or time.monotonic() - begun > 60, "more only where a new window began"
        assert answers[429] > 0
        assert (await heads(suite))["token"] == before
        assert (await honest.get(url, params=asked)).status_code == 303, "to the page to sign in"
        assert await logged_in(suite, attacker, person) == 200
        assert (await attacker.get(url, params=asked)).status_code == 303, "who is signed in goes on from there, too"


async def test_a_new_account_can_be_made_meanwhile(suite: Running, people: People) -> None:
    """Registration has a limit of its own, and a place in the queue of password hashes."""
    guesses = [("198.51.100.8", f"nobody-{secrets.token_hex(4)}") for _ in range(ADDRESS // 3)]
    async with browser("203.0.113.4") as newcomer, attacking(suite, guesses) as attacker:
        while not attacker.answers[401]:
            await asyncio.sleep(0.01)
        body = {"username": f"new-{secrets.token_hex(6)}", "password": PASSWORD}
        made = await newcomer.post(suite.url("identity") + "/v1/accounts", json=body)
        assert made.status_code == 201, made.text
