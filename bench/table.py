"""Every row of the page by its name, in the order in which they are measured."""

from collections.abc import Callable

from bench.figures import Figure
from bench.house import House
from bench.rows import baseline, footprint, log, login, model, policy, rpc, sdk, spread, tokens

Row = Callable[[House], list[Figure]]

ROWS: dict[str, Row] = {
    "sdk": sdk.verify,
    "append": log.append,
    "replay": log.replay,
    "memory": footprint.memory,
    "client_credentials": tokens.client_credentials,
    "tls": tokens.client_credentials_tls,
    "refresh": tokens.refresh,
    "introspect": tokens.introspect,
    "introspect-grpc": rpc.introspect_unary,
    "introspect-batch": rpc.introspect_batch,
    "check": rpc.check,
    "login": login.login,
    "visible": login.visible,
    "revocation": spread.over_grpc,
    "ready": footprint.ready,
    "baseline": baseline.baseline,
    "revocation-kafka": spread.over_kafka,
    "relay": log.relay,
    # Last: whatever starts after it loads a company's facts.
    "policy": policy.policy,
    "model": model.model,
}
