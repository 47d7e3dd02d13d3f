"""What describes a client over gRPC and REST has the same names, and what is wrong with it is named."""

from typing import Any

import pytest

from chassis.rpc import ask
from eventlog.errors import Refusal
from services.token.api.rest_clients import ClientMembers
from services.token.domain.client import Client
from services.token.domain.events import Described
from tests.unit.token.administering import SHOP, Doors, doors
from watchword.token.v1 import token_pb2 as pb

__all__ = ["doors"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"{", "malformed_json"),
        (b"[]", "invalid_client_metadata"),
        (b'{"redirect_uris":["https://a.example/"],"client_secret":"short"}', "invalid_client_metadata"),
        (b'{"redirect_uris":["https://a.example/"],"client_id":"app"}', "client_exists"),
        (b'{"redirect_uris":["https://a.example/"],"client_id":7}', "invalid_client_metadata"),
        (b'{"redirect_uris":["https://a.example/"],"leeway":"x"}', "invalid_client_metadata"),
        (b'{"redirect_uris":["https://a.example/"],"sector_identifier_uri":"x"}', "invalid_client_metadata"),
        (b'{"redirect_uris":["http://a.example/"]}', "invalid_redirect_uri"),
    ],
)
async def test_a_wrong_document_is_refused(doors: Doors, document: bytes, code: str) -> None:
    before = doors.world.head
    with pytest.raises(Refusal, match=code):
        await ask(doors.stub().CreateClient, pb.CreateClientRequest(document=document))
    both = pb.CreateClientRequest(document=document, client=pb.Client(name="x"))
    with pytest.raises(Refusal, match="invalid_request"):
        await ask(doors.stub().CreateClient, both)
    assert doors.world.head == before


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "", SHOP | {"redirect_uris": ["https://*.example/"]}, 422, "invalid_redirect_uri"),
        ("POST", "", SHOP | {"scopes": ["watchword:admin"]}, 422, "invalid_client_metadata"),
        ("POST", "", SHOP | {"client_secret": "short"}, 422, "invalid_client_metadata"),
        ("POST", "", SHOP | {"default_max_age": 10**30}, 422, "invalid_client_metadata"),
        ("POST", "", SHOP | {"jwks": {"keys": [{"kty": "RSA", "n": 10**30}]}}, 422, "invalid_client_metadata"),
        ("POST", "", SHOP | {"client_id": "app"}, 409, "client_exists"),
        ("POST", "", SHOP | {"self_registered": False}, 422, "invalid_request"),
        ("PUT", "/service", {"confidential": False}, 422, "invalid_client_metadata"),
        ("PUT", "/nobody", {}, 404, "not_found"),
        ("GET", "/a%20b", None, 404, "not_found"),
        ("DELETE", "/nobody", None, 404, "not_found"),
        ("POST", "/nobody/secret", {}, 404, "not_found"),
        ("POST", "/app/secret", {}, 409, "no_client_secret"),
        ("POST", "/service/secret", {"overlap": 10**9}, 422, "invalid_request"),
    ],
)
async def test_what_is_wrong_is_named_and_writes_nothing(
    doors: Doors, method: str, path: str, body: Any, status: int, code: str
) -> None:
    before = doors.world.head
    answered = await doors.ask(method, path, body)
    assert (answered[0], answered[1]["code"]) == (status, code)
    assert doors.world.head == before


def test_rest_and_grpc_say_all_that_describes_a_client_under_the_same_names() -> None:
    described = set(Described.__struct_fields__)
    assert set(ClientMembers.model_fields) == described - {"client_id"} | {"confidential"}
    spoken = {f.name for f in pb.Client.DESCRIPTOR.fields}
    answered = {"self_registered", "registered_at", "old_secret_until", "unused_until"}
    assert spoken == described | {"confidential", *answered}
    defaults: Any = Client()
    body: Any = ClientMembers()
    for name in ClientMembers.model_fields:
        told = getattr(body, name)
        assert (tuple(told) if isinstance(told, list) else told) == getattr(defaults, name), name
