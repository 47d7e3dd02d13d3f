"""What is asked and answered, as /openapi.json shows it; the handlers read and write it for themselves."""

from typing import Any

from pydantic import BaseModel, Field

from chassis.positions import MAX_POSITION
from chassis.web.described import BEARER, Codes, refuses

_ASKING: Codes = {
    400: ("invalid_request", "as_of_in_the_future"),
    401: ("authentication_required", "invalid_token"),
    403: ("insufficient_scope",),
}
_TEXT = {"type": "string"}


def _maybe(schema: dict[str, Any]) -> dict[str, Any]:
    """A null is as good as nothing."""
    return schema | {"nullable": True}


_ANYTHING = _maybe({"type": "object", "additionalProperties": True})
_LARGE = {"type": "integer", "minimum": 0, "maximum": MAX_POSITION}
_THING = {
    "type": "object",
    "required": ["type", "id"],
    "properties": {"type": _TEXT, "id": _TEXT, "properties": _ANYTHING},
}
_SORT = {"type": "object", "required": ["type"], "properties": {"type": _TEXT, "properties": _ANYTHING}}
_ACTION = {"type": "object", "required": ["name"], "properties": {"name": _TEXT, "properties": _ANYTHING}}
_AT = {"type": "object", "required": ["position"], "properties": {"position": _LARGE}, "additionalProperties": False}
_OURS = {
    "type": "object",
    "description": "Watchword's own; policies do not see it.",
    "additionalProperties": False,
    "properties": {
        "access_token": _TEXT
        | {"minLength": 1, "description": "the subject's: subject, session and login are read from it alone"},
        "session_id": _maybe(_TEXT),
        "token_position": _maybe(_LARGE),
        "as_of": _maybe({"anyOf": [_TEXT | {"format": "date-time"}, _AT]}),
    },
}
_CONTEXT = _maybe({"type": "object", "properties": {"watchword": _maybe(_OURS)}, "additionalProperties": True})
_PAGE = {
    "type": "object",
    "properties": {"token": _maybe(_TEXT), "limit": _maybe({"type": "integer", "minimum": 0})},
}
_ONE = {"subject": _THING, "action": _ACTION, "resource": _THING, "context": _CONTEXT}
_SEMANTIC = {"type": "string", "enum": ["execute_all", "deny_on_first_deny", "permit_on_first_permit", None]}
_OPTIONS = {"type": "object", "properties": {"evaluations_semantic": _maybe(_SEMANTIC)}}


class Error(BaseModel):
    status: int
    message: str


class DecisionContext(BaseModel):
    code: str = Field(description="stable: allowed, or why not (docs/policy.md)")
    reason: str = Field(description="the same for people")
    position: int = Field(description="of policy's log, that it is true for")
    because: list[str] = Field(default=[], description="the facts that permit it")
    policies: list[str] = Field(default=[], description="the policies that made it")
    acr: str = Field(default="", description="with insufficient_acr: the login that would lift it")
    error: Error | None = Field(default=None, description="what is wrong with an evaluation that is none")


class Decided(BaseModel):
    decision: bool
    context: DecisionContext


class DecidedAll(BaseModel):
    """`evaluations` where there were any, else as of one."""

    evaluations: list[Decided] = []
    decision: bool = False
    context: DecisionContext | None = None


class NextPage(BaseModel):
    next_token: str = Field(description="empty on the last page")
    count: int


class SearchContext(BaseModel):
    position: int = Field(description="of policy's log")
    code: str = Field(default="", description="why nothing can be found")
    reason: str = ""


class FoundThing(BaseModel):
    type: str
    id: str


class FoundThings(BaseModel):
    page: NextPage
    context: SearchContext
    results: list[FoundThing]


class FoundAction(BaseModel):
    name: str


class FoundActions(BaseModel):
    page: NextPage
    context: SearchContext
    results: list[FoundAction]


class PermittingChain(BaseModel):
    policy: str
    steps: list[str]


class PolicyText(BaseModel):
    id: str
    text: str = Field(description="in Cedar")


class Explained(Decided):
    chains: list[PermittingChain] = Field(description="each chain of facts that permits it")
    policies: list[PolicyText] = Field(description="those that made it")
    missing: list[str] = Field(description="for a denial: what would have to be otherwise")


class Configuration(BaseModel):
    """Authorization API 1.0, 9.1."""

    policy_decision_point: str
    access_evaluation_endpoint: str
    access_evaluations_endpoint: str
    search_subject_endpoint: str
    search_resource_endpoint: str
    search_action_endpoint: str


def _asks(summary: str, properties: dict[str, Any], required: list[str], codes: Codes | None = None) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties} | ({"required": required} if required else {})
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    merged = {status: [*names, *(codes or {}).get(status, ())] for status, names in _ASKING.items()}
    return {"summary": summary, "requestBody": body} | refuses(merged, [BEARER])


def _searches(summary: str, **parts: dict[str, Any]) -> dict[str, Any]:
    properties = parts | {"context": _CONTEXT, "page": _maybe(_PAGE)}
    return _asks(summary, properties, list(parts), {400: ("page_token_invalid",)})


EVALUATION = _asks("May this subject do this? (AuthZEN)", _ONE, ["subject", "action", "resource"])
EVALUATIONS = _asks(
    "The same of many; what is said at the top holds for each that does not say it (AuthZEN)",
    {
        **dict.fromkeys(("subject", "action", "resource"), _ANYTHING),
        "context": _CONTEXT,
        "evaluations": _maybe({"type": "array", "items": {}, "description": "at most 1,000"}),
        "options": _maybe(_OPTIONS),
    },
    [],
)
SEARCH_SUBJECT = _searches("Who may do this? (AuthZEN)", subject=_SORT, action=_ACTION, resource=_THING)
SEARCH_RESOURCE = _searches("On what may it do this? (AuthZEN)", subject=_THING, action=_ACTION, resource=_SORT)
SEARCH_ACTION = _searches("What may it do there? (AuthZEN)", subject=_THING, resource=_THING)
EXPLAIN = _asks("A decision, and why", _ONE, ["subject", "action", "resource"])
METADATA = {"summary": "Where policy is asked (AuthZEN)"}
