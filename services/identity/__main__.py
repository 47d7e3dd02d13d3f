"""The composition root: the only file that knows everything."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from urllib.parse import urlsplit

from fastapi import APIRouter
from limits import parse

from chassis.administration import by_action, policy_decides
from chassis.auth import Bearers
from chassis.foundation import Foundation, lay
from chassis.heap import keep_freed
from chassis.kept import PostgresKept
from chassis.limits import PostgresStorage, WindowLimits
from chassis.origins import Origins
from chassis.process import Parts, Process, main
from chassis.proofs import Proofs
from chassis.rpc import Admission, RpcServer, connect
from chassis.tracing.events import reacting
from chassis.trust import Trust, knows_callers
from chassis.verification import verifier
from chassis.web import Share, application
from eventlog.errors import Refusal, unavailable
from eventlog.projection import Projections, Reaction, TableProjection, foreign
from eventlog.projection.parked import Parked
from services.identity.adapters.authorizations import AuthorizationPeer
from services.identity.adapters.devices import DevicePeer
from services.identity.adapters.hasher import ThreadHasher
from services.identity.adapters.last_seen import CoarseLastSeen
from services.identity.adapters.peers import TokenPeer
from services.identity.api import assets, session
from services.identity.api.account import AccountPage
from services.identity.api.authorize import Authorize
from services.identity.api.callers import Callers, Cookies
from services.identity.api.device import DevicePages
from services.identity.api.flows import Flows
from services.identity.api.grants import GrantsApi
from services.identity.api.grpc import ACTIONS, ALLOWED, IdentityRpc
from services.identity.api.logout import Logout
from services.identity.api.rest import Api
from services.identity.api.site import Site
from services.identity.api.userinfo import PATH as USERINFO
from services.identity.api.userinfo import UserInfo
from services.identity.commands import Identity
from services.identity.commands.failures import Failures
from services.identity.commands.turns import Turns
from services.identity.domain.events import events
from services.identity.migrate import SCHEMA
from services.identity.pages.rendering import Pages
from services.identity.projections import ORIGINS, TOLD, TRUST, sessions, token_events
from services.identity.queries import Queries
from services.identity.reactions import NAME as REACTION
from services.identity.reactions import TakeOver
from services.identity.schedule import Chore, Schedule
from services.identity.settings import IdentitySettings
from watchword.identity.v1 import identity_pb2_grpc

LEVEL = 2.0


async def compose(settings: IdentitySettings, process: Process) -> Parts:
    """Wires the service."""
    base = await lay("identity", settings, process)
    log, trust = base.log(events), Trust()
    token = base.peer("token", settings.token_grpc)
    trusted = base.follow(TRUST, token, trust)
    trusted.memory.on_time(trust.forget)
    origins = Origins()
    shared = base.follow(ORIGINS, token, origins)
    listed = base.keep(sessions(log.decode, log.open_keys), base.own())
    told = TableProjection(TOLD, base.rows(TOLD.name), token, base.reader(token, "told-table"))
    react = reacting(REACTION, TakeOver(log))
    take_over = Reaction(
        REACTION, base.rows(REACTION), token, base.reader(token, "reaction"), foreign(token_events), react
    )
    projections = base.run(process, [trusted, shared, listed], [told, take_over])
    parked = Parked()
    process.step("parked", partial(parked.look, take_over.rows))
    process.background("parked", partial(parked.follow, take_over.rows))

    counters, last_seen = PostgresStorage(base.pool), CoarseLastSeen(base.pool)
    queries = Queries(log, listed.rows, told.rows, last_seen, partial(level, base, projections))
    failures = await process.enter(flushed(Failures(log)))
    channel = connect(settings.token_grpc, base.tls, "token")
    identity = Identity(
        log=log,
        hasher=hasher(settings),
        limits=WindowLimits(counters, {name: parse(text) for name, text in settings.limits.items()}),
        last_seen=last_seen,
        tokens=TokenPeer(channel),
        token_log=trusted.memory,
        parked=parked,
        clients=queries,
        failures=failures,
        turns=Turns(settings.name_at_once, settings.hash_share, settings.hash_queue),
    )
    kept = PostgresKept(base.pool, log.now)
    forgetful = (last_seen.sweep, kept.sweep, listed.rows.forget, trusted.rows.forget)
    chores = [failures.flush, failures.forget_old_keys, counters.sweep, *(at(log.now, job) for job in forgetful)]
    process.background("schedule", Schedule(chores).run)

    policy = connect(settings.policy_grpc, base.tls, "policy")
    verified = await verifier(settings, process, trust, trusted.memory)
    bearers = Bearers(verified, policy_decides(policy, "identity"))
    waiting = base.waiting(projections)
    rpc = RpcServer(
        base.tls,
        Admission(
            trust.grants,
            trust.is_revoked,
            knows_callers(trusted.memory),
            by_action(bearers.authorize, "identity", ACTIONS),
        ),
        waiting,
    )
    rpc.add(identity_pb2_grpc.add_IdentityServiceServicer_to_server, IdentityRpc(identity), ALLOWED)
    base.serve_log(rpc, projections)
    cookies = Cookies(secure=(settings.public_url or "").startswith("https://"))
    callers, authorizations = Callers(identity, bearers, cookies), AuthorizationPeer(channel)
    rest = application(
        title="Watchword identity",
        readiness=process.readiness,
        origins=settings.origins,
        routers=[
            Api(callers, queries).router(),
            GrantsApi(callers, queries, authorizations).router(),
            *pages(settings, callers, queries, authorizations, DevicePeer(channel)),
        ],
        hot=UserInfo(callers, Proofs(kept, log.now, known_at(settings)), queries, authorizations).endpoints(),
        shares=[Share(frozenset({USERINFO}), "GET, POST", origins.share)],
        waiting=waiting,
        trusted_proxies=settings.trusted_proxies,
        certificate_header=settings.client_certificate_header,
    )
    return Parts(rest, rpc)


def known_at(settings: IdentitySettings) -> list[str]:
    """The origins under which applications know this service."""
    return [*settings.origins, *([settings.mtls_url] if settings.mtls_url else [])]


def pages(
    settings: IdentitySettings, callers: Callers, queries: Queries, token: AuthorizationPeer, devices: DevicePeer
) -> list[APIRouter]:
    """What people see."""
    brand, public_url = settings.brand, settings.public_url
    seen = Pages(brand, settings.languages, urlsplit(public_url or "").path)
    site = Site(seen, callers, settings.origins, public_url)
    return [
        Authorize(site, Flows(callers.cookies), token).router(),
        Logout(site, token).router(),
        AccountPage(site, queries, token).router(),
        session.router(callers.cookies),
        DevicePages(site, devices).router(),
        assets.router(brand),
    ]


async def level(base: Foundation, projections: Projections) -> None:
    """Returns once the list of sessions shows all that the log holds."""
    if not await projections.wait("identity", await base.head(), LEVEL):
        raise unavailable("not_yet_applied", "the list of sessions lags behind")


def at(now: Callable[[], int], job: Callable[[int], Awaitable[None]]) -> Chore:
    """A chore that is told the log's time."""

    async def chore() -> None:
        await job(now())

    return chore


def hasher(settings: IdentitySettings) -> ThreadHasher:
    """argon2id at today's cost."""
    return ThreadHasher(
        threads=settings.hash_threads,
        queue=settings.hash_queue,
        share=settings.hash_share,
        minimum_strength=settings.password_strength,
    )


@asynccontextmanager
async def flushed(failures: Failures) -> AsyncIterator[Failures]:
    """Writes what was counted before the process ends."""
    try:
        yield failures
    finally:
        # A process that never knew the log's time has counted nothing, and must not hide why it ends.
        with suppress(Refusal):
            await failures.flush(everything=True)


if __name__ == "__main__":
    keep_freed()  # a hash takes 19 MiB, and gives them back when no other follows
    main("identity", IdentitySettings, compose, SCHEMA)
