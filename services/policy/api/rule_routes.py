"""/v1/rules, for administrators: decode, call, encode."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from chassis import positions
from chassis.auth import Bearers
from chassis.telemetry import correlation_id
from chassis.web import Json, refuses
from chassis.web.described import BEARER
from chassis.web.problem import problem
from eventlog.events import rfc3339
from eventlog.log import By
from services.policy.commands.rules import RuleCommands
from services.policy.domain.decision import Decision
from services.policy.domain.entities import Question
from services.policy.domain.rules.check import RulesInvalid, problems
from services.policy.domain.rules.dryrun import Change
from services.policy.domain.rules.engine import Rules
from services.policy.domain.rules.text import Problem
from services.policy.domain.rules.versions import MAX_NOTE, digest
from services.policy.inforce import Version
from services.policy.queries.dryrun import DryRuns
from services.policy.queries.rules import Activated

_MOST = 2**31 - 1
_AUTHORIZED = {401: ("authentication_required", "invalid_token"), 403: ("insufficient_scope", "not_allowed")}
_INVALID = {400: ("policy_invalid", "schema_invalid")}
_UNKNOWN = {404: ("version_unknown",)}

Number = Annotated[int, Path(ge=0, le=_MOST, description="A version; 0: the shipped policies alone.")]


class Texts(BaseModel):
    """Cedar: policies, and what is added to the shipped schema."""

    model_config = ConfigDict(extra="forbid", strict=True)

    policies: str
    schema_: str = Field(default="", alias="schema")


class Draft(Texts):
    note: str = Field(default="", max_length=MAX_NOTE)


class Tried(BaseModel):
    """Either a version, or texts."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: int | None = Field(default=None, ge=0, le=_MOST)
    policies: str | None = None
    schema_: str = Field(default="", alias="schema")

    @model_validator(mode="after")
    def one_of_them(self) -> "Tried":
        if (self.version is None) is (self.policies is None):
            raise ValueError("name either version or policies")
        return self


class Placed(BaseModel):
    part: str
    line: int
    column: int
    what: str
    advice: str


class Problems(BaseModel):
    problems: list[Placed]


class Active(BaseModel):
    version: int
    position: int


class Listed(BaseModel):
    version: int
    note: str
    sha256: str
    written_at: str
    position: int


class Versions(BaseModel):
    active: int
    versions: list[Listed]


class Shown(Listed):
    policies: str
    schema_: str = Field(alias="schema")


class Otherwise(BaseModel):
    subject: str
    action: str
    resource: str | None
    given: dict[str, Any]
    acr: str
    before: str
    after: str
    policies: list[str]


class Differences(BaseModel):
    asked: int
    changes: list[Otherwise]


@dataclass(frozen=True, slots=True)
class RuleRoutes:
    """What the routes call."""

    bearers: Bearers
    rules: Activated
    commands: RuleCommands
    dry_runs: DryRuns

    async def by(self, request: Request, action: str) -> By:
        """The administrator whom policy allows the action. Raises as chassis.auth.Bearers.administrator."""
        claims = await self.bearers.administrator(request.headers, f"policy.rules.{action}")
        return By(claims.sub, correlation_id())

    def router(self) -> APIRouter:
        router = APIRouter()
        self._texts(router)
        self._versions(router)
        return router

    def _texts(self, router: APIRouter) -> None:
        @router.post(
            "/v1/rules",
            summary="Write a version of the organization's policies; nothing is decided by it yet",
            response_model=Active,
            openapi_extra=refuses({**_AUTHORIZED, 400: (*_INVALID[400], "note_invalid")}, [BEARER]),
        )
        async def write(draft: Draft, request: Request) -> Response:
            by = await self.by(request, "write")
            try:
                version, position = await self.commands.write(by, draft.policies, draft.schema_, draft.note)
            except RulesInvalid as wrong:
                return _refused(wrong)
            return _active(version, position)

        @router.post(
            "/v1/rules/check",
            summary="Say what is wrong in policies, with line and column",
            response_model=Problems,
            openapi_extra=refuses(_AUTHORIZED, [BEARER]),
        )
        async def check(texts: Texts, request: Request) -> Response:
            await self.by(request, "check")
            found = await asyncio.to_thread(problems, texts.policies, texts.schema_)
            return Json({"problems": found})

        @router.post(
            "/v1/rules/dry-run",
            summary="Show which decisions other rules would change",
            response_model=Differences,
            openapi_extra=refuses({**_AUTHORIZED, **_INVALID, **_UNKNOWN}, [BEARER]),
        )
        async def dry_run(tried: Tried, request: Request) -> Response:
            await self.by(request, "dry_run")
            try:
                found = await self.dry_runs.differences(await self._wanted(tried))
            except RulesInvalid as wrong:
                return _refused(wrong)
            return Json({"asked": found.asked, "changes": [_change(one) for one in found.changes]})

    def _versions(self, router: APIRouter) -> None:
        @router.get(
            "/v1/rules",
            summary="The versions, the newest first, and which one decides",
            response_model=Versions,
            openapi_extra=refuses(_AUTHORIZED, [BEARER]),
        )
        async def listed(request: Request) -> Response:
            await self.by(request, "list")
            found = self.rules.listed()
            return Json({"active": found.active, "versions": [_listed(one) for one in found.versions]})

        @router.get(
            "/v1/rules/versions/{version}",
            summary="The texts of a version",
            response_model=Shown,
            openapi_extra=refuses({**_AUTHORIZED, **_UNKNOWN, 422: ("invalid_request",)}, [BEARER]),
        )
        async def shown(version: Annotated[int, Path(ge=1, le=_MOST)], request: Request) -> Response:
            await self.by(request, "show")
            found = self.rules.get(version)
            assert found is not None
            policies, schema = found.texts
            return Json({**_listed(found), "policies": policies, "schema": schema})

        @router.post(
            "/v1/rules/versions/{version}/activate",
            summary="Make a version decide, in every process from one position on",
            response_model=Active,
            openapi_extra=refuses({**_AUTHORIZED, **_INVALID, **_UNKNOWN}, [BEARER]),
        )
        async def activate(version: Number, request: Request) -> Response:
            return _active(version, await self.commands.activate(await self.by(request, "activate"), version))

        @router.post(
            "/v1/rules/rollback",
            summary="Make the version decide that did before",
            response_model=Active,
            openapi_extra=refuses({**_AUTHORIZED, **_INVALID, 409: ("nothing_to_roll_back",)}, [BEARER]),
        )
        async def roll_back(request: Request) -> Response:
            return _active(*await self.commands.roll_back(await self.by(request, "roll_back")))

    async def _wanted(self, tried: Tried) -> Rules:
        """Raises Refusal `version_unknown`, `policy_invalid`, `schema_invalid`."""
        if tried.policies is not None:
            return await asyncio.to_thread(Rules.of, tried.policies, tried.schema_)
        self.rules.get(tried.version)
        return self.rules.in_force.rules(tried.version or 0)


def _refused(wrong: RulesInvalid) -> Response:
    return problem(wrong.kind.http, wrong.code, wrong.detail, errors=_errors(wrong.problems))


def _errors(found: Sequence[Problem]) -> list[Any]:
    return [
        {"at": f"{one.part}:{one.line}:{one.column}", "reason": ": ".join(filter(None, (one.what, one.advice)))}
        for one in found
    ]


def _active(version: int, position: int) -> Response:
    positions.note("policy", position)
    return Json({"version": version, "position": position})


def _listed(one: Version) -> dict[str, Any]:
    return {
        "version": one.version,
        "note": one.note,
        "sha256": digest(*one.texts),
        "written_at": rfc3339(one.time),
        "position": one.position,
    }


def _change(one: Change[Question, Decision]) -> dict[str, Any]:
    asked = one.question
    return {
        "subject": str(asked.subject),
        "action": asked.action,
        "resource": None if asked.resource is None else str(asked.resource),
        "given": asked.given,
        "acr": asked.acr,
        "before": one.before.code,
        "after": one.after.code,
        "policies": one.after.policies or one.before.policies,
    }
