"""The suite's events as one AsyncAPI 3.0 document: a channel for each service, a message for each type and version.

Schemas stay within JSON Schema draft 7, which is what AsyncAPI 3.0 takes by default.
"""

from collections.abc import Mapping
from typing import Any

from catalogue.bodies import INSTANT, Schema
from eventlog.relay.topic import CONFIG
from watchword.kafka import HEARTBEAT, Kafka

Document = dict[str, Any]

HASH: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
NUMBER: Schema = {"type": "string", "pattern": "^(0|[1-9][0-9]{0,18})$"}
ABOUT = """\
What happens in a Watchword suite, as its three services publish it to Kafka. Each topic is a service's whole log: one
partition, in order, gap-free (position n+1 follows n) and at least once, so drop a position that you have. Read by
explicit assignment, never through a consumer group. Bodies hold opaque ids only: no name, no address, no secret.

Ignore types and fields that you do not know. A type and version never changes but by further optional fields. An
absent field has its default, or nothing.

Topics are named with the prefix that the suite was given (KAFKA_TOPICS); `watchword` is the default."""


def document(schemas: Mapping[str, Schema], examples: Mapping[str, list[Any]]) -> Document:
    """The document for bodies by type, each with examples of bodies."""
    services = sorted({_service(type_) for type_ in schemas})
    messages = {type_: _message(schema, examples.get(type_, [])) for type_, schema in schemas.items()}
    return {
        "asyncapi": "3.0.0",
        "id": "urn:watchword:events",
        "info": {"title": "Watchword: events", "version": "1.0.0", "description": ABOUT},
        "defaultContentType": "application/json",
        "channels": {service: _channel(service, schemas) for service in services},
        "operations": {service: _operation(service) for service in services},
        "components": {
            "messages": messages | {HEARTBEAT: _heartbeat()},
            "correlationIds": {
                "request": {
                    "description": "One request's events, in all services, carry the same.",
                    "location": "$message.header#/ce_correlationid",
                }
            },
            "schemas": {"eventHeaders": _event_headers(), "heartbeatHeaders": _heartbeat_headers()},
        },
    }


def _service(type_: str) -> str:
    return type_.split(".")[1]


def _channel(service: str, schemas: Mapping[str, Schema]) -> Document:
    types = [type_ for type_ in schemas if _service(type_) == service]
    settings = {name: int(value) for name, value in CONFIG.items() if value.isdecimal()} | {
        "cleanup.policy": [CONFIG["cleanup.policy"]]
    }
    return {
        "address": Kafka("").topic(service),
        "description": f"The log of {service}, published by its relay alone.",
        "messages": {type_: {"$ref": f"#/components/messages/{type_}"} for type_ in [*types, HEARTBEAT]},
        "bindings": {"kafka": {"partitions": 1, "topicConfiguration": settings, "bindingVersion": "0.5.0"}},
    }


def _operation(service: str) -> Document:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{service}"},
        "summary": f"{service} publishes what happened, in the order in which it did.",
    }


def _message(schema: Schema, examples: list[Any]) -> Document:
    type_ = schema["title"]
    pinned = {"type": "object", "properties": {"ce_type": {"const": type_}}}
    made = {
        "name": type_,
        "title": type_.split(".", 2)[2].rpartition(".v")[0],
        "summary": " ".join(schema["description"].split("\n\n")[0].split()),
        "contentType": "application/json",
        "correlationId": {"$ref": "#/components/correlationIds/request"},
        "headers": {"allOf": [{"$ref": "#/components/schemas/eventHeaders"}, pinned]},
        "payload": schema,
        "bindings": _keyed({"type": "string", "description": "The stream, as in ce_subject."}),
    }
    return made | ({"examples": [{"payload": body} for body in examples]} if examples else {})


def _heartbeat() -> Document:
    return {
        "name": HEARTBEAT,
        "title": "heartbeat",
        "summary": "Each second: up to this position the topic holds all that the log held at ce_time. It is no event.",
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/heartbeatHeaders"},
        "payload": {"type": "object", "maxProperties": 0},
        "bindings": _keyed({"type": "null", "description": "None."}),
    }


def _keyed(key: Schema) -> Document:
    return {"kafka": {"key": key, "bindingVersion": "0.5.0"}}


def _event_headers() -> Schema:
    """RULES 5: CloudEvents 1.0, binary binding for Kafka; every value is text in UTF-8."""
    return _headers(
        {
            "ce_specversion": {"const": "1.0", "description": "CloudEvents 1.0."},
            "ce_id": NUMBER | {"description": "The position."},
            "ce_source": _source(),
            "ce_type": {
                "type": "string",
                "pattern": r"^watchword\.[a-z]+\.[a-z_]+\.[a-z_]+\.v[1-9][0-9]*$",
                "description": "What happened, in which version of its body.",
            },
            "ce_time": INSTANT | {"description": "When, by the log's clock, which never goes back."},
            "ce_subject": {"type": "string", "description": "The stream: what it happened to, such as account/acc_…"},
            "ce_position": NUMBER
            | {"description": "Its place in the log, from 1: a decimal string, for CloudEvents integers have 32 bits."},
            "ce_streamversion": NUMBER | {"description": "Its place in its stream, from 1."},
            "ce_commandid": {
                "type": "string",
                "description": "Events of one command, stored together, carry the same.",
            },
            "ce_actor": {
                "type": "string",
                "description": "On whose behalf: an account's id, client/ID, a certificate's URI, service/NAME for "
                "what happens by itself, or anonymous.",
            },
            "ce_correlationid": {
                "type": "string",
                "description": "Events of one request carry the same, in all services.",
            },
            "ce_sealedhash": {
                "type": "string",
                "pattern": "^([0-9a-f]{64})?$",
                "description": "SHA-256 of the sealed part's ciphertext; empty where there is none.",
            },
            "ce_chainhash": HASH
            | {"description": "SHA-256 over the hash before it and this event: whoever has it can prove the log."},
            "content-type": {"const": "application/json"},
            "traceparent": {
                "type": "string",
                "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
                "description": "W3C Trace Context, where the request was traced.",
            },
        },
        optional={"traceparent"},
    )


def _heartbeat_headers() -> Schema:
    return _headers(
        {
            "ce_specversion": {"const": "1.0", "description": "CloudEvents 1.0."},
            "ce_id": {"type": "string", "pattern": "^heartbeat-[0-9]+$"},
            "ce_source": _source(),
            "ce_type": {"const": HEARTBEAT},
            "ce_time": INSTANT | {"description": "The log's time when it ended at this position."},
            "ce_position": NUMBER | {"description": "That of the last event before it; it takes none of its own."},
            "ce_chainhash": HASH | {"description": "That of the last event before it."},
            "content-type": {"const": "application/json"},
        }
    )


def _source() -> Schema:
    return {
        "type": "string",
        "pattern": "^urn:watchword:[0-9a-f-]{36}:(identity|token|policy)$",
        "description": "urn:watchword:<log id>:<service>. Another log id in the same topic is another log: an alarm.",
    }


def _headers(properties: dict[str, Schema], optional: set[str] | None = None) -> Schema:
    required = [name for name in properties if name not in (optional or set())]
    return {"type": "object", "properties": properties, "required": required}
