"""All that RFC 9700 names, tried at the same time on one suite, while people go on to sign in."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

from tests.harness.running import Running
from tests.oidc import test_rfc_9700_browsers, test_rfc_9700_codes, test_rfc_9700_tokens
from tests.oidc.scene import Scene, scene

Attack = Callable[[Scene], Awaitable[None]]
ATTACKS = (test_rfc_9700_browsers, test_rfc_9700_codes, test_rfc_9700_tokens)
AT_ONCE = 8


def attacks() -> list[Attack]:
    """Every test of these files that needs a scene alone."""
    found = [vars(module).items() for module in ATTACKS]
    named = [one for items in found for name, one in items if name.startswith("test_")]
    return [one for one in named if list(inspect.signature(one).parameters) == ["scene"]]


async def honest(scene: Scene) -> None:
    """Signs in, refreshes, and is who they are."""
    tokens = await scene.app.tokens(await scene.browser(), scene.victim)
    answer = await scene.app.ask(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    told = await scene.app.userinfo(answer.json()["access_token"])
    assert told.json()["sub"] == scene.victim.account_id


async def test_all_of_them_at_once(suite: Running) -> None:
    some = asyncio.Semaphore(AT_ONCE)

    async def tried(one: Attack) -> None:
        async with some, scene(suite) as own:
            await one(own)

    named = attacks()
    for place in range(len(named), 0, -4):
        named.insert(place, honest)
    tries = [tried(one) for one in named]
    failed = [one for one in await asyncio.gather(*tries, return_exceptions=True) if isinstance(one, BaseException)]
    if failed:
        raise BaseExceptionGroup("at once", failed)
