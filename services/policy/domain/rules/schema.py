"""An organization's additions to the schema: what Cedar refuses, and what it would take but no question ever is."""

import re
from collections.abc import Iterable, Iterator

import cedarpy

from services.policy.domain.entities import ACCOUNT, CLIENT, is_action_pattern
from services.policy.domain.rules import shipped
from services.policy.domain.rules.declarations import Declared, declared, plain
from services.policy.domain.rules.places import missing, named, unexpected
from services.policy.domain.rules.text import SCHEMA, Problem, Source, Statement, shown

SERVICE = "service"
SUBJECTS = (ACCOUNT, CLIENT, SERVICE)
MAX_REPAIRS = 50

_TYPE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_SAID = "error parsing schema: "
_UNRESOLVED = re.compile(r"failed to resolve types?: (.+)")
_UNDECLARED = re.compile(r"undeclared actions?: (.+)")


def whole(schema: str) -> str:
    """The shipped schema with an organization's additions."""
    given = any(one.kind == "type" and one.names[0].text == "Given" for one in declared(Source(SCHEMA, schema)))
    return f"{shipped.SCHEMA}{'' if given else shipped.GIVEN}{schema}"


def says(text: str) -> str | None:
    """What Cedar says against a schema."""
    try:
        cedarpy.Schema.from_str(text, release_gil=True)
    except ValueError as error:
        return str(error).removeprefix(_SAID)
    return None


def problems(source: Source) -> list[Problem]:
    """All that is wrong in the additions."""
    spaced = [one.tokens[0] for one in source.statements if one.tokens[0].text == "namespace"]
    if spaced:
        return [
            source.problem(spaced[0].start, "types and actions have no namespaces here", "declare them without one")
        ]
    found = [problem for one in source.statements for problem in source.unreadable(one) or _grammar(source, one)]
    if found:
        return found
    said = list(_meaning(source))
    places = {(one.line, one.column) for one in said}
    return [*said, *(one for one in _strict(source) if (one.line, one.column) not in places)]


def _grammar(source: Source, statement: Statement) -> Iterator[Problem]:
    tokens = statement.tokens
    if not statement.complete:
        yield source.problem(tokens[-1].end, "the text ends within a declaration", "it ends with ;")
    elif (at := unexpected(tokens, says)) is not None:
        mark = missing(tokens, at, says)
        yield source.problem(
            tokens[at].start, f"{shown(tokens[at].text)} is not expected here", f"a {mark} may be missing" * bool(mark)
        )


def _meaning(source: Source) -> Iterator[Problem]:
    """What Cedar says of the whole. It says one thing at a time: what is missing is given, and it is asked again."""
    text = whole(source.text)
    for _ in range(MAX_REPAIRS):
        said = says(text)
        if said is None:
            return
        yield from _placed(source, said)
        repair = _repaired(said)
        if not repair:
            return
        text += repair


def _placed(source: Source, said: str) -> Iterator[Problem]:
    tokens = tuple(token for statement in source.statements for token in statement.tokens)
    if not tokens:
        return
    for what, message, advice in _each(said):
        at = named(Statement(tokens, source.text), message, lambda _: None)
        if "declared twice" in said:
            again = tokens[at].text.strip('"')
            at = max(place for place, token in enumerate(tokens) if token.text.strip('"') == again)
        yield source.problem(tokens[at].start, what, advice)


def _each(said: str) -> Iterator[tuple[str, str, str]]:
    """What is said of each name apart, how it is found in the text, and what to do."""
    if found := _UNRESOLVED.match(said):
        yield from (
            (f"there is no type {one}", f"`{one}`", f"declare it: entity {one};") for one in found[1].split(", ")
        )
    elif found := _UNDECLARED.match(said):
        names = [one.removeprefix("Action::") for one in found[1].split(", ")]
        yield from ((f"there is no action {one}", f"`{one}`", f"declare it: action {one};") for one in names)
    else:
        taken = "it may be one of the shipped ones: choose another name" if "declared twice" in said else ""
        yield said.replace("`", ""), said.replace("Action::", ""), taken


def _repaired(said: str) -> str:
    if found := _UNRESOLVED.match(said):
        return "".join(f"entity {one};" for one in found[1].split(", ") if _TYPE.fullmatch(one.lower()))
    if found := _UNDECLARED.match(said):
        return "".join(f"action {one.removeprefix('Action::')};" for one in found[1].split(", "))
    return ""


def _strict(source: Source) -> Iterator[Problem]:
    additions = declared(source)
    actions = [plain(name) for one in [*declared(_SHIPPED), *additions] if one.kind == "action" for name in one.names]
    for one in additions:
        if one.kind == "entity":
            yield from _entity(source, one)
        elif one.kind == "action":
            yield from _action(source, one, actions)


def _entity(source: Source, one: Declared) -> Iterator[Problem]:
    for name in one.names:
        if not _TYPE.fullmatch(name.text):
            what = f"no subject and no resource has the type {shown(name.text)}"
            yield source.problem(name.start, what, "a type is a lowercase word of letters, digits and _")
    if one.attributes is not None:
        yield source.problem(
            one.attributes.start, "things have no attributes here", "what a caller says of them is in context.given"
        )


def _action(source: Source, one: Declared, actions: Iterable[str]) -> Iterator[Problem]:
    yield from _parents(source, one, actions)
    for name in one.names:
        if one.applies is not None and "*" in name.text:
            yield source.problem(one.applies.start, f"nobody asks for {plain(name)}", "leave appliesTo out")
    for who in one.principals:
        if who.text not in SUBJECTS:
            what = f"a {shown(who.text)} asks for nothing"
            yield source.problem(who.start, what, f"only {', '.join(SUBJECTS)} do")
    if one.applies is not None and [token.text for token in one.context] != ["Asked"]:
        place = one.context[0] if one.context else one.applies
        yield source.problem(place.start, "the context of every question is Asked", "say context: Asked")


def _parents(source: Source, one: Declared, actions: Iterable[str]) -> Iterator[Problem]:
    """An action is in those of its own name and in no other; else policies would be checked for other actions."""
    under = [plain(parent) for parent in one.under]
    for name in one.names:
        action = plain(name)
        if not is_action_pattern(action):
            yield source.problem(name.start, f"{shown(name.text)} is no action", 'actions are such as "a.b" or "a.*"')
            continue
        above = [pattern for pattern in _above(action) if pattern in actions]
        for parent, token in zip(under, one.under, strict=True):
            if parent not in above:
                what = f"{action} is not in {shown(parent)}"
                yield source.problem(token.start, what, "an action is in a.* and * by its name alone")
        if above and above[0] not in under:
            yield source.problem(name.start, f"{action} is in {above[0]}", f'say in ["{above[0]}"]')


def _above(action: str) -> list[str]:
    """The patterns that an action or pattern lies in, the longest first."""
    parts = action.removesuffix("*").removesuffix(".").split(".") if action != "*" else []
    longest = len(parts) - 1
    above = [".".join((*parts[:length], "*")) for length in range(longest, 0, -1)]
    return [*above, *(["*"] if action != "*" else [])]


_SHIPPED = Source(SCHEMA, shipped.SCHEMA)
