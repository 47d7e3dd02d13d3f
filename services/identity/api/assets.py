"""What pages name: their style and their logo. The addresses that pages name change with what is in them."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.identity.api.site import Page
from services.identity.pages.brand import Asset, Brand

LIFE = 24 * 3600
_SUMMARY = {"summary": "A file that pages name"}
# A picture may hold scripts and addresses of its own; opened by itself it can do nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"


def router(brand: Brand) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/pages")
    for path, asset in (("/style.css", brand.style), ("/logo", brand.logo)):
        router.add_api_route(path, _asset(asset), methods=["GET"], response_class=Response, openapi_extra=_SUMMARY)
    return router


def _asset(asset: Asset) -> Page:
    headers = {
        "Cache-Control": f"public, max-age={LIFE}",
        "ETag": f'"{asset.version}"',
        "Content-Security-Policy": _POLICY,
    }

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(asset.content, headers=headers, media_type=asset.media_type)

    return answer
