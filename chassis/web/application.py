"""The ASGI application of a service: FastAPI behind the gate."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from chassis.addresses import Network
from chassis.positions import Waiting
from chassis.readiness import Readiness
from chassis.web.body import MAX_BODY
from chassis.web.cors import Cors, Share
from chassis.web.described import contract
from chassis.web.docs import docs
from chassis.web.edge import Edge
from chassis.web.gate import Gate, Handler
from chassis.web.operations import operations
from chassis.web.problem import failed, is_oauth, oauth_error, problem, refused, told
from eventlog.errors import Refusal

# The edge traces and measures. FastAPI's own would tell addresses, and what was sent where it was not valid.
_NONE: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


@dataclass(frozen=True, slots=True)
class Hot:
    """An endpoint that is served before FastAPI, which documents it all the same. The path has no parameters.

    `answer` is the shape of its JSON, None where it answers nothing. With `judges_texts` its handler takes texts that
    the gate refuses of others (see strict.check_json).
    """

    method: str
    path: str
    handler: Handler
    openapi: dict[str, Any] = field(default_factory=dict)
    answer: Any = None
    status: int = 200
    judges_texts: bool = False


class _Api(FastAPI):
    """Its document is a contract."""

    def openapi(self) -> dict[str, Any]:
        """See FastAPI."""
        if self.openapi_schema is None:
            self.openapi_schema = contract(super().openapi())
        return self.openapi_schema


def application(
    *,
    title: str,
    readiness: Readiness,
    origins: frozenset[str],
    routers: Iterable[APIRouter] = (),
    hot: Sequence[Hot] = (),
    shares: Iterable[Share] = (),
    waiting: Waiting | None = None,
    trusted_proxies: Sequence[Network] = (),
    certificate_header: str = "",
    body_limit: int = MAX_BODY,
) -> ASGIApp:
    """The whole application.

    `origins` are those of the service's own pages; `shares` says which paths pages of others may read; `waiting` lets
    requests name positions; `certificate_header` is where a trusted proxy hands on a certificate. Handlers raise
    Refusal; whatever else they raise is a 500 that says nothing.
    """
    api = _Api(
        title=title,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # In place of what FastAPI says of bodies that do not fit; `contract` takes it out again.
        responses={"default": {"description": ""}},
        telemetry=_NONE,
    )
    # The packaged page reads OpenAPI 3.0.
    api.openapi_version = "3.0.3"
    for endpoint in hot:
        _document(api, endpoint)
    for router in routers:
        api.include_router(router)
    _render_errors(api)
    handlers = operations(readiness) | docs(title) | {(one.method, one.path): one.handler for one in hot}
    for method, path in handlers:
        api.add_route(path, _unreached, methods=[method], include_in_schema=False)
    judging = frozenset(one.path for one in hot if one.judges_texts)
    gate = Gate(api, handlers, origins, Cors(shares), waiting, judging, body_limit)
    return Edge(gate, trusted_proxies, certificate_header.lower().encode())


def _document(api: _Api, endpoint: Hot) -> None:
    api.add_api_route(
        endpoint.path,
        endpoint.handler,
        methods=[endpoint.method],
        response_model=endpoint.answer,
        status_code=endpoint.status,
        response_class=Response if endpoint.answer is None else JSONResponse,
        openapi_extra=endpoint.openapi,
    )


async def _unreached(_: Request) -> Response:
    # Here for its path alone, so that another method is 405 and not 404.
    return Response(status_code=404)


def _render_errors(api: FastAPI) -> None:
    api.add_exception_handler(Refusal, _refusal)
    api.add_exception_handler(HTTPException, _http_error)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(Exception, _failure)


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return refused(request.url.path, error)


async def _failure(request: Request, _: Exception) -> Response:
    return failed(request.url.path)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "malformed_request")
    return told(request.url.path, error.status_code, code, HTTPStatus(error.status_code).description, error.headers)


def _located(error: Mapping[str, Any]) -> dict[str, str]:
    """An unknown member's name is what was sent, too."""
    loc, reason = error["loc"], error["msg"]
    if error["type"] == "extra_forbidden":
        loc, reason = loc[:-1], "it has a member that is not known here"
    return {"at": ".".join(map(str, loc)), "reason": reason}


async def _invalid(request: Request, error: Exception) -> Response:
    """Says where and why, never what was sent: it may be a password."""
    assert isinstance(error, RequestValidationError)
    errors = [_located(one) for one in error.errors()]
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return told(request.url.path, 400, "malformed_json", "the body is not JSON")
    detail = "; ".join(f"{one['at']}: {one['reason']}" for one in errors[:5])
    if is_oauth(request.url.path):
        return oauth_error(422, "invalid_request", detail)
    return problem(422, "invalid_request", detail, errors=errors)
