"""watchword.policy.v1.RulesService: decode, call, encode."""

import asyncio
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from chassis import positions, rpc
from services.policy.api.wire import to_response
from services.policy.commands.rules import RuleCommands
from services.policy.domain.decision import Decision
from services.policy.domain.entities import Question
from services.policy.domain.rules import shipped
from services.policy.domain.rules.check import problems
from services.policy.domain.rules.dryrun import Change
from services.policy.domain.rules.engine import Rules
from services.policy.domain.rules.text import Problem
from services.policy.domain.rules.versions import digest
from services.policy.inforce import Version
from services.policy.queries import Decisions
from services.policy.queries.dryrun import DryRuns
from services.policy.queries.rules import Activated
from watchword.policy.v1 import policy_pb2, rules_pb2_grpc
from watchword.policy.v1 import rules_pb2 as pb

NAME = "watchword.policy.v1.RulesService"
ACTIONS = {
    f"{NAME}/WriteRules": "policy.rules.write",
    f"{NAME}/CheckRules": "policy.rules.check",
    f"{NAME}/ActivateRules": "policy.rules.activate",
    f"{NAME}/RollBackRules": "policy.rules.roll_back",
    f"{NAME}/ListRules": "policy.rules.list",
    f"{NAME}/GetRules": "policy.rules.show",
    f"{NAME}/DryRunRules": "policy.rules.dry_run",
}
ALLOWED: rpc.Allowed = {method: frozenset({rpc.ADMINISTRATOR}) for method in ACTIONS}


@dataclass(frozen=True, slots=True)
class RulesApi(rules_pb2_grpc.RulesServiceServicer):
    """Administrators alone."""

    decisions: Decisions
    rules: Activated
    commands: RuleCommands
    dry_runs: DryRuns

    async def WriteRules(self, request: pb.WriteRulesRequest, context: Any) -> pb.WriteRulesResponse:
        version, position = await self.commands.write(rpc.by(), request.policies, request.schema, request.note)
        return pb.WriteRulesResponse(version=version, position=_noted(position))

    async def CheckRules(self, request: pb.CheckRulesRequest, context: Any) -> pb.CheckRulesResponse:
        found = await asyncio.to_thread(problems, request.policies, request.schema)
        return pb.CheckRulesResponse(problems=[_problem(one) for one in found])

    async def ActivateRules(self, request: pb.ActivateRulesRequest, context: Any) -> pb.ActivateRulesResponse:
        return pb.ActivateRulesResponse(position=_noted(await self.commands.activate(rpc.by(), request.version)))

    async def RollBackRules(self, request: pb.RollBackRulesRequest, context: Any) -> pb.RollBackRulesResponse:
        version, position = await self.commands.roll_back(rpc.by())
        return pb.RollBackRulesResponse(version=version, position=_noted(position))

    async def ListRules(self, request: pb.ListRulesRequest, context: Any) -> pb.ListRulesResponse:
        listed = self.rules.listed()
        return pb.ListRulesResponse(
            versions=[_version(one) for one in listed.versions],
            active=listed.active,
            position=self.decisions.position,
        )

    async def GetRules(self, request: pb.GetRulesRequest, context: Any) -> pb.GetRulesResponse:
        found = self.rules.get(request.version if request.HasField("version") else None)
        if found is None:
            sha256 = digest(shipped.POLICIES, shipped.SCHEMA)
            version = pb.RulesVersion(note="the shipped policies", sha256=sha256)
            return pb.GetRulesResponse(version=version, policies=shipped.POLICIES, schema=shipped.SCHEMA)
        policies, schema = found.texts
        return pb.GetRulesResponse(version=_version(found), policies=policies, schema=schema)

    async def DryRunRules(self, request: pb.DryRunRulesRequest, context: Any) -> pb.DryRunRulesResponse:
        """Raises Refusal `version_unknown`, `policy_invalid`, `schema_invalid`."""
        found = await self.dry_runs.differences(await self._wanted(request))
        position = self.decisions.position
        return pb.DryRunRulesResponse(
            asked=found.asked, changes=[_change(one, position) for one in found.changes], position=position
        )

    async def _wanted(self, request: pb.DryRunRulesRequest) -> Rules:
        if request.WhichOneof("rules") == "draft":
            return await asyncio.to_thread(Rules.of, request.draft.policies, request.draft.schema)
        self.rules.get(request.version)
        return self.rules.in_force.rules(request.version)


def _problem(one: Problem) -> pb.RuleProblem:
    return pb.RuleProblem(part=one.part, line=one.line, column=one.column, what=one.what, advice=one.advice)


def _version(one: Version) -> pb.RulesVersion:
    written = Timestamp()
    written.FromMicroseconds(one.time)
    return pb.RulesVersion(
        version=one.version, note=one.note, sha256=digest(*one.texts), written_at=written, position=one.position
    )


def _change(one: Change[Question, Decision], position: int) -> pb.ChangedDecision:
    asked = one.question
    changed = pb.ChangedDecision(
        subject=policy_pb2.Entity(type=asked.subject.type, id=asked.subject.id),
        action=asked.action,
        acr=asked.acr,
        before=to_response(one.before, position),
        after=to_response(one.after, position),
    )
    if asked.resource is not None:
        changed.resource.CopyFrom(policy_pb2.Entity(type=asked.resource.type, id=asked.resource.id))
    if asked.given:
        changed.given.CopyFrom(ParseDict(asked.given, Struct()))
    return changed


def _noted(position: int) -> int:
    positions.note("policy", position)
    return position
