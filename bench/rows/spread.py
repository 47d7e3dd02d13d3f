"""How long after a revocation was acknowledged a backend's verifier refuses what it ends."""

import asyncio
import time
from dataclasses import dataclass, field

from bench.driving import beside
from bench.figures import Figure, at_most, percentile
from bench.house import House, Transport, run
from bench.rows.tokens import token_job
from tests.harness.applications import machine
from tests.harness.people import People, Signed
from tests.harness.running import Suite
from watchword import TokenRefused, Verifier, connect
from watchword.kafka import Kafka

REVOCATIONS = 150
DEADLINE = 10.0
LOOK = 0.0002


def over_grpc(house: House) -> list[Figure]:
    """From the answer of a revocation to its refusal by a backend's verifier that follows over gRPC."""
    return _spread(house, "feed", "gRPC", 3, 10)


def over_kafka(house: House) -> list[Figure]:
    """The same, by a verifier that follows token's topic in Kafka."""
    return _spread(house, "kafka", "Kafka", 15, 50)


def _spread(house: House, transport: Transport, named: str, p50: float, p99: float) -> list[Figure]:
    """At rest, and beside half of the client_credentials that token gives at most here, measured just before."""
    pids = house.under_load("token", transport=transport)
    suite = house.suite(transport)
    with house.looking_at(pids["token"]):
        rest = run(_revocations(suite))
    job = token_job(house, suite.url("token"), run(machine(suite)))
    half = house.drive(job, pids).rate / 2
    job.seconds, job.per_second = 3600.0, half
    with beside(job):
        loaded = run(_revocations(suite))
    found: list[Figure] = []
    for when, spread in (("at rest", rest), ("at half load", loaded)):
        what = f"revocation → refusal by a verifier, {named}, {when}"
        load = f"beside {half:.0f} tokens/s; " if when == "at half load" else ""
        for share, limit in ((50, p50), (99, p99)):
            beside_what = f"{load}from the request on {_ms(spread.asked, share):.1f} ms"
            figure = Figure(f"{what}: p{share}", _ms(spread.answered, share), "ms", at_most(limit), {}, beside_what)
            found.append(figure)
    return found


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds until a verifier refused, of each revocation: since it was asked for, and since its answer was read."""

    asked: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)


def _ms(seconds: list[float], share: float) -> float:
    return percentile(sorted(1000 * one for one in seconds), share)


async def _revocations(suite: Suite) -> Spread:
    """Ends sessions one by one at token, and asks the verifier until it refuses."""
    demo = suite.contract
    kafka = None if demo.kafka is None else Kafka(demo.kafka)
    async with (
        People.of(suite) as people,
        connect(
            issuer=demo.issuer,
            audience=demo.issuer,
            token_grpc=demo.token.grpc,
            ca=demo.ca,
            cert=demo.backend.cert,
            key=demo.backend.key,
            kafka=kafka,
        ) as verifier,
    ):
        await _served(verifier, "grpc" if kafka is None else "kafka")
        admin, person = await people.administrator(), await people.register()
        found = Spread()
        for _ in range(REVOCATIONS):
            signed = await people.login(person)
            assert not await _refused(verifier, signed)
            asked = time.perf_counter()
            await _revoke(people, admin, signed)
            answered = time.perf_counter()
            refused = await _refusing(verifier, signed)
            found.asked.append(refused - asked)
            found.answered.append(refused - answered)
    return found


async def _served(verifier: Verifier, via: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while verifier.transport.via != via:
            await asyncio.sleep(0.02)


async def _revoke(people: People, admin: Signed, signed: Signed) -> None:
    answer = await people.post(
        "token", "/v1/revocations", headers=admin.bearer, session_id=signed.session_id, reason="bench"
    )
    assert answer.status_code == 200, answer.text


async def _refusing(verifier: Verifier, signed: Signed) -> float:
    """When the first question was asked that was answered with a refusal."""
    async with asyncio.timeout(DEADLINE):
        while True:
            sent = time.perf_counter()
            if await _refused(verifier, signed):
                return sent
            await asyncio.sleep(LOOK)


async def _refused(verifier: Verifier, signed: Signed) -> bool:
    try:
        await verifier.verify(signed.access_token)
    except TokenRefused as refused:
        return refused.code == "revoked"
    return False
