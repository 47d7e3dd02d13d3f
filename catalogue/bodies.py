"""The JSON Schema of an event's body, with the words that stand beside its fields."""

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec

from eventlog.events import Event, Registry

Schema = dict[str, Any]

INSTANT: Schema = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$",
}


def bodies(registry: Registry) -> dict[str, Schema]:
    """The schema of each event's body by its type, as one service writes them now.

    Raises LookupError where an event or a field of one is not described.
    """
    said: dict[str, str] = {}
    for event in registry.types:
        said = _described(event) | said
    return {event.type: _body(event, said | _described(event)) for event in registry.types}


def _body(event: type[Event], said: dict[str, str]) -> Schema:
    made = msgspec.json.schema(event)["$defs"][event.__name__]
    public = {name: field for name, field in made["properties"].items() if name not in event.sealed_fields}
    silent = sorted(public.keys() - said.keys())
    if silent or not event.__dict__.get("__doc__"):
        raise LookupError(f"{event.type}: say in docstrings what the event and {silent or 'its fields'} mean")
    fields = {name: _field(event, name, field) | {"description": said[name]} for name, field in public.items()}
    required = [name for name in made.get("required", []) if name in public]
    return {"title": event.type, "description": inspect.getdoc(event), "type": "object"} | {
        "properties": fields,
        "required": required,
    }


def _field(event: type[Event], name: str, made: Schema) -> Schema:
    """As the body has it: times are text, and what is None is absent rather than null (RULES 2)."""
    if "anyOf" in made:
        (made,) = (kind for kind in made["anyOf"] if kind != {"type": "null"})
    return dict(INSTANT) if name in event.instant_fields else dict(made)


def _described(event: type[Event]) -> dict[str, str]:
    """The docstrings of an event's fields, its bases' among them."""
    kinds = [kind for kind in reversed(event.__mro__) if kind is not Event and issubclass(kind, Event)]
    return {name: text for kind in kinds for name, text in _docstrings(kind)}


def _docstrings(kind: type[Event]) -> Iterator[tuple[str, str]]:
    (parsed,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(parsed, ast.ClassDef)
    for field, after in pairwise(parsed.body):
        match field, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
