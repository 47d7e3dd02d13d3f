"""Facts as JSON objects (docs/policy.md) ↔ the messages that say them, and in words."""

from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from suite.errors import Halt
from watchword.policy.v1.facts_pb2 import Fact

KINDS = [field.name for field in Fact.DESCRIPTOR.fields]


def to_message(said: Any) -> Fact:
    """Raises Halt with what is wrong."""
    if not isinstance(said, dict) or said.get("kind") not in KINDS:
        raise Halt(f'a fact is a JSON object whose "kind" is one of {", ".join(KINDS)}')
    kind = said["kind"]
    fact = Fact()
    part = getattr(fact, kind)
    part.SetInParent()
    known = {field.name for field in part.DESCRIPTOR.fields}
    unknown = said.keys() - known - {"kind"}
    if unknown:
        raise Halt(f"{kind} has no {min(unknown)!r}: there are {', '.join(sorted(known))}")
    try:
        ParseDict({name: value for name, value in said.items() if name != "kind"}, part)
    except ParseError as error:
        raise Halt(f"{kind}: {error}") from None
    return fact


def to_json(fact: Fact) -> dict[str, Any]:
    """What is absent, or as it would be where it was, is left out."""
    kind = str(fact.WhichOneof("fact"))
    return {"kind": kind, **MessageToDict(getattr(fact, kind), preserving_proto_field_name=True)}


def in_words(fact: Fact) -> str:
    """A line for people, such as `account/acc_1 is in group/staff until 2031-01-31T12:00:00Z`."""
    kind = str(fact.WhichOneof("fact"))
    one: Any = getattr(fact, kind)
    words = {
        "role": lambda: f"role/{one.name} allows {_list(one.actions)}{_said('inherits', one.inherits)}",
        "group": lambda: f"group/{one.id} is there",
        "membership": lambda: f"{one.member} is in group/{one.group}",
        "assignment": lambda: f"{one.holder} holds {one.role} on {one.resource or 'everything'}",
        "exclusion": lambda: f"{one.name}: nobody holds two of {_list(one.roles)}",
        "label": lambda: f"{one.of} is at level {one.level}{_said('in', one.categories)}",
        "owner": lambda: f"{one.owner} owns {one.resource}",
        "parent": lambda: f"{one.resource} lies in {one.parent}",
        "share": lambda: f"{one.by} shares {one.resource} with {one.to}: {_list(one.actions)}{_how(one)}",
        "action": lambda: f"{one.pattern}: {one.mode}",
    }[kind]()
    described = getattr(one, "description", "")
    end = (
        f" until {one.expires_at.ToJsonString()}"
        if "expires_at" in one.DESCRIPTOR.fields_by_name and one.HasField("expires_at")
        else ""
    )
    return f"{words}{end}{f' ({described})' if described else ''}"


def _list(words: Any) -> str:
    return ", ".join(words) or "nothing"


def _said(what: str, words: Any) -> str:
    return f", {what} {_list(words)}" if words else ""


def _how(share: Any) -> str:
    under = f", under {share.under}" if share.under else ""
    return f" (share {share.id}{under}{', may be passed on' if share.pass_on else ''})"
