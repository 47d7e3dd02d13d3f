"""A replica of token stands still with a refresh in its socket: its client goes on at the other, and stays in."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.harness.people import People
from tests.harness.replicas import Replicas
from tests.harness.reuse import judged

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
