"""A service with nothing in it, run as a process by test_process.py. WATCHWORD_TINY_MODE says what happens to it."""

import asyncio

from fastapi import APIRouter
from pydantic_settings import SettingsConfigDict

from chassis.foundation import PROJECTION_SCHEMA, lay
from chassis.process import Parts, Process, main
from chassis.readiness import StartFailed
from chassis.rpc import EVERYBODY, Admission, RpcServer, Tls
from chassis.settings import ServiceSettings
from chassis.web import application
from eventlog.errors import unavailable
from tests.unit.chassis.rpc_served import READ, Feed
from watchword.log.v1 import log_pb2_grpc


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="WATCHWORD_TINY_")

    mode: str = ""


async def compose(settings: Settings, process: Process) -> Parts:
    router = APIRouter()

    @router.get("/v1/slow")
    async def slow() -> dict[str, bool]:
        await asyncio.sleep(0.5)
        return {"finished": True}

    rpc = RpcServer(Tls.load(settings.ca, settings.cert, settings.key), Admission())
    rpc.add(log_pb2_grpc.add_EventLogServiceServicer_to_server, Feed(), {READ: EVERYBODY})
    process.step("mode", lambda: _step(settings.mode))
    if settings.mode == "database":
        await lay("tiny", settings, process)
    if settings.mode == "dies":
        process.background("weak", _die)
    return Parts(application(title="tiny", readiness=process.readiness, origins=frozenset(), routers=[router]), rpc)


async def _step(mode: str) -> None:
    if mode == "waits":
        raise unavailable("not_there", "what it needs is not there")
    if mode == "cannot":
        raise StartFailed("the database lacks what this release needs: run migrate")


async def _die() -> None:
    raise ValueError("as it must")


if __name__ == "__main__":
    main("tiny", Settings, compose, [PROJECTION_SCHEMA])
