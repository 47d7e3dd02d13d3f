"""Where an attack happens: a person, an honest application that they use, and an attacker with one of their own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from httpx2 import AsyncClient

from tests.harness.browsing import Browser
from tests.harness.people import People, Person
from tests.harness.running import Running
from tests.oidc.party import Party, party

EVIL = "https://evil.example/callback"


@dataclass(frozen=True)
class Scene:
    """`app` and `theirs` are the honest application and the attacker's; `victim` and `attacker` are people."""

    suite: Running
    http: AsyncClient
    app: Party
    theirs: Party
    victim: Person
    attacker: Person
    stack: AsyncExitStack

    async def browser(self) -> Browser:
        """One that nobody has used."""
        http = await self.stack.enter_async_context(AsyncClient(timeout=30, trust_env=False))
        return Browser.before(http, self.suite.url("identity"))

    async def party(self, **wanted: Any) -> Party:
        """One more application."""
        return await party(self.suite, self.http, **wanted)


@asynccontextmanager
async def scene(suite: Running) -> AsyncIterator[Scene]:
    """A scene with people and applications of its own."""
    async with AsyncExitStack() as stack:
        people = await stack.enter_async_context(People.of(suite))
        victim, attacker = await people.register(), await people.register()
        http = await stack.enter_async_context(AsyncClient(timeout=30, trust_env=False))
        app, theirs = await party(suite, http), await party(suite, http, redirect_uris=[EVIL])
        yield Scene(suite, http, app, theirs, victim, attacker, stack)
