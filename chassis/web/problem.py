"""Errors over HTTP: RFC 9457 problem documents, and RFC 6749 bodies on OAuth endpoints."""

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Any

import msgspec
from starlette.responses import Response

from chassis.telemetry import correlation_id
from eventlog.errors import Kind, Refusal
from watchword.dpop import ALGORITHMS

# RFC 6749 5.2 and 4.1.2.1, RFC 6750 3.1, RFC 7009 2.2.1, RFC 7591 3.2.2, RFC 8628 3.5, RFC 8707, RFC 9101, RFC 9449,
# OpenID Connect Core 3.1.2.6
_OAUTH_CODES = frozenset(
    [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "access_denied",
        "unsupported_response_type",
        "server_error",
        "temporarily_unavailable",
        "invalid_token",
        "insufficient_scope",
        "unsupported_token_type",
        "invalid_redirect_uri",
        "invalid_client_metadata",
        "unapproved_software_statement",
        "invalid_target",
        "invalid_request_object",
        "use_dpop_nonce",
        "invalid_dpop_proof",
        "interaction_required",
        "login_required",
        "consent_required",
        "account_selection_required",
        "authorization_pending",
        "slow_down",
        "expired_token",
    ]
)


NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
"""RFC 6749 5.1: answers that nobody keeps."""


class Json(Response):
    """A JSON answer, encoded by msgspec."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """See starlette.responses.Response."""
        return msgspec.json.encode(content)


def is_oauth(path: str) -> bool:
    """Whether errors under a path are RFC 6749 bodies."""
    return path.startswith("/oauth2/")


def is_authzen(path: str) -> bool:
    """Whether a path is one of AuthZEN's, which knows 400 alone for what is ill-formed (Authorization API 1.0,
    10.1.2).
    """
    return path.startswith("/access/v1/")


def refused(path: str, refusal: Refusal) -> Response:
    """A refusal as the path's clients expect it."""
    headers = _headers(path, refusal)
    if is_oauth(path):
        return oauth_error(refusal.kind.http, refusal.code, refusal.detail, headers)
    ill_formed = is_authzen(path) and refusal.kind in (Kind.UNSUPPORTED, Kind.UNPROCESSABLE)
    return problem(400 if ill_formed else refusal.kind.http, refusal.code, refusal.detail, headers)


def failed(path: str) -> Response:
    """What should not have happened: nothing of it leaves but the reference under which it is logged."""
    return told(path, 500, "internal", "something went wrong here; the log has it under the reference")


def told(path: str, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error for which the taxonomy has no kind."""
    if is_oauth(path):
        return oauth_error(status, code, detail, headers)
    return problem(status, code, detail, headers)


def problem(
    status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, errors: list[Any] | None = None
) -> Response:
    """An RFC 9457 document: `code` is stable and for programs, `reference` is the correlation id."""
    reference = correlation_id()
    body = {
        "type": f"urn:watchword:error:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "instance": f"urn:watchword:request:{reference}",
        "reference": reference,
    }
    if errors:
        body["errors"] = errors
    return Response(msgspec.json.encode(body), status, headers, "application/problem+json")


def oauth_error(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """An RFC 6749 5.2 body. A code that the RFCs do not know is said as the one that fits, and stands in `code`."""
    error = oauth_code(status, code)
    if status == 422:
        status = 400
    body = {"error": error, "error_description": _plain(detail), "reference": correlation_id()}
    if error != code:
        body["code"] = code
    return Json(body, status, {**NO_STORE, **(headers or {})})


def oauth_code(status: int, code: str) -> str:
    """The code itself where the RFCs know it, else the one of theirs that fits."""
    if code in _OAUTH_CODES:
        return code
    match status:
        case 429 | 503:
            return "temporarily_unavailable"
        case 500:
            return "server_error"
        case 403:
            return "access_denied"
        case _:
            return "invalid_request"


def _plain(detail: str) -> str:
    # RFC 6749 5.2: %x20-21 / %x23-5B / %x5D-7E
    return "".join(char if " " <= char <= "~" and char not in '"\\' else "'" for char in detail)


def _headers(path: str, refusal: Refusal) -> dict[str, str]:
    headers = {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(max(1, ceil(refusal.retry_after)))
    challenge = _challenge(path, refusal)
    if challenge:
        headers["WWW-Authenticate"] = challenge
    return headers


def _challenge(path: str, refusal: Refusal) -> str | None:
    """RFC 6749 5.2 for a client that did not prove itself, RFC 6750 3 for a bearer, RFC 9449 7.1 for a key's proof."""
    if refusal.code == "invalid_client":
        return 'Basic realm="watchword"' if refusal.kind is Kind.UNAUTHENTICATED else None
    if refusal.code == "invalid_dpop_proof":
        said = f'error="invalid_dpop_proof", algs="{" ".join(ALGORITHMS)}"'
        return f'DPoP realm="watchword", {said}' if refusal.kind is Kind.UNAUTHENTICATED else None
    if refusal.code in ("invalid_token", "insufficient_scope"):
        return f'Bearer realm="watchword", error="{refusal.code}", error_description="{_plain(refusal.detail)}"'
    bearer = not is_oauth(path) or refusal.code == "authentication_required"
    return 'Bearer realm="watchword"' if refusal.kind is Kind.UNAUTHENTICATED and bearer else None
