"""What a running suite looks like from outside: who answers, who is ready, and how far each projection is."""

import asyncio
from collections.abc import Sequence

import httpx2
import msgspec

from chassis.rpc.client import ask
from eventlog.errors import Refusal
from suite.contract import Contract
from suite.databases import SERVICES
from suite.operator import Operator
from watchword.log.v1 import log_pb2

STALE = 5.0
"""Seconds after which knowledge is too old to decide by (RULES 7)."""


class ProjectionLook(msgspec.Struct, frozen=True):
    """A projection of `log` inside a service.

    `lag_seconds`: how old the newest proof is that it was level. None: it is behind, or no proofs are kept of it, as of
    a table beside which no memory projection follows the same log.
    """

    name: str
    log: str
    applied: int
    head: int
    lag_seconds: float | None
    parked_events: int
    parked_streams: list[str]
    via: str
    trouble: str
    noticed: dict[str, int]

    @property
    def level(self) -> bool:
        return self.applied >= self.head and (self.lag_seconds is not None or not self.name.endswith("@memory"))


class RelayLook(msgspec.Struct, frozen=True):
    """What publishes a service's log to `topic`. `lag_seconds`: how old the newest heartbeat in the topic is;
    `seen_seconds`: how long ago its holder showed that it lives; None: never.
    """

    topic: str
    holder: str
    position: int
    head: int
    lag_seconds: float | None
    seen_seconds: float | None
    trouble: str
    detail: str
    republish_from: int | None


class ServiceLook(msgspec.Struct, frozen=True):
    """One service. `trouble` says in sentences what is wrong; it is empty where all is well. `notes` say what was wrong
    and did no harm. `relay` is None where the service was given no Kafka.
    """

    service: str
    rest: str
    grpc: str
    reachable: bool
    ready: bool
    projections: list[ProjectionLook]
    trouble: list[str]
    notes: list[str] = []
    relay: RelayLook | None = None


async def look(running: Contract, peers: Operator, http: httpx2.AsyncClient) -> list[ServiceLook]:
    """Every service as it is now; raises nothing of what it finds."""
    return list(await asyncio.gather(*(_service(name, running, peers, http) for name in SERVICES)))


async def _service(name: str, running: Contract, peers: Operator, http: httpx2.AsyncClient) -> ServiceLook:
    api = running.api(name)
    over_rest, over_grpc, relay = await asyncio.gather(
        _readyz(http, api.rest), _projections(peers, name), _relay(peers, name)
    )
    rest_trouble, grpc_trouble = over_rest[1], over_grpc[1]
    return ServiceLook(
        service=name,
        rest=api.rest,
        grpc=api.grpc,
        reachable=over_rest[0] is not None and over_grpc[0] is not None,
        ready=over_rest[0] is True,
        projections=list(over_grpc[0] or ()),
        trouble=[
            *rest_trouble,
            *grpc_trouble,
            *(line for one in over_grpc[0] or () for line in _wrong(one)),
            *wrong_with(relay),
        ],
        notes=[line for one in over_grpc[0] or () for line in _noticed(one)],
        relay=relay,
    )


async def _readyz(http: httpx2.AsyncClient, url: str) -> tuple[bool | None, list[str]]:
    """Whether it is ready (None: it does not answer), and why not."""
    try:
        answer = await http.get(f"{url}/readyz?verbose")
        report = msgspec.json.decode(answer.content, type=_Report)
    except (httpx2.HTTPError, msgspec.DecodeError):
        return None, [f"REST does not answer at {url}"]
    return report.ready, [f"not ready: {name}: {one.reason}" for name, one in report.checks.items() if not one.ok]


class _Check(msgspec.Struct):
    ok: bool
    reason: str = ""


class _Report(msgspec.Struct):
    ready: bool
    checks: dict[str, _Check] = {}


async def _projections(peers: Operator, name: str) -> tuple[Sequence[ProjectionLook] | None, list[str]]:
    try:
        answer = await ask(peers.projections[name].ListProjections, log_pb2.ListProjectionsRequest())
    except Refusal as refusal:
        return None, [f"gRPC: {refusal.detail}"]
    return [shown(one) for one in answer.projections], []


def shown(one: log_pb2.Projection) -> ProjectionLook:
    """A projection as its service tells of it."""
    return ProjectionLook(
        name=one.name,
        log=one.log,
        applied=one.applied,
        head=one.head,
        lag_seconds=one.lag.ToMicroseconds() / 1e6 if one.HasField("lag") else None,
        parked_events=one.parked_events,
        parked_streams=list(one.parked_streams),
        via=one.via,
        trouble=one.trouble,
        noticed=dict(one.noticed),
    )


async def _relay(peers: Operator, name: str) -> RelayLook | None:
    """None also where the service does not answer, which its projections tell already."""
    try:
        return relay_shown(await ask(peers.relays[name].GetRelay, log_pb2.GetRelayRequest()))
    except Refusal:
        return None


def relay_shown(answer: log_pb2.GetRelayResponse) -> RelayLook | None:
    """A relay as its service tells of it; None where there is none."""
    if not answer.HasField("relay"):
        return None
    one = answer.relay
    return RelayLook(
        topic=one.topic,
        holder=one.holder,
        position=one.position,
        head=one.head,
        lag_seconds=one.lag.ToMicroseconds() / 1e6 if one.HasField("lag") else None,
        seen_seconds=one.seen_age.ToMicroseconds() / 1e6 if one.HasField("seen_age") else None,
        trouble=one.trouble,
        detail=one.detail,
        republish_from=one.republish_from if one.HasField("republish_from") else None,
    )


def wrong_with(one: RelayLook | None) -> list[str]:
    """What is wrong with a relay, in sentences."""
    if one is None:
        return []
    if one.seen_seconds is None or one.seen_seconds > STALE or not one.holder:
        seen = "never" if one.seen_seconds is None else f"{one.seen_seconds:.1f} s ago"
        return [f"relay: no process of the service publishes its log; last seen {seen}"]
    if one.trouble:
        return [f"relay: {one.trouble}: {one.detail}"]
    if one.lag_seconds is None or one.lag_seconds > STALE:
        last = "not said yet" if one.lag_seconds is None else f"last said {one.lag_seconds:.1f} s ago"
        return [f"relay: {one.position} of {one.head} are in {one.topic}; that all are was {last}"]
    return []


def _wrong(one: ProjectionLook) -> list[str]:
    found = []
    if one.parked_streams:
        found.append(f"{one.name}: parked {', '.join(one.parked_streams)}: what depends on them is denied")
    if one.trouble:
        served = f" (served over {one.via})" if one.trouble.startswith("topic_") else ""
        found.append(f"{one.name}: {one.trouble}{served}")
    if not one.level:
        found.append(f"{one.name}: not level with {one.log}'s log ({one.applied} of {one.head})")
    if one.lag_seconds is not None and one.lag_seconds > STALE:
        found.append(f"{one.name}: last level with {one.log}'s log {one.lag_seconds:.1f} s ago")
    return found


def _noticed(one: ProjectionLook) -> list[str]:
    return [f"{one.name}: {what} of {one.log}'s topic, {count} since it started" for what, count in one.noticed.items()]
