"""What is wrong in an organization's policies: all of it, with its place and what to do. Values in, values out."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import cedarpy
import msgspec

from eventlog.errors import Kind, Refusal
from services.policy.domain.rules import schema as schemas
from services.policy.domain.rules import shipped
from services.policy.domain.rules.declarations import declared, plain
from services.policy.domain.rules.places import missing, named, unexpected
from services.policy.domain.rules.scopes import Json, Policy, read
from services.policy.domain.rules.text import POLICIES, SCHEMA, Problem, Source, Statement, joined, shown

MAX_BYTES = 256 * 1024
MAX_SCHEMA_BYTES = 64 * 1024
MAX_POLICIES = 2_000
MAX_PROBLEMS = 100
MAX_IN_ONE = 20
MAX_SUMMARY = 2_000
AT_ONCE = 25
"""Policies that Cedar reads while no other thread goes on."""

_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 _.:/-]{0,62}[A-Za-z0-9])?")
_NEVER = "nothing_has_this"
_POLICY = re.compile(r"^for policy `policy\d+`, ")
_WHERE = re.compile(r' for Action::"[^"]*"| on entity type `[^`]*`')


class RulesInvalid(Refusal):
    """`policy_invalid`, or `schema_invalid` where the schema is wrong. `problems` says all that is, in order."""

    def __init__(self, found: Sequence[Problem]) -> None:
        code = "schema_invalid" if any(one.part == SCHEMA for one in found) else "policy_invalid"
        super().__init__(Kind.INVALID, code, _summary(found))
        self.problems = tuple(found)


def _summary(found: Sequence[Problem]) -> str:
    """A line for each, as far as they fit into what a status of gRPC may say."""
    lines: list[str] = []
    for one in map(str, found):
        if sum(map(len, lines)) + len(one) > MAX_SUMMARY:
            return "\n".join([*lines, f"and {len(found) - len(lines)} more"])
        lines.append(one)
    return "\n".join(lines)


def problems(policies: str, schema: str) -> list[Problem]:
    """All that is wrong, in the order of the text, at most a hundred; empty where they can be activated."""
    found = [*_too_large(POLICIES, policies, MAX_BYTES), *_too_large(SCHEMA, schema, MAX_SCHEMA_BYTES)]
    if not found:
        source, additions = Source(POLICIES, policies), Source(SCHEMA, schema)
        found = [*_too_many(source)] or [*(wrong := schemas.problems(additions)), *_policies(source, additions, wrong)]
        found = found or _unread(source)
    return sorted(set(found), key=lambda one: (one.part != SCHEMA, one))[:MAX_PROBLEMS]


def parsed(policies: str) -> list[Policy]:
    """The policies of a text in which nothing is wrong. Raises ValueError."""
    statements = Source(POLICIES, policies).statements
    some = [statements[first : first + AT_ONCE] for first in range(0, len(statements), AT_ONCE)]
    each = [json for one in some for json in _each("\n".join(statement.text for statement in one), len(one))]
    ids = [_id(number, one) for number, one in enumerate(each)]
    return [read(name, one.text, json) for name, one, json in zip(ids, statements, each, strict=True)]


def _each(text: str, count: int) -> list[Json]:
    found = _json(text)["staticPolicies"]
    if len(found) != count:
        raise ValueError("Cedar reads other policies here than were judged")
    return [found[f"policy{number}"] for number in range(count)]


def _unread(source: Source) -> list[Problem]:
    """What is nothing by each policy, and yet is something by the whole text."""
    try:
        _each(source.text, len(source.statements))
    except ValueError as error:
        return [source.problem(0, _shown_message(str(error)))]
    return []


def _too_large(part: str, text: str, limit: int) -> Iterator[Problem]:
    if len(text) > limit or len(text.encode(errors="replace")) > limit:
        yield Problem(part, 1, 1, f"at most {limit} bytes", "say as facts what policies need not")


def _too_many(source: Source) -> Iterator[Problem]:
    if len(source.statements) > MAX_POLICIES:
        yield source.problem(0, f"at most {MAX_POLICIES} policies", "say as facts what policies need not")


def _policies(source: Source, additions: Source, wrong_schema: Sequence[Problem]) -> Iterator[Problem]:
    right: dict[Statement, Json] = {}
    for statement in source.statements:
        wrong = source.unreadable(statement) or list(_grammar(source, statement))
        yield from wrong
        if not wrong:
            right[statement] = _json(statement.text)
    yield from _ids(source, right)
    if right and not wrong_schema:
        judged = [one for one, json in right.items() if json["staticPolicies"]]
        yield from _meaning(source, judged, schemas.whole(additions.text))


def _grammar(source: Source, statement: Statement) -> Iterator[Problem]:
    """A parser stops at the first thing; what it does not know is given another name, so that it goes on."""
    tokens = list(statement.tokens)
    if not statement.complete:
        yield source.problem(tokens[-1].end, "the text ends within a policy", "it ends with ;")
        return
    slot = next((one for one in tokens if one.kind == "slot"), None)
    if slot is not None:
        yield source.problem(slot.start, "templates are not linked here", "name the entity in the place of the slot")
        return
    if (at := unexpected(tokens, _says)) is not None:
        mark = missing(tokens, at, _says)
        advice = f"a {mark} is missing before it" if mark else ""
        yield source.problem(tokens[at].start, f"{shown(tokens[at].text)} is not expected here", advice)
        return
    yield from _words(source, statement)


def _words(source: Source, statement: Statement) -> Iterator[Problem]:
    places: set[int] = set()
    while len(places) < MAX_IN_ONE and (said := _says(joined(statement.tokens))) is not None:
        at = named(statement, said, _says)
        if at in places:
            return
        places.add(at)
        token = statement.tokens[at]
        yield source.problem(token.start, _shown_message(said), _advice(said, ()))
        known = next((known for word, known in _KNOWN.items() if word in said), None)
        if known is None or token.kind != "name":
            return
        tokens = (*statement.tokens[:at], msgspec.structs.replace(token, text=known), *statement.tokens[at + 1 :])
        statement = Statement(tokens, statement.text)


_KNOWN = {"invalid variable": "context", "valid function": "ip", "valid method": "contains"}


def _ids(source: Source, right: Mapping[Statement, Json]) -> Iterator[Problem]:
    taken = {_id(number, one) for number, one in enumerate(_json(shipped.POLICIES)["staticPolicies"].values())}
    shipped_ids = frozenset(taken)
    for number, statement in enumerate(source.statements):
        for json in right.get(statement, {}).get("staticPolicies", {}).values():
            name, place = _id(number, json), _id_place(statement)
            if not _ID.fullmatch(name):
                yield source.problem(place, f"{shown(name)!r} is no id", "up to 64 letters, digits and _.:/- within")
            elif name in shipped_ids:
                yield source.problem(place, f"{name} is the name of a shipped policy", "choose another id")
            elif name in taken:
                yield source.problem(place, f"another policy has the id {name}", "choose another id")
            taken.add(name)


def _id(number: int, json: Json) -> str:
    """What `@id` says, else the policy's place in the text, from 1."""
    annotations = json.get("annotations", {})
    return str(annotations["id"] or "") if "id" in annotations else f"policy-{number + 1}"


def _id_place(statement: Statement) -> int:
    texts = [one.text for one in statement.tokens]
    at = next((at for at in range(len(texts) - 1) if texts[at : at + 2] == ["@", "id"]), 0)
    return statement.tokens[at].start


def _meaning(source: Source, statements: Sequence[Statement], schema: str) -> Iterator[Problem]:
    """What the validator says against policies whose grammar is right."""
    compiled = cedarpy.Schema.from_str(schema)
    said = _validated([one.text for one in statements], compiled)
    for number in sorted(said):
        yield from _said(source, statements[number], said[number], compiled, schema)
    rest = [one for number, one in enumerate(statements) if number not in said]
    probed = _validated([f"{one.text[:-1]} when {{ context.{_NEVER} }};" for one in rest], compiled)
    for number, statement in enumerate(rest):
        if number not in probed:
            place = statement.tokens[_effect(statement)].start
            what = "this policy never applies"
            yield source.problem(place, what, "no question that the schema knows fulfils its scope and conditions")


def _validated(texts: Sequence[str], compiled: cedarpy.Schema) -> dict[int, set[str]]:
    """What is said against each, by its number."""
    result = cedarpy.validate_policies("\n".join(texts), compiled, release_gil=True)
    said: dict[int, set[str]] = {}
    for error in result.errors:
        said.setdefault(int(error.policy_id.removeprefix("policy")), set()).add(_plain(error.error))
    return said


def _plain(error: str) -> str:
    """Without policy, action and type: what is wrong for one action is said once, though it be wrong for ten."""
    return _WHERE.sub("", _POLICY.sub("", error))


def _said(
    source: Source, statement: Statement, said: set[str], compiled: cedarpy.Schema, schema: str
) -> Iterator[Problem]:
    unknown = any("unrecognized" in one for one in said)
    names = [plain(name) for one in declared(Source(SCHEMA, schema)) for name in one.names]
    for message in sorted(said)[:MAX_IN_ONE]:
        if unknown and "unable to find an applicable action" in message:
            continue

        def says(text: str, message: str = message) -> str | None:
            if _says(text) is not None:
                return None
            return message if message in _validated([text], compiled).get(0, ()) else None

        at = named(statement, message, says)
        if "applicable action" in message:
            at = _effect(statement)
        yield source.problem(statement.tokens[at].start, _shown_message(message), _advice(message, names))


def _effect(statement: Statement) -> int:
    texts = [one.text for one in statement.tokens]
    return next((at for at, text in enumerate(texts) if text in ("permit", "forbid") and texts[at + 1] == "("), 0)


def _shown_message(said: str) -> str:
    return "".join(one if one.isprintable() else "·" for one in said.replace("`", ""))[:300]


def _advice(message: str, names: Sequence[str]) -> str:
    unknown = re.search(r"unrecognized (?:entity type|action) `(?:Action::)?\"?([^`\"]+)", message)
    if unknown:
        near = get_close_matches(unknown[1], names, 1)
        return f"did you mean {near[0]}?" if near else "declare it in the schema"
    return next((advice for part, advice in _ADVICE.items() if part in message), "")


_ADVICE = {
    "optional attribute": "ask first whether it is there: context has acr && context.acr == …",
    "in context not found": "the context has what docs/policy.md says; what callers say is in context.given",
    "applicable action": "no action of the schema is for such a subject and resource",
    "invalid variable": "there are principal, action, resource and context; texts stand in double quotes",
    "empty set": "ask a set whether it isEmpty()",
    "not compatible": "both sides are of one type",
    "non-literal": "what a caller gives as an address, a decimal or a time is declared so in the schema's Given",
    "not a valid operator": "compare with ==",
}


def _says(text: str) -> str | None:
    try:
        cedarpy.policies_to_json_str(text)
    except ValueError as error:
        return str(error)
    return None


def _json(text: str) -> Any:
    return msgspec.json.decode(cedarpy.policies_to_json_str(text))
