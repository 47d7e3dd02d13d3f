"""A replica of token stands still with a request in its socket: its client goes on at the other, and stays in."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

import pytest
from httpx2 import AsyncClient

from tests.harness.applications import registered
from tests.harness.browsing import Browser
from tests.harness.people import People
from tests.harness.replicas import Replicas
from tests.harness.reuse import judged
from tests.harness.visits import BACK, Visit

FIRST, SECOND = 1, 2
STOOD = 3.0
"""Seconds: longer than a use may wait, and be judged as theft."""


@asynccontextmanager
async def standing(replicas: Replicas, name: str, number: int) -> AsyncIterator[None]:
    pid = replicas.served[name, number].process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
        await asyncio.sleep(STOOD)
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_use_that_lay_in_a_stopped_process_while_its_client_went_on_elsewhere_is_no_theft(
    replicas: Replicas,
) -> None:
    async with People.of(replicas) as people:
        signed = await people.login(await people.register())
        async with standing(replicas, "token", 0):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(people.refresh(signed.refresh_token, FIRST), 0.5)
            token = signed.refresh_token
            for _ in range(3):
                answer = await people.refresh(token, SECOND)
                assert answer.status_code == 200, answer.text
                token = answer.json()["refresh_token"]
        # What lay there is read before what comes now.
        assert (await people.refresh(signed.refresh_token, FIRST)).status_code == 503
        assert (await people.refresh(token, SECOND)).status_code == 200
        assert (await judged(lambda: people.refresh(signed.refresh_token, FIRST))).status_code == 400


async def waited(people: People) -> float:
    """How many codes came to the first process from somebody who may have given up."""
    said = (await people.get("token", "/metrics", FIRST)).text
    outcome = 'watchword_token_requests_total{grant_type="authorization_code",outcome="request_waited"}'
    return sum(float(line.rpartition(" ")[2]) for line in said.splitlines() if line.startswith(outcome))


@pytest.mark.parametrize("meanwhile", [True, False])
async def test_a_code_that_lay_in_a_stopped_process_when_its_client_gave_up_gives_nothing_and_ends_nothing(
    replicas: Replicas, meanwhile: bool
) -> None:
    grants = ["authorization_code", "refresh_token"]
    client = await registered(replicas, grant_types=grants, scopes=["openid"], redirect_uris=[BACK], ask_consent=False)
    async with People.of(replicas) as people, AsyncClient(timeout=30, trust_env=False) as http:
        visit, browser = Visit(replicas, http, client), Browser.before(http, replicas.url("identity"))
        person = await people.register()
        page = await browser.open(visit.asking())
        page = await browser.submit(page, username=person.username, password=person.password)
        code = dict(parse_qsl(urlsplit(page.left).query))["code"]
        before = await waited(people)
        async with standing(replicas, "token", 0):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(visit.redeem(code, FIRST), 0.5)
            if meanwhile:
                given = await visit.redeem(code, SECOND)
        async with asyncio.timeout(20):
            while await waited(people) == before:
                await asyncio.sleep(0.05)
        if not meanwhile:
            given = await visit.redeem(code, SECOND)
        assert given.status_code == 200, given.text
        refreshed = await people.refresh(given.json()["refresh_token"], SECOND, client.client_id)
        assert refreshed.status_code == 200, refreshed.text
