"""/docs: the API as people try it, from files of an installed package; nothing is fetched from elsewhere."""

import mimetypes
from functools import cache
from pathlib import Path

import swagger_ui_bundle
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from chassis.web.gate import Handler

_FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)
_START = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null});'
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>%s</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""


def docs(title: str) -> dict[tuple[str, str], Handler]:
    """The handlers by method and path. Addresses are relative, so that the page works behind a proxy's prefix."""
    return {
        ("GET", "/docs"): _page(title),
        ("GET", "/docs/start.js"): _start,
        **{("GET", f"/docs/{name}"): _file(name) for name in _FILES},
    }


def _page(title: str) -> Handler:
    async def page(_: Request) -> Response:
        return HTMLResponse(_PAGE % title, headers={"Content-Security-Policy": _POLICY})

    return page


async def _start(_: Request) -> Response:
    return Response(_START, media_type="text/javascript", headers={"Cache-Control": "max-age=3600"})


def _file(name: str) -> Handler:
    media_type = mimetypes.guess_type(name)[0]

    async def file(_: Request) -> Response:
        return Response(_content(name), media_type=media_type, headers={"Cache-Control": "max-age=3600"})

    return file


@cache
def _content(name: str) -> bytes:
    """One copy for all who read it, however slowly, and no file that stays open for each of them."""
    return (Path(swagger_ui_bundle.swagger_ui_path) / name).read_bytes()
