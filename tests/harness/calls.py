"""gRPC as callers see it."""

from collections.abc import Awaitable
from typing import Any, cast

import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status


async def refused(call: Awaitable[Any]) -> tuple[str, str]:
    """The status of a call that must fail, and the reason in its ErrorInfo."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code().name, reason_of(caught.value)


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The stable code of an error; empty where it has none."""
    status: Any = rpc_status.from_call(cast(Any, error))
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status is not None else ():
        if detail.Unpack(info):
            return str(info.reason)
    return ""


async def first_answer(call: Any, *messages: Any) -> Any:
    """What a stream answers first to messages; raises what ended it."""
    for message in messages:
        await call.write(message)
    return await call.read()


async def last_answer(call: Any, *messages: Any) -> None:
    """Reads a stream to its end; raises what ended it."""
    answer = await first_answer(call, *messages)
    while answer is not grpc.aio.EOF:
        answer = await call.read()


def bearer(token: str) -> grpc.aio.Metadata:
    """The metadata of a call that a person makes through a backend."""
    return grpc.aio.Metadata(("authorization", f"Bearer {token}"))
