"""/v1/facts: what administrators write and read over REST; decode, call, encode."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from chassis import positions
from chassis.auth import Bearers
from chassis.telemetry import correlation_id
from chassis.web import Json
from chassis.web.described import BEARER, Codes, refuses
from eventlog.log import By
from services.policy.api.administrators import SET_LABEL
from services.policy.api.wire import page_token, read_page_token
from services.policy.commands import Commands
from services.policy.commands.naming import naming
from services.policy.domain import spelled
from services.policy.domain.facts import Fact
from services.policy.queries.listed import ListedFacts

WRITE, EXPORT = "policy.facts.write", "policy.facts.export"
Kind = Literal["role", "group", "membership", "assignment", "exclusion", "label", "owner", "parent", "share", "action"]
_ADMINISTRATOR: dict[int, Sequence[str]] = {
    401: ("authentication_required", "invalid_token"),
    403: ("insufficient_scope", "not_allowed"),
}
_LISTED: Codes = _ADMINISTRATOR | {400: ("page_token_invalid",), 422: ("invalid_request",)}
_WRITTEN: Codes = _ADMINISTRATOR | {
    400: (
        *("fact_invalid", "entity_invalid", "role_name_invalid", "actions_invalid", "description_invalid"),
        *("expiry_in_the_past", "too_many_facts", "too_many_to_recall", "suite_has_no_label"),
    ),
    403: (*_ADMINISTRATOR[403], "may_not_share"),
    404: ("account_unknown", "role_unknown", "group_unknown", "not_there", "not_assigned"),
    409: (
        *("role_cycle", "group_cycle", "resource_cycle", "resource_too_deep", "roles_exclude_each_other"),
        *("role_in_use", "group_in_use", "type_ambiguous"),
    ),
}


class Change(BaseModel):
    """Facts that are made so, and others that are made not so: all of them or none, together at most 1,000. How each is
    spelled, docs/policy.md says; what names one suffices to remove it.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    write: list[dict[str, Any]] = []
    remove: list[dict[str, Any]] = []
    restored: bool = Field(default=False, description="take what could not be said anew, as it stood")
    recall: bool = Field(default=False, description="end the tokens of those whose roles or groups it concerns")


class Changed(BaseModel):
    position: int = Field(description="of policy's log, at which all of it is so")


class FactPage(BaseModel):
    facts: list[dict[str, Any]]
    next_page_token: str = Field(description="empty on the last page")
    position: int = Field(description="of policy's log")


class FactsApi:
    """The handlers, for administrators."""

    def __init__(self, bearers: Bearers, commands: Commands, listed: ListedFacts) -> None:
        self._bearers = bearers
        self._commands = commands
        self._listed = listed

    async def change(self, body: Change, request: Request) -> Response:
        """Writes and removes facts, together or not at all."""
        claims = await self._bearers.administrator(request.headers, WRITE)
        write, remove = _read(body.write), _read(body.remove, "remove")
        by, may_label = By(claims.sub, correlation_id()), partial(self._bearers.decide, claims, SET_LABEL)
        position = await self._commands.write(
            by, write, remove, restored=body.restored, recall=body.recall, may_label=may_label
        )
        positions.note("policy", position)
        return Json({"position": position})

    async def list_facts(
        self,
        request: Request,
        kind: Kind | None = None,
        page_size: Annotated[int, Query(ge=1, le=1000)] = 100,
        page_token: str = "",
    ) -> Response:
        """The facts, or those of a kind, a page at a time."""
        await self._bearers.administrator(request.headers, EXPORT)
        page = await self._listed.page(kind, read_page_token(page_token), page_size)
        return Json({"facts": [_spelled(one) for one in page.values], **_rest(page.next, page.position)})

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(prefix="/v1/facts")
        written, read = refuses(_WRITTEN, [BEARER]), refuses(_LISTED, [BEARER])
        router.add_api_route("", self.change, methods=["POST"], response_model=Changed, openapi_extra=written)
        router.add_api_route("", self.list_facts, methods=["GET"], response_model=FactPage, openapi_extra=read)
        return router


def _read(said: Sequence[dict[str, Any]], what: str = "write") -> Sequence[Fact]:
    """Raises Refusal `fact_invalid`."""
    found = []
    for one in said:
        with naming(one, said, what):
            found.append(spelled.read(one))
    return found


def _spelled(value: Mapping[str, Any]) -> dict[str, Any]:
    fact: Fact = msgspec.convert(value, Fact)
    return spelled.write(fact)


def _rest(after: str, position: int) -> dict[str, Any]:
    return {"next_page_token": page_token(after), "position": position}
