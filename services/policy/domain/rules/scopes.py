"""A policy as it is evaluated: its text, what its scope could match, and the logins that it asks for."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

Name = tuple[str, str]
"""An entity: type and id, as in Cedar."""

PERMIT, FORBID = "permit", "forbid"
Json = Mapping[str, Any]


class Side(msgspec.Struct, frozen=True):
    """What a scope asks of the principal, or of the resource: to have a type, and to be an entity or to lie in it."""

    type: str | None = None
    within: Name | None = None


class Policy(msgspec.Struct, frozen=True):
    """`actions`: those that it names, or what they lie in; None where it names none. `acrs`: see `Rules.acrs`."""

    id: str
    effect: str
    text: str
    principal: Side
    resource: Side
    actions: frozenset[str] | None
    acrs: frozenset[str]


def read(policy_id: str, text: str, parsed: Json) -> Policy:
    """A policy of Cedar's own JSON form."""
    return Policy(
        id=policy_id,
        effect=parsed["effect"],
        text=text,
        principal=_side(parsed["principal"]),
        resource=_side(parsed["resource"]),
        actions=_actions(parsed["action"]),
        acrs=frozenset(_acrs(parsed["conditions"])),
    )


def _side(said: Json) -> Side:
    match said["op"]:
        case "All":
            return Side()
        case "==":
            return Side(said["entity"]["type"], _name(said["entity"]))
        case "in":
            return Side(None, _name(said["entity"]))
        case _:
            within = said.get("in")
            return Side(said["entity_type"], None if within is None else _name(within["entity"]))


def _name(said: Json) -> Name:
    entity = said.get("__entity", said)
    return entity["type"], entity["id"]


def _actions(said: Json) -> frozenset[str] | None:
    if said["op"] == "All":
        return None
    entities = said["entities"] if "entities" in said else [said["entity"]]
    return frozenset(_name(one)[1] for one in entities)


def _acrs(said: Any) -> Iterator[str]:
    """Texts that are compared with `context.acr`: by ==, by != and by a set that contains it."""
    if isinstance(said, list):
        for one in said:
            yield from _acrs(one)
    elif isinstance(said, dict):
        for operator, operands in said.items():
            if operator in ("==", "!=", "contains") and _is_acr(operands["left"]) | _is_acr(operands["right"]):
                yield from _texts(operands)
            yield from _acrs(operands)


def _is_acr(said: Any) -> bool:
    return bool(said == {".": {"left": {"Var": "context"}, "attr": "acr"}})


def _texts(said: Json) -> Iterator[str]:
    for side in (said["left"], said["right"]):
        for one in side.get("Set", [side]):
            value = one.get("Value")
            values = value if isinstance(value, list) else [value]
            yield from (text for text in values if isinstance(text, str))
