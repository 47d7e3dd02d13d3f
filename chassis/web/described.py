"""/openapi.json as a contract: every status that an operation answers with, and the stable codes behind it.

An operation says its own refusals (`refuses`); what the gate refuses for all of them is added here.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from chassis.positions import LOGS
from chassis.web.gate import JSON_PATHS, SAFE
from chassis.web.problem import is_authzen, is_oauth, oauth_code

Codes = Mapping[int, Sequence[str]]

BEARER: dict[str, list[str]] = {"bearer": []}
SESSION: dict[str, list[str]] = {"session": []}
SESSION_CHANGES: dict[str, list[str]] = {"session": [], "csrf": []}
CLIENT: dict[str, list[str]] = {"client": []}
ANYBODY: dict[str, list[str]] = {}

_REFUSES = "x-refuses"
_PAGES = "x-pages"
_GATE: Codes = {
    400: ("malformed_request", "invalid_position", "position_unknown"),
    408: ("request_timeout",),
    413: ("body_too_large",),
    500: ("internal",),
    # What is missing is for people; programs ask again after Retry-After.
    503: (),
}
_GATE_JSON: Codes = {
    400: ("malformed_json",),
    403: ("cross_site",),
    415: ("unsupported_media_type",),
    422: ("invalid_request",),
}
_GATE_AUTHZEN: Codes = {
    400: ("malformed_json", "unsupported_media_type", "invalid_request"),
    403: ("cross_site",),
}
_GATE_FORM: Codes = {400: ("invalid_request",)}

_TEXT = {"type": "string"}
_PROBLEM = {
    "type": "object",
    "description": "An error (RFC 9457). `code` is stable; `reference` finds its log line.",
    "required": ["type", "title", "status", "detail", "code", "instance", "reference"],
    "properties": {
        **dict.fromkeys(("type", "title", "detail", "code", "instance", "reference"), _TEXT),
        "status": {"type": "integer"},
        "errors": {
            "type": "array",
            "description": "Where the request is not as it should be.",
            "items": {"type": "object", "required": ["at", "reason"], "properties": {"at": _TEXT, "reason": _TEXT}},
        },
    },
}
_OAUTH_ERROR = {
    "type": "object",
    "description": "An error (RFC 6749 5.2). `code` says more where the RFC has no word for it.",
    "required": ["error", "error_description", "reference"],
    "properties": dict.fromkeys(("error", "error_description", "reference", "code"), _TEXT),
}
_ONE = f"({'|'.join(LOGS)})=(0|[1-9][0-9]{{0,18}})"
_POSITION = {
    "name": "Watchword-Position",
    "in": "header",
    "description": "Answer once these positions of the logs are applied, such as `identity=812,token=4410`.",
    "schema": {"type": "string", "pattern": f"^{_ONE}(,{_ONE}){{0,{len(LOGS) - 1}}}$"},
}
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "watchword_session",
        "description": "Given at login; under https its name is `__Host-watchword_session`.",
    },
    "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token", "description": "The session's `csrf_token`."},
    "client": {"type": "http", "scheme": "basic", "description": "client_id and client_secret (RFC 6749 2.3.1)."},
}
_HEADERS = {
    "X-Correlation-Id": "Finds the request in the logs of every service.",
    "Watchword-Position": "What this request wrote, to be asked for elsewhere.",
}


def refuses(codes: Codes, by: Sequence[Mapping[str, Sequence[str]]] = ()) -> dict[str, Any]:
    """An operation's `openapi_extra`: what its handler refuses with, by status, and as whom it can be called."""
    return {_REFUSES: {str(status): list(names) for status, names in codes.items()}, "security": list(by)}


def pages(*statuses: int) -> dict[str, Any]:
    """The same of an operation that people come to with a browser: these statuses are pages, and 303 leads on."""
    return {_PAGES: list(statuses), "security": []}


def contract(document: dict[str, Any]) -> dict[str, Any]:
    """The document of FastAPI, with every answer described, in the words of OpenAPI 3.0."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _describe(path, method.upper(), operation)
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update({"Problem": _PROBLEM, "OAuthError": _OAUTH_ERROR})
    used = {
        name for all_ in document["paths"].values() for one in all_.values() for by in one["security"] for name in by
    }
    components["securitySchemes"] = {name: scheme for name, scheme in _SCHEMES.items() if name in used}
    components["parameters"] = {"Position": _POSITION}
    worded: dict[str, Any] = _as_3_0(document)
    return worded


def _describe(path: str, method: str, operation: dict[str, Any]) -> None:
    own = {int(status): names for status, names in operation.pop(_REFUSES, {}).items()}
    operation.setdefault("security", [])
    operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/Position"})
    answers = {status: one for status, one in operation["responses"].items() if status.startswith("2")}
    for one in answers.values():
        one["headers"] = {name: {"description": text, "schema": _TEXT} for name, text in _HEADERS.items()}
    all_ = _merged(own, _GATE, _of_gate(path, method), _of_address(path))
    errors = {str(status): _error(path, status, codes) for status, codes in sorted(all_.items())}
    shown = operation.pop(_PAGES, [])
    operation["responses"] = _with_pages(errors, shown) if shown else answers | errors


def _with_pages(errors: dict[str, Any], statuses: Sequence[int]) -> dict[str, Any]:
    """What the gate refuses is no page; what a handler does is."""
    leads_on = {"description": HTTPStatus(303).phrase, "headers": {"Location": {"schema": _TEXT, "required": True}}}
    answers: dict[str, Any] = {"303": leads_on}
    for status in statuses:
        found = errors.get(str(status), {"description": HTTPStatus(status).phrase, "content": {}})
        answers[str(status)] = found | {"content": found["content"] | {"text/html": {"schema": _TEXT}}}
    return errors | answers


def _of_gate(path: str, method: str) -> Codes:
    if path.startswith(JSON_PATHS) and method not in SAFE:
        return _GATE_AUTHZEN if is_authzen(path) else _GATE_JSON
    return _GATE_FORM if is_oauth(path) else {}


def _of_address(path: str) -> Codes:
    """What is put into an address may make it another, where nothing is."""
    return {404: ("not_found",)} if "{" in path else {}


def _merged(*all_: Codes) -> dict[int, list[str]]:
    merged: dict[int, list[str]] = {}
    for codes in all_:
        for status, names in codes.items():
            merged.setdefault(status, []).extend(names)
    return merged


def _error(path: str, status: int, codes: Sequence[str]) -> dict[str, Any]:
    media, name, member = "application/problem+json", "Problem", "code"
    if is_oauth(path):
        media, name, member = "application/json", "OAuthError", "error"
        codes = [oauth_code(status, code) for code in codes]
    schema: dict[str, Any] = {"$ref": f"#/components/schemas/{name}"}
    if codes:
        schema = {"allOf": [schema, {"properties": {member: {"enum": sorted(set(codes))}}}]}
    described: dict[str, Any] = {"description": HTTPStatus(status).phrase, "content": {media: {"schema": schema}}}
    named = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}.get(status)
    return described | ({"headers": {named: {"schema": _TEXT}}} if named else {})


def _as_3_0(value: Any) -> Any:
    """OpenAPI 3.0 has no type `null` and no `const`; the packaged page and many generators read nothing later."""
    match value:
        case {"anyOf": [one, {"type": "null"}], **more}:
            return _as_3_0(one) | _as_3_0(more) | {"nullable": True}
        case {"const": only, **more}:
            return {"enum": [only]} | _as_3_0(more)
        case dict():
            return {name: _as_3_0(member) for name, member in value.items()}
        case list():
            return [_as_3_0(member) for member in value]
    return value
