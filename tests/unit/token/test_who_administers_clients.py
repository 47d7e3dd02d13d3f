"""Clients are administered by administrators alone, whom the events name."""

from typing import Any

import pytest

from chassis.rpc import ask
from eventlog.errors import Refusal
from tests.unit.token.administering import BACKEND, SHOP, Doors, doors, message
from watchword.token.v1 import token_pb2 as pb

__all__ = ["doors"]


async def test_only_administrators_administer_and_the_event_names_them(doors: Doors) -> None:
    calls = [
        ("CreateClient", pb.CreateClientRequest(client=message(**SHOP, confidential=True))),
        ("GetClient", pb.GetClientRequest(client_id="service")),
        ("UpdateClient", pb.UpdateClientRequest(client=pb.Client(client_id="service", confidential=True))),
        ("RotateClientSecret", pb.RotateClientSecretRequest(client_id="service")),
        ("ListClients", pb.ListClientsRequest()),
        ("DeleteClient", pb.DeleteClientRequest(client_id="service")),
    ]
    before = doors.world.head
    for name, request in calls:
        with pytest.raises(Refusal, match="PERMISSION_DENIED"):
            await ask(getattr(doors.stub(BACKEND), name), request)
        with pytest.raises(Refusal, match="not_allowed"):
            await ask(getattr(doors.stub(BACKEND), name), request, metadata=(("authorization", "Bearer bad"),))
    assert doors.world.head == before
    doors.asked.clear()
    for name, request in calls:
        await ask(getattr(doors.stub(BACKEND), name), request, metadata=(("authorization", "Bearer good"),))
    assert set(doors.actors[before:]) == {"acc_administrator"}
    acts = ["create", "show", "update", "rotate_secret", "list", "delete"]
    assert doors.asked == [f"token.client.{act}" for act in acts]


async def test_without_policys_word_nothing_is_told_or_done_over_rest(doors: Doors) -> None:
    before = doors.world.head
    asks = [("GET", ""), ("POST", ""), ("GET", "/app"), ("PUT", "/app"), ("DELETE", "/app"), ("POST", "/app/secret")]
    for method, path in asks:
        body: Any = None if method in ("GET", "DELETE") else {}
        status, answer = await doors.ask(method, path, body, bearer="bad")
        assert (status, answer["code"]) == (403, "not_allowed")
    assert doors.world.head == before
    acts = ["list", "create", "show", "update", "delete", "rotate_secret"]
    assert doors.asked == [f"token.client.{act}" for act in acts]
