"""What identity knows of people, asked over gRPC."""

from collections.abc import Mapping, Sequence
from typing import Any

import grpc.aio
from google.protobuf.json_format import MessageToDict

from chassis.rpc import ask
from eventlog.errors import Kind, Refusal
from watchword.identity.v1 import identity_pb2, identity_pb2_grpc

PATIENCE = 4.0


class PeoplePeer:
    """See ports.People."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: Any = identity_pb2_grpc.IdentityServiceStub(channel)

    async def claims(self, account_id: str, names: Sequence[str]) -> Mapping[str, Any]:
        """See ports.People. Of an account that is gone nothing is known."""
        request = identity_pb2.GetClaimsRequest(account_id=account_id, names=names)
        try:
            answer = await ask(self._stub.GetClaims, request, timeout=PATIENCE, again=True)
        except Refusal as refusal:
            if refusal.kind is Kind.NOT_FOUND:
                return {}
            raise
        said: dict[str, Any] = MessageToDict(answer.claims)
        return said
