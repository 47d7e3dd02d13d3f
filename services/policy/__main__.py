"""The composition root: the only file that knows everything."""

from chassis.administration import by_action
from chassis.auth import Bearers
from chassis.foundation import lay
from chassis.process import Parts, Process, main
from chassis.rpc import Admission, RpcServer
from chassis.trust import Trust, knows_callers
from chassis.verification import verifier
from chassis.web import Share, application
from services.policy.api.administrators import decided_here, labelling
from services.policy.api.askers import Askers
from services.policy.api.authzen import CONFIGURATION, AuthzenApi, with_request_id
from services.policy.api.grpc import ACTIONS, ALLOWED, PolicyApi
from services.policy.api.rest import roles
from services.policy.api.rest_facts import FactsApi
from services.policy.api.rule_routes import RuleRoutes
from services.policy.api.rules import ACTIONS as RULES_ACTIONS
from services.policy.api.rules import ALLOWED as RULES_ALLOWED
from services.policy.api.rules import RulesApi
from services.policy.api.tokens import Tokens
from services.policy.commands import Commands
from services.policy.commands.rules import RuleCommands
from services.policy.domain.events import policy_events
from services.policy.domain.standing import IDENTITY, POLICY, TOKEN
from services.policy.inforce import InForce, Together
from services.policy.migrate import SCHEMA
from services.policy.model import Model
from services.policy.projections import ACCOUNTS, FACTS, PAST, PAST_ACCOUNTS, REVOKED, TRUST
from services.policy.queries import Decisions, Memory
from services.policy.queries.dryrun import DryRuns
from services.policy.queries.kept import Heads, KeptRows
from services.policy.queries.listed import ListedFacts
from services.policy.queries.past import Past
from services.policy.queries.rules import Activated
from services.policy.queries.search import Searches
from services.policy.questions import Questions, QuestionTable
from services.policy.schedule import forget_revocations, keep_questions
from services.policy.settings import PolicySettings
from watchword import ANY_AUDIENCE
from watchword.policy.v1 import policy_pb2_grpc, rules_pb2_grpc


async def compose(settings: PolicySettings, process: Process) -> Parts:
    """Wires the service."""
    base = await lay(POLICY, settings, process)
    own = base.own()
    identity = base.peer(IDENTITY, settings.identity_grpc)
    token = base.peer(TOKEN, settings.token_grpc)

    facts, in_force, trust = Model(), InForce(), Trust()
    in_facts = base.follow(FACTS, own, Together(facts, in_force))
    process.background("rules", in_force.run)
    in_accounts, people = base.look_up(process, ACCOUNTS, identity)
    in_revoked, ended = base.look_up(process, REVOKED, token)
    in_trust = base.follow(TRUST, token, trust)
    in_trust.memory.on_time(trust.forget)
    past, past_accounts = base.keep(PAST, own), base.keep(PAST_ACCOUNTS, identity)
    projections = base.run(process, [in_facts, in_accounts, in_revoked, in_trust, past, past_accounts])
    process.background("schedule", lambda: forget_revocations(in_trust.rows, base.time.now))

    known = {
        POLICY: [in_facts.memory],
        IDENTITY: [in_accounts.memory],
        TOKEN: [in_revoked.memory, in_trust.memory],
    }
    memory = Memory(facts, people, ended, trust, known)
    heads = Heads(base.store, memory)
    kept = Past(KeptRows(past.rows), KeptRows(past_accounts.rows), heads, base.time.now)
    rules, questions = Activated(in_force, heads, in_facts.memory), Questions(QuestionTable(base.pool))
    decisions = Decisions(memory, base.time.clock, rules, kept, questions)
    process.background("questions", lambda: keep_questions(questions, base.time.now))
    searches = Searches(decisions)
    tokens = Tokens(await verifier(settings, process, trust, in_trust.memory, ANY_AUDIENCE))
    log = base.log(policy_events)
    commands, rule_commands = Commands(log, memory), RuleCommands(log, rules)
    dry_runs = DryRuns(decisions, questions, base.time.now)
    bearers = Bearers(await verifier(settings, process, trust, in_trust.memory), decided_here(decisions))
    waiting = base.waiting(projections)

    administers = by_action(bearers.authorize, POLICY, ACTIONS | RULES_ACTIONS)
    admission = Admission(trust.grants, trust.is_revoked, knows_callers(in_trust.memory), administers)
    rpc = RpcServer(base.tls, admission, waiting)
    rpc.add(
        policy_pb2_grpc.add_PolicyServiceServicer_to_server,
        PolicyApi(decisions, searches, commands, tokens, labelling(bearers)),
        ALLOWED,
    )
    rpc.add(
        rules_pb2_grpc.add_RulesServiceServicer_to_server,
        RulesApi(decisions, rules, rule_commands, dry_runs),
        RULES_ALLOWED,
    )
    base.serve_log(rpc, projections)
    authzen = AuthzenApi(Askers(bearers), decisions, searches, tokens, settings.url)
    rest = application(
        title="Watchword policy",
        readiness=process.readiness,
        origins=settings.origins,
        routers=[
            roles(bearers, decisions),
            RuleRoutes(bearers, rules, rule_commands, dry_runs).router(),
            FactsApi(bearers, commands, ListedFacts(in_facts.rows)).router(),
        ],
        hot=authzen.endpoints(),
        shares=[Share(frozenset({CONFIGURATION}))],
        waiting=waiting,
        trusted_proxies=settings.trusted_proxies,
    )
    return Parts(with_request_id(rest), rpc)


if __name__ == "__main__":
    main(POLICY, PolicySettings, compose, SCHEMA)
