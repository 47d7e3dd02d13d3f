"""The verifier of a backend service, wired to the issuer."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import grpc
import httpx2

from watchword.clock import LogClock, boot_ns
from watchword.errors import Unavailable
from watchword.freshness import Freshness
from watchword.jwks import JwksKeys
from watchword.kafka.connection import Kafka
from watchword.knowledge import Knowledge
from watchword.revocations import Revocations
from watchword.token.v1 import token_pb2
from watchword.token.v1.token_pb2_grpc import TokenServiceStub
from watchword.used import UsedProofs
from watchword.verifier import Introspect, Verifier, WhenStale
from watchword.watch import RevocationWatch

INTROSPECTION_TIMEOUT_S = 2.0
_CHANNEL_OPTIONS = [
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
]


@asynccontextmanager
async def connect(
    *,
    issuer: str,
    audience: str,
    token_grpc: str,
    ca: Path | str,
    cert: Path | str,
    key: Path | str,
    server_name: str | None = "token.watchword",
    reader: str | None = None,
    jwks_url: str | None = None,
    max_staleness: timedelta = timedelta(seconds=5),
    when_stale: WhenStale = "deny",
    kafka: Kafka | None = None,
    used: UsedProofs | None = None,
) -> AsyncIterator[Verifier]:
    """A verifier that follows the issuer while the context lasts.

    `token_grpc` is token's HOST:PORT; `ca`, `cert` and `key` are paths of PEM files for mutual TLS. `server_name` is
    the DNS name that token's certificate must carry, wherever it is reached: so nobody else to whom the same authority
    gave a certificate can answer in its place. None: the host of `token_grpc`.

    With `kafka` revocations are read from token's topic as long as that keeps up, and over gRPC where it does not
    (`Verifier.transport` says which, and why); snapshots, stamps and receipts stay with gRPC. It needs the extra
    `watchword[kafka]`, else ImportError; ValueError or OSError where what it says cannot be used.

    `used` remembers which DPoP proofs have come (`Verifier.verify_dpop`); without it this process's memory does, which
    is enough where no other process takes proofs for the same addresses.

    `max_staleness` is above 0 and within a minute, else ValueError: token remembers no verifier for longer, and says by
    when a revocation is certain. It waits as long for the first snapshot; where none has come, the context begins all
    the same and tokens are denied as stale until one has.
    """
    credentials = grpc.ssl_channel_credentials(
        Path(ca).read_bytes(), private_key=Path(key).read_bytes(), certificate_chain=Path(cert).read_bytes()
    )
    async with (
        grpc.aio.secure_channel(token_grpc, credentials, options=[*_CHANNEL_OPTIONS, *_named(server_name)]) as channel,
        httpx2.AsyncClient(trust_env=False) as http,
        connect_over(
            channel,
            http,
            issuer=issuer,
            audience=audience,
            reader=reader,
            jwks_url=jwks_url,
            max_staleness=max_staleness,
            when_stale=when_stale,
            kafka=kafka,
            used=used,
        ) as verifier,
    ):
        yield verifier


@asynccontextmanager
async def connect_over(
    channel: grpc.aio.Channel,
    http: httpx2.AsyncClient,
    *,
    issuer: str,
    audience: str,
    reader: str | None = None,
    jwks_url: str | None = None,
    max_staleness: timedelta = timedelta(seconds=5),
    when_stale: WhenStale = "deny",
    kafka: Kafka | None = None,
    used: UsedProofs | None = None,
) -> AsyncIterator[Verifier]:
    """As `connect`, over a channel to token and an HTTP client of one's own."""
    revocations, freshness, clock = Revocations(), Freshness(), LogClock()
    keys = JwksKeys(jwks_url or issuer + "/.well-known/jwks.json", http)
    watch = RevocationWatch(
        channel,
        reader=reader or f"{socket.gethostname()}/{secrets.token_hex(4)}",
        revocations=revocations,
        freshness=freshness,
        clock=clock,
        max_staleness=max_staleness,
        topic=None if kafka is None else _topic(kafka),
    )
    verifier = Verifier(
        issuer=issuer,
        audience=audience,
        keys=keys,
        revocations=revocations,
        age_ns=lambda: freshness.age_ns(boot_ns()),
        clock=clock,
        max_staleness=max_staleness,
        when_stale=when_stale,
        introspect=introspect_over(channel) if when_stale == "introspect" else None,
        transport=lambda: watch.transport,
        used=used,
    )
    following = asyncio.create_task(watch.run())
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(max_staleness.total_seconds()):
                await watch.proven()
        yield verifier
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await keys.close()


def _topic(kafka: Kafka) -> Callable[[Knowledge], Awaitable[None]]:
    if (wrong := kafka.wrong()) is not None:
        raise ValueError(wrong)
    kafka.client()  # a file that cannot be read is said here, and not taken for a cluster that was lost
    try:
        from watchword.kafka.follow import follow
    except ImportError as missing:
        raise ImportError("reading from Kafka needs aiokafka: pip install 'watchword[kafka]'") from missing
    return partial(follow, kafka)


def _named(server: str | None) -> list[tuple[str, str]]:
    return [] if server is None else [("grpc.ssl_target_name_override", server)]


def introspect_over(channel: grpc.aio.Channel) -> Introspect:
    """Asks token over gRPC whether a token is active."""
    stub = TokenServiceStub(channel)

    async def introspect(token: str) -> bool:
        try:
            answer = await stub.Introspect(token_pb2.IntrospectRequest(token=token), timeout=INTROSPECTION_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise Unavailable(f"introspection failed: {error.code().name}") from None
        return answer.active

    return introspect
