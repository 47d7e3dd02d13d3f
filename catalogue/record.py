"""What was promised, which is kept in docs/events; what is written now; and the files that both together make."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from catalogue.asyncapi import document
from catalogue.bodies import Schema, bodies
from services.identity.domain.events import events as identity_events
from services.policy.domain.events import policy_events
from services.token.domain.events import events as token_events

ROOT = Path(__file__).parent.parent
EVENTS = ROOT / "docs" / "events"
GOLDEN = ROOT / "tests" / "golden"

REGISTRIES = (identity_events, token_events, policy_events)
MADE_BY = "# Made from the event types by `make generate`; change those.\n"


class _Plain(yaml.SafeDumper):
    """YAML without anchors, which not every reader of AsyncAPI follows, and with lines as they are."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Plain.add_representer(str, _Plain.represent_str)


def written() -> dict[str, Schema]:
    """The schemas of all bodies as the services write them now, by type."""
    return {type_: schema for registry in REGISTRIES for type_, schema in bodies(registry).items()}


def promised(directory: Path) -> dict[str, Schema]:
    """The schemas that were committed, by type: all types and versions that were ever written."""
    kept = {path.stem: msgspec.json.decode(path.read_bytes()) for path in sorted((directory / "schemas").iterdir())}
    return {type_: {key: value for key, value in schema.items() if key != "$schema"} for type_, schema in kept.items()}


def examples(directory: Path) -> dict[str, list[Any]]:
    """Bodies by type, from the golden lines."""
    found: dict[str, list[Any]] = {}
    for path in sorted(directory.glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            event = msgspec.json.decode(line)
            found.setdefault(event["type"], []).append(event["body"])
    return found


def files(schemas: Mapping[str, Schema], bodies_of: Mapping[str, list[Any]]) -> dict[str, str]:
    """What docs/events holds, by name: a schema for each type and version, and the document of all."""
    made = {f"schemas/{type_}.json": _json(schema) for type_, schema in schemas.items()}
    text = yaml.dump(document(schemas, bodies_of), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)
    return made | {"asyncapi.yaml": MADE_BY + text}


def _json(schema: Schema) -> str:
    # Draft 7 is what AsyncAPI 3.0 embeds, so that both say the same.
    headed = {"$schema": "http://json-schema.org/draft-07/schema#"} | schema
    return msgspec.json.format(msgspec.json.encode(headed), indent=2).decode() + "\n"
