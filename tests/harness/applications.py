"""Applications as an operator registers them, and the tokens that they get for themselves."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from httpx2 import AsyncClient, Response

from tests.harness.running import Suite
from watchword.token.v1 import token_pb2, token_pb2_grpc


@dataclass(frozen=True)
class Application:
    """A registered client. A public one has no secret."""

    client_id: str
    secret: str = field(repr=False)

    @property
    def auth(self) -> tuple[str, str]:
        return self.client_id, self.secret


async def registered(suite: Suite, **wanted: Any) -> Application:
    """A new client. Without a grant type it is a public one."""
    wanted = {"confidential": "client_credentials" in wanted.get("grant_types", ())} | wanted
    wanted.setdefault("client_id", f"test-{secrets.token_hex(6)}")
    async with suite.channel("token") as channel:
        stub: Any = token_pb2_grpc.TokenServiceStub(channel)
        made = await stub.CreateClient(token_pb2.CreateClientRequest(client=token_pb2.Client(**wanted)))
    return Application(made.client.client_id, made.client_secret)


async def machine(suite: Suite, **wanted: Any) -> Application:
    """A confidential client that gets tokens for itself."""
    return await registered(suite, grant_types=["client_credentials"], **wanted)


async def own_token(http: AsyncClient, suite: Suite, client: Application, **more: str) -> str:
    """What client_credentials gives."""
    answer = await ask_token(http, suite, client, grant_type="client_credentials", **more)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


async def ask_token(http: AsyncClient, suite: Suite, client: Application, **form: str) -> Response:
    """A request for a token, by client_secret_basic."""
    return await http.post(suite.url("token") + "/oauth2/token", data=form, auth=client.auth)
