"""How long after a revocation was acknowledged a backend's verifier refuses what it ends."""

import asyncio
import time

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
    for when, seconds in (("at rest", rest), ("at half load", loaded)):
        what = f"revocation → refusal by a verifier, {named}, {when}"
        ordered = sorted(1000 * one for one in seconds)
        beside_what = f"beside {half:.0f} tokens/s" if when == "at half load" else ""
        found.append(Figure(f"{what}: p50", percentile(ordered, 50), "ms", at_most(p50), {}, beside_what))
        found.append(Figure(f"{what}: p99", percentile(ordered, 99), "ms", at_most(p99)))
    return found


async def _revocations(suite: Suite) -> list[float]:
    """Ends sessions one by one at token, and asks the verifier until it refuses. Seconds from the acknowledgement."""
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
        found: list[float] = []
        for _ in range(REVOCATIONS):
            signed = await people.login(person)
            assert not await _refused(verifier, signed)
            await _revoke(people, admin, signed)
            found.append(await _until_refused(verifier, signed))
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


async def _until_refused(verifier: Verifier, signed: Signed) -> float:
    acknowledged = time.perf_counter()
    while True:
        sent = time.perf_counter()
        if await _refused(verifier, signed):
            return sent - acknowledged
        assert sent - acknowledged < DEADLINE, "the revocation has not arrived"
        await asyncio.sleep(LOOK)


async def _refused(verifier: Verifier, signed: Signed) -> bool:
    try:
        await verifier.verify(signed.access_token)
    except TokenRefused as refused:
        return refused.code == "revoked"
    return False
