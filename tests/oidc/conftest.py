"""One suite for all that applications do with it: other people's clients, the profiles' checklists, named attacks.

Where a machine lacks one of those clients, its tests are not collected and the run ends by naming them; where they are
required, as in CI, the run fails at once.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from tests.harness.browsing import Browser
from tests.harness.people import People, Person
from tests.harness.running import Running, running_suite
from tests.oidc.party import Party, party
from tests.oidc.programs import REQUIRED, missing
from tests.oidc.scene import Scene
from tests.oidc.scene import scene as scene_of

Parties = Callable[..., Awaitable[Party]]
Browsers = Callable[[], Awaitable[Browser]]
MISSING = missing()
if MISSING and os.environ.get(REQUIRED) == "1":
    raise pytest.UsageError("\n".join(f"tests/oidc/{name} cannot run: {why}" for name, why in MISSING.items()))

collect_ignore = sorted(MISSING)
SETTINGS = {
    # All people come from one address, and all applications are there.
    "WATCHWORD_IDENTITY_LIMIT_ADDRESS": "10000 per minute",
    "WATCHWORD_IDENTITY_LIMIT_AUTHORIZE": "10000 per minute",
    "WATCHWORD_TOKEN_FETCH_ALLOWED": "127.0.0.0/8",
    "WATCHWORD_TOKEN_REGISTRATION": "open",
}


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_suite(tmp_path_factory.mktemp("suite") / "data", environment=SETTINGS) as running:
        yield running


@pytest_asyncio.fixture
async def http() -> AsyncIterator[AsyncClient]:
    async with AsyncClient(timeout=30, trust_env=False) as http:
        yield http


@pytest_asyncio.fixture
async def browsers(suite: Running) -> AsyncIterator[Browsers]:
    """Browsers that nobody has used."""
    async with AsyncExitStack() as stack:

        async def browser() -> Browser:
            http = await stack.enter_async_context(AsyncClient(timeout=30, trust_env=False))
            return Browser.before(http, suite.url("identity"))

        yield browser


@pytest_asyncio.fixture
async def browser(browsers: Browsers) -> Browser:
    return await browsers()


@pytest.fixture
def parties(suite: Running, http: AsyncClient) -> Parties:
    """Registers applications."""

    async def make(**wanted: Any) -> Party:
        return await party(suite, http, **wanted)

    return make


@pytest_asyncio.fixture
async def app(parties: Parties) -> Party:
    """An application that nobody has to consent to."""
    return await parties()


@pytest_asyncio.fixture
async def person(suite: Running) -> AsyncIterator[Person]:
    async with People.of(suite) as people:
        yield await people.register()


@pytest_asyncio.fixture
async def scene(suite: Running) -> AsyncIterator[Scene]:
    async with scene_of(suite) as scene:
        yield scene


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names what was not collected."""
    if MISSING:
        terminalreporter.section("not run on this machine")
        for name, reason in sorted(MISSING.items()):
            terminalreporter.line(f"tests/oidc/{name}: {reason}")
