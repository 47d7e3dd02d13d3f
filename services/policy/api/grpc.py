"""watchword.policy.v1.PolicyService: decode, call, encode."""

from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from chassis import positions, rpc
from eventlog.errors import Kind, Refusal, unavailable
from services.policy.api.administrators import MayLabel
from services.policy.api.fact_wire import from_fact, to_fact
from services.policy.api.tokens import Tokens
from services.policy.api.wire import (
    from_entity,
    page_token,
    to_assignment,
    to_chain,
    to_moment,
    to_question,
    to_response,
    to_wanted,
)
from services.policy.commands import Commands
from services.policy.commands.naming import naming
from services.policy.domain.about import about
from services.policy.domain.decision import Decision, grounds
from services.policy.domain.entities import Question
from services.policy.domain.facts import Fact
from services.policy.model import Model
from services.policy.queries import Answers, Decisions, Moment
from services.policy.queries.search import Searches
from watchword.policy.v1 import facts_pb2, policy_pb2_grpc
from watchword.policy.v1 import policy_pb2 as pb

MAX_CHECKS = 1000
EXPORTED = 500
"""Facts in one message."""
NAME = "watchword.policy.v1.PolicyService"
ACTIONS = {
    f"{NAME}/DefineRole": "policy.role.define",
    f"{NAME}/AssignRole": "policy.role.assign",
    f"{NAME}/UnassignRole": "policy.role.unassign",
    f"{NAME}/WriteFacts": "policy.facts.write",
    f"{NAME}/ExportFacts": "policy.facts.export",
}
VOUCHING = frozenset({"service/identity", "service/token"})
"""Who asks about nobody but the person of a token that it has verified."""
LOOKING = frozenset({"service/*", "operator/*", rpc.GRANTED})
ALLOWED: rpc.Allowed = {
    f"{NAME}/Check": rpc.EVERYBODY,
    f"{NAME}/BatchCheck": rpc.EVERYBODY,
    f"{NAME}/CreateFirstAdministrator": frozenset({"operator/*"}),
    **{f"{NAME}/{method}": LOOKING for method in ("SearchSubjects", "SearchResources", "SearchActions", "Explain")},
    **{method: frozenset({rpc.ADMINISTRATOR}) for method in ACTIONS},
}


class PolicyApi(policy_pb2_grpc.PolicyServiceServicer):
    """Who may call which of these is in ALLOWED."""

    def __init__(
        self, decisions: Decisions, searches: Searches, commands: Commands, tokens: Tokens, may_label: MayLabel
    ) -> None:
        self._decisions = decisions
        self._searches = searches
        self._commands = commands
        self._tokens = tokens
        self._may_label = may_label

    async def Check(self, request: pb.CheckRequest, context: Any) -> pb.CheckResponse:
        answered = await self._answers([request], to_moment(request))
        (decision,) = answered.decisions
        return to_response(decision, answered.position)

    async def BatchCheck(self, request: pb.BatchCheckRequest, context: Any) -> pb.BatchCheckResponse:
        """Each item is decided by itself; all of them on the same facts, for one moment."""
        if len(request.checks) > MAX_CHECKS:
            raise Refusal(Kind.INVALID, "too_many_checks", f"at most {MAX_CHECKS} checks at once")
        if any(check.HasField("as_of") for check in request.checks):
            raise Refusal(Kind.INVALID, "as_of_of_one", "as_of is said once, for all checks")
        answered = await self._answers(request.checks, to_moment(request))
        responses = [to_response(one, answered.position) for one in answered.decisions]
        return pb.BatchCheckResponse(responses=responses, position=answered.position)

    async def SearchSubjects(self, request: pb.SearchSubjectsRequest, context: Any) -> pb.SearchSubjectsResponse:
        asked = pb.CheckRequest(action=request.action, given=request.given)
        if request.HasField("resource"):
            asked.resource.CopyFrom(request.resource)
        wanted = to_wanted(request, to_moment(request))
        page = await self._searches.subjects(request.subject_type, to_question(asked), wanted)
        return pb.SearchSubjectsResponse(
            subjects=[from_entity(one) for one in page.found],
            next_page_token=page_token(page.next),
            position=self._decisions.true_at(wanted.moment),
        )

    async def SearchResources(self, request: pb.SearchResourcesRequest, context: Any) -> pb.SearchResourcesResponse:
        asked, wanted = await self._asked(request.check), to_wanted(request, to_moment(request.check))
        page = await self._searches.resources(request.resource_type, asked, wanted)
        return pb.SearchResourcesResponse(
            resources=[from_entity(one) for one in page.found],
            next_page_token=page_token(page.next),
            position=self._decisions.true_at(wanted.moment),
        )

    async def SearchActions(self, request: pb.SearchActionsRequest, context: Any) -> pb.SearchActionsResponse:
        asked, wanted = await self._asked(request.check), to_wanted(request, to_moment(request.check))
        page = await self._searches.actions(asked, wanted)
        return pb.SearchActionsResponse(
            actions=page.found, next_page_token=page_token(page.next), position=self._decisions.true_at(wanted.moment)
        )

    async def Explain(self, request: pb.ExplainRequest, context: Any) -> pb.ExplainResponse:
        asked = await self._tokens.subject(to_question(request.check), request.check.access_token)
        if isinstance(asked, Decision):
            return pb.ExplainResponse(decision=to_response(asked, self._decisions.position), missing=[asked.code])
        moment = to_moment(request.check)
        decision, missing, rules = await self._decisions.explained(asked, moment)
        return pb.ExplainResponse(
            decision=to_response(decision, self._decisions.true_at(moment)),
            chains=[to_chain(decision, ground) for ground in grounds(decision)],
            policies=[pb.Policy(id=name, text=rules.explain(name)) for name in decision.policies],
            missing=missing,
        )

    async def WriteFacts(self, request: pb.WriteFactsRequest, context: Any) -> pb.WriteFactsResponse:
        write, remove = _facts(request.write), _facts(request.remove, "remove")
        may_label = partial(self._may_label, rpc.acting())
        position = await self._commands.write(
            rpc.by(), write, remove, restored=request.restored, recall=request.recall, may_label=may_label
        )
        return pb.WriteFactsResponse(position=_noted(position))

    async def ExportFacts(self, request: pb.ExportFactsRequest, context: Any) -> AsyncIterator[pb.ExportFactsResponse]:
        """All are taken at once: what is written meanwhile is not among them."""
        position, model = self._decisions.position, self._decisions.memory.facts
        facts = _about(request.about, model)
        some = [from_fact(one) for one in islice(facts, EXPORTED)]
        yield pb.ExportFactsResponse(facts=some, position=position)
        while some := [from_fact(one) for one in islice(facts, EXPORTED)]:
            yield pb.ExportFactsResponse(facts=some, position=position)

    async def DefineRole(self, request: pb.DefineRoleRequest, context: Any) -> pb.DefineRoleResponse:
        position = await self._commands.define_role(rpc.by(), request.role, request.actions, request.description)
        return pb.DefineRoleResponse(position=_noted(position))

    async def AssignRole(self, request: pb.AssignRoleRequest, context: Any) -> pb.AssignRoleResponse:
        position = await self._commands.write(rpc.by(), [to_assignment(request)])
        return pb.AssignRoleResponse(position=_noted(position))

    async def UnassignRole(self, request: pb.UnassignRoleRequest, context: Any) -> pb.UnassignRoleResponse:
        position = await self._commands.write(rpc.by(), [], [to_assignment(request)])
        return pb.UnassignRoleResponse(position=_noted(position))

    async def CreateFirstAdministrator(
        self, request: pb.CreateFirstAdministratorRequest, context: Any
    ) -> pb.CreateFirstAdministratorResponse:
        position = await self._commands.create_first_administrator(rpc.by(), request.account_id)
        return pb.CreateFirstAdministratorResponse(position=_noted(position))

    async def _answers(self, checks: Sequence[pb.CheckRequest], moment: Moment | None) -> Answers:
        vouched = rpc.acting().caller.label in VOUCHING
        asked = [(to_question(one, vouched), one.access_token) for one in checks]
        return await self._tokens.answers(self._decisions, asked, moment)

    async def _asked(self, check: pb.CheckRequest) -> Question:
        """For a search. Raises Refusal `token_refused`, `session_revoked`, `stale` where it cannot be judged now."""
        asked = await self._tokens.subject(to_question(check), check.access_token)
        if isinstance(asked, Decision):
            if asked.code == "stale":
                raise unavailable("stale", "whether the access token holds is not known now")
            raise Refusal(Kind.INVALID, asked.code, "the access token does not hold")
        return asked


def _about(said: str, model: Model) -> Iterator[Fact]:
    """As they stand now; of all facts alone there may be so many that they are not gone through at once."""
    if not said:
        return model.every()
    return iter(list(model.all(said)) if said in ("role", "group", "exclusion", "action") else about(said, model))


def _facts(messages: Sequence[facts_pb2.Fact], what: str = "write") -> Sequence[Fact]:
    """Raises Refusal `fact_invalid`, `expiry_invalid`."""
    found = []
    for one in messages:
        with naming(one, messages, what):
            found.append(to_fact(one))
    return found


def _noted(position: int) -> int:
    positions.note("policy", position)
    return position
