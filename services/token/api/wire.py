"""What the commands take and give, as the contracts in proto/ carry it."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.duration_pb2 import Duration

from services.token.domain.client import Client
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
    defaults = Client()
    return Client(
        id=asked.client_id,
        name=asked.name,
        confidential=asked.confidential,
        grant_types=tuple(asked.grant_types),
        scopes=tuple(asked.scopes),
        audiences=tuple(asked.audiences),
        access_token_alg=asked.access_token_alg or defaults.access_token_alg,
        access_token_life=asked.access_token_life.seconds
        if asked.HasField("access_token_life")
        else defaults.access_token_life,
        leeway=asked.leeway.seconds if asked.HasField("leeway") else defaults.leeway,
        reuse_ends=asked.reuse_ends or defaults.reuse_ends,
        first_party=asked.first_party,
        direct_login=asked.direct_login,
        grants=tuple(asked.grants),
        cors_origins=tuple(asked.cors_origins),
    )


def to_client(client: Client) -> token_pb2.Client:
    return token_pb2.Client(
        client_id=client.id,
        name=client.name,
        confidential=client.confidential,
        first_party=client.first_party,
        direct_login=client.direct_login,
        grant_types=client.grant_types,
        scopes=client.scopes,
        audiences=client.audiences,
        access_token_alg=client.access_token_alg,
        access_token_life=Duration(seconds=client.access_token_life),
        leeway=Duration(seconds=client.leeway),
        reuse_ends=client.reuse_ends,
        grants=client.grants,
        cors_origins=client.cors_origins,
    )


def to_key(key: Key) -> token_pb2.Key:
    return token_pb2.Key(
        key_id=key.id, purpose=key.purpose, alg=key.alg, state=key.state, since=to_timestamp(key.since)
    )
