"""RelayService: what operators see and do of a relay."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from google.protobuf.duration_pb2 import Duration

from eventlog.errors import Kind, Refusal
from eventlog.relay.state import Status
from watchword.log.v1 import log_pb2, log_pb2_grpc


class Asked(Protocol):
    """The relay, as it is asked from outside."""

    @property
    def topic(self) -> str: ...

    async def status(self) -> Status: ...

    async def republish(self, first: int) -> None:
        """Raises Refusal where the log has no such position."""
        ...


class RelayFeed(log_pb2_grpc.RelayServiceServicer):
    """RelayService, for operators: `administrator` refuses everybody else. `relay` is None where there is no Kafka."""

    def __init__(self, relay: Asked | None, administrator: Callable[[Any], Awaitable[object]]) -> None:
        self._relay = relay
        self._administrator = administrator

    async def GetRelay(self, request: Any, context: Any) -> log_pb2.GetRelayResponse:
        await self._administrator(context)
        if self._relay is None:
            return log_pb2.GetRelayResponse()
        return log_pb2.GetRelayResponse(relay=_shown(self._relay.topic, await self._relay.status()))

    async def Republish(self, request: Any, context: Any) -> log_pb2.RepublishResponse:
        await self._administrator(context)
        if self._relay is None:
            raise Refusal(Kind.PRECONDITION, "no_kafka", "this service was given no Kafka to publish to")
        await self._relay.republish(request.from_position)
        return log_pb2.RepublishResponse()


def _shown(topic: str, one: Status) -> log_pb2.Relay:
    return log_pb2.Relay(
        holder=one.holder,
        position=one.position,
        head=one.head,
        lag=_duration(one.lag),
        seen_age=_duration(one.seen_age),
        trouble=one.trouble,
        detail=one.detail,
        republish_from=one.republish_from,
        topic=topic,
    )


def _duration(seconds: float | None) -> Duration | None:
    if seconds is None:
        return None
    shown = Duration()
    shown.FromMicroseconds(round(seconds * 1e6))
    return shown
