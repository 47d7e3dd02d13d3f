"""What the commands take and give, as the contracts in proto/ carry it."""

from collections.abc import Mapping
from typing import Any

import msgspec
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import Error, MessageToDict
from google.protobuf.struct_pb2 import Struct

from services.token.domain.client import Client
from services.token.domain.errors import InvalidClientMetadata
from services.token.domain.keyring import Key
from services.token.queries import Receipts
from watchword.token.v1 import token_pb2
from watchword.wire import to_timestamp


def to_receipts(found: Receipts) -> list[token_pb2.Receipt]:
    return [
        token_pb2.Receipt(reader=reader, after=Duration(seconds=int(ms // 1000), nanos=int(ms % 1000 * 1_000_000)))
        for reader, ms in found.applied
    ]


def to_introspected(answer: Mapping[str, Any]) -> token_pb2.IntrospectResponse:
    response = token_pb2.IntrospectResponse(active=answer["active"])
    if response.active:
        response.claims.update(answer)
    return response


def wanted_client(asked: token_pb2.Client) -> Client:
    """The client that is asked for; what is absent takes its default, and what is only in answers is not read."""
    said = {field.name: _plain(value) for field, value in asked.ListFields() if field.name not in _ANSWERED}
    named = {_OWN.get(name, name): value for name, value in said.items()}
    # False is not among the fields that a message lists, and a client of one's own making is confidential.
    return msgspec.convert(named | {"confidential": asked.confidential}, Client)


def to_client(client: Client) -> token_pb2.Client:
    """The client as it is known, but for its secret."""
    found = token_pb2.Client(
        client_id=client.id,
        access_token_life=Duration(seconds=client.access_token_life),
        leeway=Duration(seconds=client.leeway),
    )
    if client.jwks is not None:
        found.jwks.update(client.jwks)
    if client.default_max_age is not None:
        found.default_max_age.seconds = client.default_max_age
    for name in _TIMES:
        if time := getattr(client, name):
            getattr(found, name).CopyFrom(to_timestamp(time))
    for name in _SAME:
        value = getattr(client, name)
        getattr(found, name).extend(value) if isinstance(value, tuple) else setattr(found, name, value)
    return found


def micros(duration: Duration) -> int:
    return duration.seconds * 1_000_000 + duration.nanos // 1_000


_OWN = {"client_id": "id"}
_TIMES = ("registered_at", "old_secret_until", "unused_until")
_ANSWERED = {"self_registered", *_TIMES}
_SAME = {field.name for field in token_pb2.Client.DESCRIPTOR.fields} - {
    "client_id",
    "access_token_life",
    "leeway",
    "jwks",
    "default_max_age",
    *_TIMES,
}


def _plain(value: Any) -> Any:
    match value:
        case Duration():
            return value.seconds
        case Struct():
            return _document(value)
        case str() | bool() | int():
            return value
    return tuple(value)


def _document(struct: Struct) -> dict[str, Any]:
    try:
        return MessageToDict(struct)
    except (ValueError, Error):
        raise InvalidClientMetadata("jwks holds what JSON does not") from None


def to_key(key: Key) -> token_pb2.Key:
    return token_pb2.Key(
        key_id=key.id, purpose=key.purpose, alg=key.alg, state=key.state, since=to_timestamp(key.since)
    )
