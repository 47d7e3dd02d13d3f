"""watchword.policy.v1.PolicyService: decode, call, encode."""

from typing import Any

from chassis import positions, rpc
from eventlog.errors import Kind, Refusal
from services.policy.api.wire import to_assignment, to_entity, to_question, to_response
from services.policy.commands import Commands
from services.policy.queries import Decisions
from watchword.policy.v1 import policy_pb2 as pb
from watchword.policy.v1 import policy_pb2_grpc

MAX_CHECKS = 1000
NAME = "watchword.policy.v1.PolicyService"
ACTIONS = {
    f"{NAME}/DefineRole": "policy.role.define",
    f"{NAME}/AssignRole": "policy.role.assign",
    f"{NAME}/UnassignRole": "policy.role.unassign",
}
ALLOWED: rpc.Allowed = {
    f"{NAME}/Check": rpc.EVERYBODY,
    f"{NAME}/BatchCheck": rpc.EVERYBODY,
    f"{NAME}/CreateFirstAdministrator": frozenset({"operator/*"}),
    **{method: frozenset({rpc.ADMINISTRATOR}) for method in ACTIONS},
}


class PolicyApi(policy_pb2_grpc.PolicyServiceServicer):
    """Who may call which of these is in ALLOWED."""

    def __init__(self, decisions: Decisions, commands: Commands) -> None:
        self._decisions = decisions
        self._commands = commands

    async def Check(self, request: pb.CheckRequest, context: Any) -> pb.CheckResponse:
        question = to_question(request)
        await self._decisions.learn(question)
        return to_response(self._decisions.answer(question), self._decisions.position)

    async def BatchCheck(self, request: pb.BatchCheckRequest, context: Any) -> pb.BatchCheckResponse:
        """Each item is decided by itself; all of them on the same facts, since nothing is awaited in between."""
        if len(request.checks) > MAX_CHECKS:
            raise Refusal(Kind.INVALID, "too_many_checks", f"at most {MAX_CHECKS} checks at once")
        questions = [to_question(check) for check in request.checks]
        await self._decisions.learn(*questions)
        position = self._decisions.position
        answers = [to_response(self._decisions.answer(question), position) for question in questions]
        return pb.BatchCheckResponse(responses=answers, position=position)

    async def DefineRole(self, request: pb.DefineRoleRequest, context: Any) -> pb.DefineRoleResponse:
        position = await self._commands.define_role(rpc.by(), request.role, request.actions, request.description)
        return pb.DefineRoleResponse(position=_noted(position))

    async def AssignRole(self, request: pb.AssignRoleRequest, context: Any) -> pb.AssignRoleResponse:
        subject = to_entity(request.subject)
        position = await self._commands.assign_role(rpc.by(), subject, to_assignment(request))
        return pb.AssignRoleResponse(position=_noted(position))

    async def UnassignRole(self, request: pb.UnassignRoleRequest, context: Any) -> pb.UnassignRoleResponse:
        subject = to_entity(request.subject)
        position = await self._commands.unassign_role(rpc.by(), subject, to_assignment(request))
        return pb.UnassignRoleResponse(position=_noted(position))

    async def CreateFirstAdministrator(
        self, request: pb.CreateFirstAdministratorRequest, context: Any
    ) -> pb.CreateFirstAdministratorResponse:
        position = await self._commands.create_first_administrator(rpc.by(), request.account_id)
        return pb.CreateFirstAdministratorResponse(position=_noted(position))


def _noted(position: int) -> int:
    positions.note("policy", position)
    return position
