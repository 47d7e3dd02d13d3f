"""How long after a revocation was acknowledged each place refuses what it ends."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.harness.people import People, Signed
from tests.harness.running import Suite
from watchword import TokenRefused, Verifier, connect
from watchword.kafka import Kafka

DEADLINE = 10.0

Refuses = Callable[[Signed], Awaitable[bool]]


@dataclass(slots=True)
class Spread:
    """Seconds from the acknowledgement to the sending of the first request that was refused."""

    seconds: list[float] = field(default_factory=list)

    def percentile(self, share: int) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


async def spread(suite: Suite, revocations: int) -> dict[str, Spread]:
    """Ends that many sessions for each place, one by one at token, and asks that place until it refuses.

    One place after the other: asking all at once would measure how they wait for each other here.
    """
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
            kafka=None if demo.kafka is None else Kafka(demo.kafka),
        ) as verifier,
    ):
        places: dict[str, Refuses] = {
            "identity, REST": lambda signed: _unauthorized(people, "identity", "/v1/account", signed),
            "policy, REST": lambda signed: _unauthorized(people, "policy", "/v1/roles", signed),
            "a backend's verifier": lambda signed: _refused(verifier, signed),
        }
        admin, person = await people.administrator(), await people.register()
        found = {where: Spread() for where in places}
        for where, refuses in places.items():
            for _ in range(revocations):
                signed = await people.login(person)
                assert not await refuses(signed)
                await _revoke(people, admin, signed)
                found[where].seconds.append(await _until(refuses, signed))
    return found


async def _revoke(people: People, admin: Signed, signed: Signed) -> None:
    answer = await people.post(
        "token", "/v1/revocations", headers=admin.bearer, session_id=signed.session_id, reason="bench"
    )
    assert answer.status_code == 200, answer.text


async def _until(refuses: Refuses, signed: Signed) -> float:
    acknowledged = time.perf_counter()
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
