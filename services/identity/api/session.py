"""/oauth2/session: the page that applications frame to learn whether somebody else is signed in now, or nobody (OpenID
Connect Session Management 1.0).
"""

import hashlib
import secrets
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from chassis.web import may_be_framed
from services.identity.api.callers import STATE, Cookies
from services.identity.pages.policy import framed
from services.identity.pages.rendering import session_script

PATH = "/oauth2/session"
LIFE = 3600
_PORTS = {"http": 80, "https": 443}


def session_state(client_id: str, origin: str, state: str) -> str:
    """What an application is told of the browser's state (section 2): no more than that it has changed."""
    salt = secrets.token_urlsafe(12)
    return f"{hashlib.sha256(f'{client_id} {origin} {state} {salt}'.encode()).hexdigest()}.{salt}"


def origin_at(url: str) -> str:
    """The origin of a page there, as browsers write it (RFC 6454 6.2); '' where there is no page."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in (None, _PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def router(cookies: Cookies) -> APIRouter:
    """The route."""
    script = session_script(cookies.named(STATE))
    page = f'<!doctype html>\n<html lang="en"><head><title>Session</title></head><script>{script}</script></html>\n'
    headers = {"Content-Security-Policy": framed(script), "Cache-Control": f"public, max-age={LIFE}"}

    async def answer(request: Request) -> Response:
        may_be_framed(request)
        return HTMLResponse(page, headers=headers)

    router = APIRouter(include_in_schema=False)
    router.add_api_route(PATH, answer, methods=["GET"])
    return router
