"""Questions as the decision hands them to the rules."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.policy.domain.rules.engine import Asked

DOCUMENTS = """\
type Given = { device?: String, amount?: Long };
entity folder in [folder];
entity document in [folder];
action "document.*" in ["*"];
action "document.read", "document.write" in ["document.*"]
  appliesTo { principal: [account, client, service], resource: [document, folder], context: Asked };
"""


def ask(
    principal: str = "account/acc_1",
    action: str = "document.read",
    resource: str = "document/7",
    *,
    within: Mapping[str, Sequence[str]] | None = None,
    **context: Any,
) -> Asked:
    """`within`: what each thing lies in; all others lie in nothing."""
    parents = {principal: (), resource: (), **(within or {})}
    entities = [_entity(name(thing), [name(one) for one in above]) for thing, above in parents.items()]
    entities.append(_entity(("Action", action), [("Action", one) for one in _patterns(action)]))
    return Asked(name(principal), action, name(resource), _context() | context, entities)


def grants(*ids: str) -> list[dict[str, Any]]:
    return [{"__entity": {"type": "grant", "id": one}} for one in ids]


def label(level: int = 0, *categories: str) -> dict[str, Any]:
    return {"level": level, "categories": list(categories)}


def name(thing: str) -> tuple[str, str]:
    type_, _, id_ = thing.partition("/")
    return type_, id_


def _patterns(action: str) -> list[str]:
    """`a.*` and `*` for `a.b`."""
    return ["*", *(f"{action[:at]}.*" for at, character in enumerate(action) if character == ".")]


def _entity(uid: tuple[str, str], parents: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {"uid": _uid(uid), "attrs": {}, "parents": [_uid(one) for one in parents]}


def _uid(uid: tuple[str, str]) -> dict[str, str]:
    return {"type": uid[0], "id": uid[1]}


def _context() -> dict[str, Any]:
    return {
        "now": 1_800_000_000,
        "reads": False,
        "writes": False,
        "subject_label": label(),
        "resource_label": label(),
        "roles": [],
        "owners": [],
        "shares": [],
        "given": {},
    }
