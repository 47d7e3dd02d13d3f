"""Whether whoever reads an event as it was promised can read it as it is written now, and the other way round.

A body of one type and version never changes but by further optional fields; whatever else must change is a new version.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from catalogue.bodies import Schema


def breaks(promised: Mapping[str, Schema], written: Mapping[str, Schema]) -> list[str]:
    """Why `written` does not keep what was promised, a line each; schemas by type. Empty where it does."""
    latest = dict(_named(type_) for type_ in sorted(written, key=_named))
    found = []
    for type_, schema in promised.items():
        name, version = _named(type_)
        if type_ in written:
            found += [f"{type_}: {broken}" for broken in _changed(schema, written[type_])]
        elif latest.get(name, 0) < version:
            found.append(f"{type_}: nothing reads it any more, but it stands in logs for ever")
    return found


def _changed(promised: Schema, written: Schema) -> Iterator[str]:
    before, now = promised["properties"], written["properties"]
    needed, given = set(promised["required"]), set(written["required"])
    for name in before.keys() - now.keys():
        yield f"the field {name} is gone, which old readers look for"
    for name in sorted(before.keys() & now.keys()):
        if _wire(before[name]) != _wire(now[name]):
            yield f"the field {name} was {_wire(before[name])} and is {_wire(now[name])}"
    for name in sorted((needed - given) & now.keys()):
        yield f"the field {name} may be absent, which old readers need"
    for name in sorted(given - needed):
        yield f"the field {name} is required, which bodies that were written before do not have"


def _wire(field: Schema) -> dict[str, Any]:
    """All but the words. The default counts: a field that equals it is left out of the body."""
    return {key: value for key, value in field.items() if key != "description"}


def _named(type_: str) -> tuple[str, int]:
    name, _, version = type_.rpartition(".v")
    return name, int(version)
