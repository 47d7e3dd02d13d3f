"""Token, asked over gRPC."""

from typing import Any

import grpc.aio

from chassis.rpc import ask
from eventlog.errors import Refusal
from services.identity.ports import FirstTokens, Overtaken, Started
from watchword.token.v1 import token_pb2, token_pb2_grpc
from watchword.wire import to_timestamp

REVOKE = 2.0
START = 4.0


class TokenPeer:
    """See ports.Tokens."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: Any = token_pb2_grpc.TokenServiceStub(channel)

    async def start_family(self, client_id: str, session: Started) -> FirstTokens | Overtaken:
        """See ports.Tokens."""
        request = token_pb2.StartFamilyRequest(
            client_id=client_id,
            account_id=session.account_id,
            session_id=session.session_id,
            session_position=session.position,
            seen=session.seen,
            auth_time=to_timestamp(session.auth_time),
            acr=session.acr,
            amr=session.amr,
        )
        # A family whose tokens nobody was given opens nothing, and ends with its session.
        answer: token_pb2.StartFamilyResponse = await ask(self._stub.StartFamily, request, timeout=START, again=True)
        if answer.WhichOneof("result") == "overtaken_by":
            return Overtaken(answer.overtaken_by)
        tokens = answer.tokens
        return FirstTokens(tokens.access_token, tokens.refresh_token, tokens.expires_in.seconds, tokens.scope)

    async def revoke_session(self, session_id: str, reason: str) -> bool:
        """See ports.Tokens."""
        return await self._revoke(token_pb2.RevokeRequest(session_id=session_id, reason=reason))

    async def revoke_sessions_before(self, account_id: str, position: int, spared: str | None, reason: str) -> bool:
        """See ports.Tokens."""
        return await self._revoke(
            token_pb2.RevokeRequest(
                subject=account_id, reason=reason, before_session_position=position, spared_session_id=spared
            )
        )

    async def _revoke(self, request: token_pb2.RevokeRequest) -> bool:
        try:
            await ask(self._stub.Revoke, request, timeout=REVOKE, again=True)
        except Refusal:
            return False
        return True
