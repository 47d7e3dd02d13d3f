"""What a load process is told and what it tells: one line of JSON each way."""

import msgspec


class HttpJob(msgspec.Struct, kw_only=True):
    """Requests over HTTP/1.1. Each of `connections` sends the next when it has its answer.

    `requests` are whole requests, taken in turn; with `refresh_tokens` (one a connection) each is made of the answer
    before it, and `requests` holds its head, what stands before the token in the form, and what stands after.
    `ca` asks for TLS; `each_anew` for a connection of its own for every request. `per_second` paces the whole.
    """

    host: str
    port: int
    requests: list[bytes]
    seconds: float
    warm_up: float
    connections: int = 16
    refresh_tokens: list[str] = []
    ca: str | None = None
    each_anew: bool = False
    per_second: float | None = None


class RpcJob(msgspec.Struct, kw_only=True):
    """Unary calls of one method with mutual TLS, over several channels; `requests` are encoded, taken in turn."""

    target: str
    peer: str
    ca: str
    cert: str
    key: str
    method: str
    requests: list[bytes]
    seconds: float
    warm_up: float
    connections: int = 16
    channels: int = 4


class Ready(msgspec.Struct, tag="ready"):
    """The warm-up is over: what comes counts."""


class Done(msgspec.Struct, tag="done"):
    """How many were answered in how many seconds, each one's latency in ms, and the load's own CPU seconds."""

    count: int
    seconds: float
    latencies: list[float]
    cpu: float


class Broken(msgspec.Struct, tag="broken"):
    """An answer was not what it should be."""

    why: str


Told = Ready | Done | Broken
Job = HttpJob | RpcJob
