"""A small application behind the edge, and how it is asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from chassis import positions
from chassis.readiness import Readiness
from chassis.web import Hot, Json, Share, application, oauth_form
from eventlog.errors import Kind, Refusal

OWN = "http://own.test"
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


router = APIRouter()


class Thing(BaseModel):
    name: str
    size: int = 0


@router.post("/v1/things", status_code=201)
async def make(thing: Thing) -> dict[str, str]:
    return {"name": thing.name}


@router.get("/v1/things/{number}")
async def show(number: int) -> dict[str, int]:
    return {"number": number}


@router.delete("/v1/things")
async def drop(request: Request) -> dict[str, str]:
    assert request.client is not None
    positions.note("identity", 7)
    return {"client": request.client.host}


@router.get("/v1/refused")
async def refuse() -> None:
    raise Refusal(Kind.UNAVAILABLE, "not_now", "later", 1.5)


@router.get("/v1/who")
async def who() -> None:
    raise Refusal(Kind.UNAUTHENTICATED, "invalid_token", 'the "token" expired')


@router.get("/v1/fails")
async def fail() -> None:
    raise ValueError("hunter2")


async def token(request: Request) -> Response:
    form = await oauth_form(request)
    if form.get("code"):
        raise Refusal(Kind.INVALID, form.require("code"), "as asked")
    return Json({"grant_type": form.require("grant_type"), "scope": form.get("scope")})


async def busy(_: Request) -> Response:
    raise Refusal(Kind.UNAVAILABLE, "too_busy", "later", 3)


async def client_wrong(_: Request) -> Response:
    raise Refusal(Kind.UNAUTHENTICATED, "invalid_client", "no such client")


async def keys(_: Request) -> Response:
    return Json({"keys": []}, headers={"Cache-Control": "max-age=300"})


async def breaks(_: Request) -> Response:
    raise ValueError("hunter2")


def app(**more: Any) -> Any:
    hot = [
        Hot("POST", "/oauth2/token", token),
        Hot("POST", "/oauth2/busy", busy),
        Hot("POST", "/oauth2/client", client_wrong),
        Hot("POST", "/oauth2/breaks", breaks),
        Hot("GET", "/.well-known/jwks.json", keys),
    ]
    shares = [
        Share(frozenset({"/.well-known/jwks.json"})),
        Share(frozenset({"/oauth2/token"}), "POST", lambda origin: origin == "https://app.test"),
    ]
    origins = frozenset({OWN})
    return application(
        title="test", readiness=Readiness(), origins=origins, routers=[router], hot=hot, shares=shares, **more
    )


@asynccontextmanager
async def client(**more: Any) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app(**more), client=("127.0.0.1", 1))
    async with httpx2.AsyncClient(transport=transport, base_url=OWN) as one:
        yield one


async def asked(method: str, path: str, **more: Any) -> httpx2.Response:
    async with client() as one:
        return await one.request(method, path, **more)
