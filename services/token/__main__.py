"""The composition root: the only file that knows everything."""

from functools import partial

from fastapi import APIRouter
from limits import parse

from chassis.administration import by_action, policy_decides
from chassis.auth import Bearers
from chassis.foundation import lay
from chassis.kept import PostgresKept
from chassis.limits import PostgresStorage, WindowLimits
from chassis.process import Parts, Process, main
from chassis.rpc import Admission, RpcServer, connect
from chassis.tracing.events import reacting
from chassis.trust import knows_callers
from chassis.web import Share, application
from eventlog.postgres import SEAL_KEYS
from eventlog.projection import Reaction, TableProjection, foreign
from eventlog.projection.parked import Parked
from services.token.adapters.client_keys import PublishedKeys
from services.token.adapters.fetch import Fetcher
from services.token.adapters.people import PeoplePeer
from services.token.adapters.sectors import published
from services.token.adapters.vault import KEYS, EncryptedVault, PostgresWrappedKeys
from services.token.api.authorization import ALLOWED as ANSWERS
from services.token.api.authorization import AuthorizationRpc
from services.token.api.device import Devices
from services.token.api.grpc import ACTIONS, ALLOWED, Revoking, TokenRpc
from services.token.api.oauth import OAuth
from services.token.api.pushing import Pushing
from services.token.api.registration import LIMIT, Registering, RegistrationApi
from services.token.api.rest import revocations
from services.token.api.rest_clients import ClientsApi
from services.token.commands.self_registration import end_unused
from services.token.courier import Courier
from services.token.domain.events import events
from services.token.entitlements import ENTITLEMENTS, Entitlements, policy_events
from services.token.known_clients import KnownClients
from services.token.migrate import SCHEMA
from services.token.parts import Involvement
from services.token.ports import Proving, Token
from services.token.projections import CLIENTS, FAMILIES, PARTS, TRUST, identity_events
from services.token.queries import FamiliesByKey, OwnKeys
from services.token.reactions import (
    follow_up_what_ended,
    own_events,
    revoke_what_identity_ended,
    revoke_what_policy_recalled,
)
from services.token.schedule import BY as BY_THE_CLOCK
from services.token.schedule import Schedule
from services.token.settings import TokenSettings
from services.token.watch import WatchedTrust, Watching
from watchword.token.v1 import authorization_pb2_grpc, token_pb2_grpc
from watchword.verifier import ANY_AUDIENCE, Verifier


async def compose(settings: TokenSettings, process: Process) -> Parts:
    """Wires the service."""
    base = await lay("token", settings, process)
    vault = EncryptedVault(base.wrapping, PostgresWrappedKeys(base.pool))
    parked = Parked()
    log, kept = base.log(events), PostgresKept(base.pool, base.time.now)
    fetcher = Fetcher(settings.fetch_allowed)
    proving = Proving(
        PublishedKeys(fetcher),
        settings.client_authorities,
        settings.mtls_url or "",
        settings.dpop_nonces,
        fetcher,
    )
    people = PeoplePeer(connect(settings.identity_grpc, base.tls, "identity"))
    of_policy = base.peer("policy", settings.policy_grpc)
    entitlements = base.keep(ENTITLEMENTS, of_policy)
    entitled = Entitlements(entitlements.rows, entitlements.memory.stale, base.time.now)
    token = Token(log, vault, settings.issuer, base.time.ready_since, parked, kept, proving, people, entitled)

    own, identity = base.own(), base.peer("identity", settings.identity_grpc)
    trust, registered = WatchedTrust(), KnownClients(token.log)
    trusted, clients = base.follow(TRUST, own, trust), base.follow(CLIENTS, own, registered, kinds=("client",))
    trusted.memory.on_time(trust.forget)
    families = TableProjection(FAMILIES, base.rows(FAMILIES.name), own, base.reader(own, "families-table"))
    reaction = Reaction(
        "revoke-what-identity-ended",
        base.rows("revoke-what-identity-ended"),
        identity,
        base.reader(identity, "reaction"),
        foreign(identity_events),
        reacting("revoke-what-identity-ended", revoke_what_identity_ended(token)),
    )
    parts = TableProjection(PARTS, base.rows(PARTS.name), own, base.reader(own, "parts-table"))
    parts_of = Involvement(parts.rows)
    courier = Courier(token, parts.rows, Fetcher(settings.fetch_allowed))
    process.background("courier", courier.run)
    follow_up = Reaction(
        "follow-up-what-ended",
        base.rows("follow-up-what-ended"),
        own,
        base.reader(own, "reaction"),
        foreign(own_events),
        reacting("follow-up-what-ended", follow_up_what_ended(token, parts_of, courier.hurry)),
    )
    recalls = Reaction(
        "revoke-what-policy-recalled",
        base.rows("revoke-what-policy-recalled"),
        of_policy,
        base.reader(of_policy, "reaction"),
        foreign(policy_events),
        reacting("revoke-what-policy-recalled", revoke_what_policy_recalled(token)),
    )
    projections = base.run(process, [trusted, clients, entitlements], [families, parts, reaction, follow_up, recalls])
    process.step("parked", partial(parked.look, reaction.rows))
    process.background("parked", partial(parked.follow, reaction.rows))

    families_of = FamiliesByKey(token, families.rows)
    counters = PostgresStorage(base.pool)
    sweeps = [
        trusted.rows.forget,
        families.rows.forget,
        parts.rows.forget,
        kept.sweep,
        lambda now: base.store.sweep_snapshots(),
        lambda now: counters.sweep(),
        lambda now: end_unused(token, clients.rows, BY_THE_CLOCK, now),
    ]
    schedule = Schedule(token, families_of, sweeps)
    process.background("schedule", schedule.run)
    process.readiness.add("keys", schedule.check)

    keys = OwnKeys(token)
    verifier = partial(
        Verifier,
        issuer=settings.issuer,
        keys=keys,
        revocations=trust.revocations,
        age_ns=trusted.memory.age_ns,
        clock=base.time.clock,
    )
    introspecting = verifier(audience=ANY_AUDIENCE)
    policy = connect(settings.policy_grpc, base.tls, "policy")
    bearers = Bearers(verifier(audience=settings.issuer), policy_decides(policy, "token"))
    revoking = Revoking(token, trusted.memory, base.readers)
    watching = Watching(trust, trusted.memory, base.store, base.readers, base.time.now)
    waiting = base.waiting(projections)

    rpc = RpcServer(
        base.tls,
        Admission(
            trust.grants,
            trust.is_revoked,
            knows_callers(trusted.memory),
            by_action(bearers.authorize, "token", ACTIONS),
        ),
        waiting,
    )
    served = TokenRpc(token, introspecting, trust, revoking, watching, registered, families_of)
    rpc.add(token_pb2_grpc.add_TokenServiceServicer_to_server, served, ALLOWED)
    authorizing = AuthorizationRpc(token, keys, parts_of, revoking)
    rpc.add(authorization_pb2_grpc.add_AuthorizationServiceServicer_to_server, authorizing, ANSWERS)
    base.serve_log(rpc, projections)
    browsers = settings.identity_url or settings.issuer
    asking = WindowLimits(
        counters, {name: parse(getattr(settings, f"limit_{name}")) for name in ("requests", "public_requests")}
    )
    rest = application(
        title="Watchword token",
        readiness=process.readiness,
        origins=settings.origins,
        routers=[
            revocations(token, bearers, revoking),
            ClientsApi(token, bearers, registered, revoking).router(),
            *registration(settings, token, counters, fetcher, revoking),
        ],
        hot=[
            *OAuth(token, introspecting, keys, revoking, browsers, settings.registration != "off").endpoints(),
            *Pushing(token, keys, asking).endpoints(),
            *Devices(token, f"{browsers}/device", asking).endpoints(),
        ],
        shares=shares(registered),
        waiting=waiting,
        trusted_proxies=settings.trusted_proxies,
        certificate_header=settings.client_certificate_header,
    )
    return Parts(rest, rpc)


def registration(
    settings: TokenSettings, token: Token, counters: PostgresStorage, fetcher: Fetcher, revoking: Revoking
) -> list[APIRouter]:
    """Where clients may register themselves; nowhere unless the operator says so."""
    if settings.registration == "off":
        return []
    limits = WindowLimits(counters, {LIMIT: parse(f"{settings.registration_limit} per hour")})
    who = Registering(settings.initial_access_token, limits)
    return [RegistrationApi(token, who, published(fetcher), revoking).router()]


def shares(registered: KnownClients) -> list[Share]:
    """RULES 10: discovery and keys for all, token and revocation for the origins that clients registered."""
    names = ("jwks.json", "openid-configuration", "oauth-authorization-server")
    open_to_all = Share(frozenset(f"/.well-known/{name}" for name in names))
    return [open_to_all, Share(frozenset({"/oauth2/token", "/oauth2/revoke"}), "POST", registered.shares_with)]


if __name__ == "__main__":
    main("token", TokenSettings, compose, SCHEMA, [SEAL_KEYS, KEYS])
