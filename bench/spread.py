"""How long after a revocation was acknowledged each place refuses what it ends."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.harness.people import People, Signed
from tests.harness.running import Running
from watchword import TokenRefused, Verifier, connect

DEADLINE = 10.0

Refuses = Callable[[Signed], Awaitable[bool]]


@dataclass(slots=True)
class Spread:
    """Seconds from the acknowledgement to the sending of the first request that was refused."""

    seconds: list[float] = field(default_factory=list)

    def percentile(self, share: int) -> float:
        found = sorted(self.seconds)
        return found[min(len(found) - 1, len(found) * share // 100)]


async def spread(suite: Running, revocations: int) -> dict[str, Spread]:
    """Ends that many sessions one by one at token; asks identity and policy, and a verifier, until they refuse."""
    demo = suite.contract
    async with (
        People.of(suite) as people,
        connect(
            issuer=demo.issuer,
            audience=demo.issuer,
            token_grpc=demo.token.grpc,
            ca=demo.ca,
            cert=demo.backend.cert,
            key=demo.backend.key,
        ) as verifier,
    ):
        places: dict[str, Refuses] = {
            "identity, REST": lambda signed: _unauthorized(people, "identity", "/v1/account", signed),
            "policy, REST": lambda signed: _unauthorized(people, "policy", "/v1/roles", signed),
            "a backend's verifier": lambda signed: _refused(verifier, signed),
        }
        found = {where: Spread() for where in places}
        admin, sessions = await people.administrator(), await _sessions(people, revocations)
        for signed in sessions:
            await _revoke(people, admin, signed)
            acknowledged = time.perf_counter()
            waits = (_until(refuses, signed, acknowledged) for refuses in places.values())
            for where, seconds in zip(places, await asyncio.gather(*waits), strict=True):
                found[where].seconds.append(seconds)
    return found


async def _sessions(people: People, count: int) -> list[Signed]:
    person = await people.register()
    begun: list[Signed] = []
    while len(begun) < count:
        # One client's cookies are all clients' here, so one after the other.
        begun.append(await people.login(person))
    return begun


async def _revoke(people: People, admin: Signed, signed: Signed) -> None:
    answer = await people.post(
        "token", "/v1/revocations", headers=admin.bearer, session_id=signed.session_id, reason="bench"
    )
    assert answer.status_code == 200, answer.text


async def _until(refuses: Refuses, signed: Signed, acknowledged: float) -> float:
    while True:
        sent = time.perf_counter()
        if await refuses(signed):
            return sent - acknowledged
        assert sent - acknowledged < DEADLINE, "the revocation has not arrived"


async def _unauthorized(people: People, service: str, path: str, signed: Signed) -> bool:
    return (await people.get(service, path, headers=signed.bearer)).status_code == 401


async def _refused(verifier: Verifier, signed: Signed) -> bool:
    await asyncio.sleep(0.0002)
    try:
        await verifier.verify(signed.access_token)
    except TokenRefused as refused:
        return refused.code == "revoked"
    return False
