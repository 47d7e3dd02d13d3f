"""Refusal ↔ google.rpc.Status with ErrorInfo: the one place where an error crosses gRPC."""

from typing import Any, cast

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from eventlog.errors import Kind, Refusal, unavailable

DOMAIN = "watchword"
DETAILS = "grpc-status-details-bin"

MAX_TEXT = 256
"""Characters of a detail, which may name what was asked for: it is sent twice, in trailers that have a limit."""

# Codes that are no fault of whoever asked.
FAULTS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})

# Said by a peer about this process's own certificate, so never this process's caller's fault.
_ABOUT_US = frozenset({"caller_unknown", "caller_not_allowed", "certificate_expired", "certificate_revoked"})


def status_of(refusal: Refusal) -> tuple[grpc.StatusCode, str, bytes]:
    """Code, text and the serialized google.rpc.Status of a refusal."""
    code, text = grpc.StatusCode[refusal.kind.grpc], _short(refusal.detail)
    status = _status(code, text, refusal.code, {"kind": refusal.kind.name})
    if refusal.retry_after is not None:
        delay = Duration()
        delay.FromNanoseconds(int(refusal.retry_after * 1e9))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return code, text, status.SerializeToString()


def _short(detail: str) -> str:
    return detail if len(detail) <= MAX_TEXT else f"{detail[: MAX_TEXT - 1]}…"


def internal(reference: str) -> tuple[grpc.StatusCode, str, bytes]:
    """The same for what should not have happened: nothing of it leaves but the reference under which it is logged."""
    code, text = grpc.StatusCode.INTERNAL, f"internal error; its log line has correlation_id {reference}"
    return code, text, _status(code, text, "internal", {"reference": reference}).SerializeToString()


def _status(code: grpc.StatusCode, text: str, reason: str, metadata: dict[str, str]) -> status_pb2.Status:
    status = status_pb2.Status(code=code.value[0], message=text)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata))
    return status


def refusal_of(error: grpc.aio.AioRpcError) -> Refusal:
    """What a peer refused. What is no refusal of ours (no connection, no answer in time) is `peer_unavailable`."""
    status: Any = rpc_status.from_call(cast(Any, error))
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in status.details if status is not None else ():
        if not detail.Unpack(info):
            detail.Unpack(retry)
    if info.domain != DOMAIN or info.reason in _ABOUT_US or info.metadata["kind"] not in Kind.__members__:
        return unavailable("peer_unavailable", f"a service that this needs does not answer ({error.code().name})")
    after = retry.retry_delay.ToNanoseconds() / 1e9 if retry.HasField("retry_delay") else None
    return Refusal(Kind[info.metadata["kind"]], info.reason, status.message, after)
