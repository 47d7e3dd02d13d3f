"""Decisions of policy on a company of 10,000 people, 100,000 documents and 50 roles, over gRPC with mutual TLS."""

import asyncio
import time
from typing import Any

import httpx2
import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from bench.company import bring, write_facts
from bench.figures import Figure, at_least, at_most, percentile
from bench.house import House, run
from bench.jobs import RpcJob
from bench.machine import cpu, resident
from bench.policy_model import Asked, Fact, Size, questions
from bench.rows.rpc import rpc_job
from suite.operator import Operator, operator
from tests.harness.running import Running
from watchword.policy.v1 import policy_pb2 as pb

SERVICE = "watchword.policy.v1.PolicyService"
QUESTIONS, BATCH = 4000, 100
PATIENCE = 600
QUIET, IDLE = 5.0, 0.05
"""Seconds, and the part of a core that PostgreSQL takes in them while nobody asks it for much."""
CHANGES = 100
"""Facts whose way into decisions is watched."""
NEW: Fact = {"kind": "assignment", "holder": "client/new", "role": "role-2", "resource": "document/new"}


def policy(house: House) -> list[Figure]:
    """A company's facts are brought in, asked about alone and in hundreds, changed, and asked about as of then."""
    suite, size = house.suite(), Size()
    pids = house.under_load("policy")
    facts, seconds = run(bring(suite, size))
    _settle(suite, pids["postgres"])
    then = time.time_ns() // 1_000_000_000
    asked = [_check(one) for one in questions(size, QUESTIONS)]
    alone = rpc_job(house, "policy", f"{SERVICE}/Check", asked)
    batches = [pb.BatchCheckRequest(checks=asked[first : first + BATCH]) for first in range(0, QUESTIONS, BATCH)]
    told = f"{facts:,} facts; policy then holds {resident(pids['policy']):.0f} MiB"
    return [
        Figure("facts brought in by an operator, 1,000 a request", facts / seconds, "/s", None, {}, told),
        *house.drive(alone, pids).figures("check of a company's facts", at_least(2500), 8),
        *house.drive(_batched(house, batches), pids).figures(
            f"check of a company's facts, batches of {BATCH}: decisions", at_least(15_000), each=BATCH
        ),
        _visible(suite),
        _as_of(house, alone, asked, then, pids),
    ]


def _settle(suite: Running, postgres: int) -> None:
    """Returns once the tables have followed what was brought in, and PostgreSQL has tidied up after it: their work is
    none of the checks'.
    """
    until = time.monotonic() + PATIENCE
    while len({one["applied"] for one in _following(suite)}) > 1 or _busy(postgres):
        assert time.monotonic() < until, "the tables of policy's log lag behind, or PostgreSQL has no rest"
        time.sleep(0.5)


def _busy(pid: int) -> bool:
    """For some seconds, since its own tasks come with breaks."""
    before, begun = cpu(pid), time.monotonic()
    time.sleep(QUIET)
    return cpu(pid) - before > IDLE * (time.monotonic() - begun)


def _following(suite: Running) -> list[dict[str, Any]]:
    shown = [httpx2.get(f"{suite.url(name)}/readyz?verbose", trust_env=False).json() for name in ("policy", "token")]
    return [one for each in shown for one in each["projections"] if one["log"] == "policy"]


def _batched(house: House, batches: list[pb.BatchCheckRequest]) -> RpcJob:
    return rpc_job(house, "policy", f"{SERVICE}/BatchCheck", batches)


def _visible(suite: Running) -> Figure:
    ordered = sorted(1000 * one for one in run(_seen(suite)))
    beside = f"p50 {percentile(ordered, 50):.1f} ms; the check that sees it is in it"
    return Figure(
        "a fact that was acknowledged seen by a check: p99", percentile(ordered, 99), "ms", at_most(10), {}, beside
    )


async def _seen(suite: Running) -> list[float]:
    """Seconds from the answer to a write until a check is answered by it: an assignment is made and taken back."""
    found = []
    async with operator(suite.place, suite.fleet.target) as peers:
        for _ in range(CHANGES):
            for write, remove, allowed in (([NEW], [], True), ([], [NEW], False)):
                await write_facts(peers, write, remove)
                found.append(await _until(peers, ("client/new", "document.print", "document/new"), allowed))
                await asyncio.sleep(0.01)
    return found


async def _until(peers: Operator, one: Asked, allowed: bool) -> float:
    begun, request = time.perf_counter(), _check(one)
    while (await peers.policy.Check(request)).allowed != allowed:
        assert time.perf_counter() < begun + 10, "never"
    return time.perf_counter() - begun


def _as_of(house: House, alone: RpcJob, asked: list[pb.CheckRequest], then: int, pids: dict[str, int]) -> Figure:
    """One at a time."""
    for one in asked:
        one.as_of.time.CopyFrom(Timestamp(seconds=then))
    job = msgspec.structs.replace(alone, requests=[one.SerializeToString() for one in asked], connections=1)
    driven = house.drive(job, pids)
    beside = f"p50 {driven.percentile(50):.1f} ms, {driven.rate:.0f} /s, one at a time"
    return Figure("check as of a time: p99", driven.percentile(99), "ms", at_most(10), driven.cpu, beside)


def _check(one: Asked) -> pb.CheckRequest:
    who, action, what = one
    return pb.CheckRequest(subject=_entity(who), action=action, resource=_entity(what))


def _entity(thing: str) -> pb.Entity:
    type_, _, id_ = thing.partition("/")
    return pb.Entity(type=type_, id=id_)
