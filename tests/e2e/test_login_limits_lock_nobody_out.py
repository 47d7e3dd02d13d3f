"""Limits of logins stop guessing, tell nothing, and lock nobody out (RULES 10)."""

import asyncio
import secrets

import pytest

from tests.e2e.browsers import WRONG, Browser, browser, said
from tests.harness.people import PASSWORD, People, Person
from tests.harness.running import Running

pytestmark = pytest.mark.over("feed")


async def test_an_unknown_user_and_a_wrong_password_get_the_same_answer(suite: Running, people: People) -> None:
    person = await people.register()
    async with browser(suite, "127.0.3.1") as one:
        wrong = await one.login(person, password=WRONG)
        unknown = await one.login(Person(f"nobody-{secrets.token_hex(4)}", WRONG, ""))
        odd = await one.login(Person("no name: spaces \u200b", WRONG, ""))
        assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
        assert said(wrong) == said(unknown) == said(odd)
        assert "set-cookie" not in wrong.headers


@pytest.mark.parametrize("known", [True, False])
async def test_a_names_limit_stops_guessing_from_everywhere_but_not_its_owners_browser(
    suite: Running, people: People, known: bool
) -> None:
    suite.second("identity")
    person = await people.register() if known else Person(f"nobody-{secrets.token_hex(4)}", PASSWORD, "")
    tens = f"127.0.{4 if known else 5}"
    async with browser(suite, f"{tens}.1") as owner:
        if known:
            assert (await owner.login(person)).status_code == 200
        for address in (f"{tens}.2", f"{tens}.3"):
            await guess_until_refused(suite, person, address)
        async with browser(suite, f"{tens}.4") as fresh:
            for where in (0, 1):
                refused = await fresh.login(person, where)
                assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts"), where
                assert int(refused.headers["retry-after"]) >= 1
            assert (await fresh.login(await people.register())).status_code == 200, "others are not concerned"
        if known:
            for where in (0, 1):
                assert (await owner.login(person, where)).status_code == 200, "its device cookie is its own way in"
            await device_has_a_limit_too(owner, person)


async def guess_until_refused(suite: Running, person: Person, address: str) -> None:
    """Ten wrong passwords at once from one address, over two processes: as many as it may."""
    async with browser(suite, address) as thief:
        guesses = await asyncio.gather(*(thief.login(person, where % 2, WRONG) for where in range(10)))
        assert {guess.status_code for guess in guesses} <= {401, 429}, [guess.text for guess in guesses]
        last = await thief.login(person, 0, WRONG)
        assert (last.status_code, last.json()["code"]) == (429, "too_many_attempts")
        assert int(last.headers["retry-after"]) >= 1


async def device_has_a_limit_too(owner: Browser, person: Person) -> None:
    answers = [(await owner.login(person, 0, WRONG)).status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]
