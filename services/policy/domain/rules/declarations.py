"""What a schema declares, read from its tokens: Cedar compiles a schema, but does not say what it holds."""

from collections.abc import Sequence

import msgspec

from services.policy.domain.rules.text import Source, Token

_ENDS = {
    "entity": ("in", "{", "=", "tags", "enum", ";"),
    "action": ("in", "appliesTo", ";", "attributes"),
    "type": ("=",),
}
_WORDS = frozenset({"in", "Action", "attributes"})


class Declared(msgspec.Struct, frozen=True):
    """One declaration: `kind` is entity, action or type; `names` what it declares, `under` what those are in."""

    kind: str
    names: tuple[Token, ...]
    under: tuple[Token, ...] = ()
    principals: tuple[Token, ...] = ()
    context: tuple[Token, ...] = ()
    applies: Token | None = None
    attributes: Token | None = None


def declared(source: Source) -> list[Declared]:
    """What is declared by statements whose grammar is right; others may be missing or half read."""
    return [one for statement in source.statements if (one := _read(statement.tokens)) is not None]


def _read(tokens: Sequence[Token]) -> Declared | None:
    rest = _unannotated(tokens)
    if len(rest) < 3 or rest[0].text not in ("entity", "action", "type"):
        return None
    kind = rest[0].text
    end = next((at for at, one in enumerate(rest) if at and one.text in _ENDS[kind]), len(rest))
    names = tuple(one for one in rest[1:end] if one.text != ",")
    if not names:
        return None
    if kind == "entity":
        opened = next((at for at, one in enumerate(rest) if one.text in ("{", "tags")), None)
        bare = opened is None or [one.text for one in rest[opened : opened + 2]] == ["{", "}"]
        return Declared(kind, names, attributes=None if bare or opened is None else rest[opened])
    if kind == "type":
        return Declared(kind, names)
    return _read_action(rest, names, end)


def _read_action(rest: Sequence[Token], names: tuple[Token, ...], end: int) -> Declared:
    opened = next((at for at, one in enumerate(rest) if one.text == "appliesTo"), None)
    under = [one for one in rest[end:opened] if one.kind == "text" or (one.kind == "name" and one.text not in _WORDS)]
    if opened is None:
        return Declared("action", names, tuple(under))
    said = {one: _value(rest[opened:], one) for one in ("principal", "context")}
    return Declared("action", names, tuple(under), said["principal"], said["context"], rest[opened])


def _value(tokens: Sequence[Token], member: str) -> tuple[Token, ...]:
    """What follows `member:`, without brackets and commas, up to the next member."""
    texts = [one.text for one in tokens]
    at = next((at for at in range(len(texts) - 1) if texts[at : at + 2] == [member, ":"]), None)
    if at is None:
        return ()
    end = next((later for later in range(at + 2, len(texts)) if texts[later] in ("}", ":")), len(texts))
    until = end - 1 if texts[end : end + 1] == [":"] else end
    return tuple(one for one in tokens[at + 2 : until] if one.text not in ("[", "]", ","))


def _unannotated(tokens: Sequence[Token]) -> Sequence[Token]:
    """Without `@name` and `@name("text")` before it."""
    while tokens and tokens[0].text == "@":
        tokens = tokens[5:] if len(tokens) > 2 and tokens[2].text == "(" else tokens[2:]
    return tokens


def plain(name: Token) -> str:
    return name.text[1:-1] if name.kind == "text" else name.text
