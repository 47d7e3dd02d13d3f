"""gRPC between processes: mutual TLS, callers and their allow-lists, errors, positions."""

from chassis.rpc.callers import (
    ADMINISTRATOR,
    EVERYBODY,
    GRANTED,
    Acting,
    Admission,
    Allowed,
    Caller,
    Context,
    acting,
    administrator,
    by,
    caller_of,
)
from chassis.rpc.client import ask, connect, server_name
from chassis.rpc.server import RpcServer
from chassis.rpc.status import refusal_of
from chassis.rpc.tls import Tls

__all__ = [
    "ADMINISTRATOR",
    "EVERYBODY",
    "GRANTED",
    "Acting",
    "Admission",
    "Allowed",
    "Caller",
    "Context",
    "RpcServer",
    "Tls",
    "acting",
    "administrator",
    "ask",
    "by",
    "caller_of",
    "connect",
    "refusal_of",
    "server_name",
]
