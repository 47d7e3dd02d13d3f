"""Cedar's text as tokens and statements with their places: the parser says what is wrong, but not where."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

import msgspec

POLICIES, SCHEMA = "policies", "schema"
MAX_NUMBER = 2**63
MAX_DEPTH = 32
MAX_OPERATORS = 400
"""In one statement. Cedar's parser recurses, and a text that is nested a thousand deep would end the process."""

_TOKEN = re.compile(
    r"""(?P<skip>[^\S\x1c-\x1f]++|//[^\n\r]*+)
      | (?P<text>"(?:\\.|[^"\\])*+")
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*+)
      | (?P<number>[0-9]++)
      | (?P<slot>\?[A-Za-z_][A-Za-z0-9_]*+)
      | (?P<mark>::|==|!=|<=|>=|&&|\|\||[@.,;:(){}\[\]<>+*/%!=?-])
      | (?P<open>".*+)
      | (?P<bad>.)""",
    re.VERBOSE | re.DOTALL,
)
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_FLAT = frozenset({",", ";", ":", "::", ")", "]", "}"})
_WORDS = frozenset({"if", "like", "has", "in", "is"})


class Problem(msgspec.Struct, frozen=True, order=True):
    """What is wrong in a text (`policies` or `schema`), where (from 1, columns in characters), and what to do."""

    part: str
    line: int
    column: int
    what: str
    advice: str = ""

    def __str__(self) -> str:
        advice = f": {self.advice}" if self.advice else ""
        return f"{self.part}, line {self.line}, column {self.column}: {self.what}{advice}"


class Token(msgspec.Struct, frozen=True):
    """`kind` is text (a quoted one), name, number, slot, mark; open (a text that does not end) or bad."""

    kind: str
    text: str
    start: int
    end: int


class Statement(msgspec.Struct, frozen=True):
    """What ends with `;`: a policy, or a declaration. The last may lack it."""

    tokens: tuple[Token, ...]
    text: str

    @property
    def complete(self) -> bool:
        return self.tokens[-1].text == ";"


class Source:
    """A text, its statements, and where each token stands."""

    def __init__(self, part: str, text: str) -> None:
        self.part = part
        self.text = text
        self.statements = tuple(_statements(text))
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]

    def problem(self, offset: int, what: str, advice: str = "") -> Problem:
        """What is wrong at a character of the text."""
        line = bisect_right(self._lines, offset)
        return Problem(self.part, line, offset - self._lines[line - 1] + 1, what, advice)

    def unreadable(self, statement: Statement) -> list[Problem]:
        """What may not be handed to a parser: characters that begin no token, and what is nested too deeply."""
        unread = ((token, _unread(token)) for token in statement.tokens)
        bad = [self.problem(token.start, *said) for token, said in unread if said is not None]
        deep = _too_deep(statement.tokens)
        if deep is not None:
            bad.append(self.problem(deep.start, "this is too long or nested too deeply", "make several policies of it"))
        return bad


def tokens(text: str) -> Iterator[Token]:
    """All but white space and comments. Every character is in a token or is one of these."""
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "bad"
        if kind != "skip":
            yield Token(kind, found.group(), found.start(), found.end())


def joined(tokens: Sequence[Token]) -> str:
    """A text of these tokens, which means what they meant."""
    return " ".join(token.text for token in tokens)


def closed(tokens: Sequence[Token]) -> str:
    """A statement that begins with these tokens, with its brackets closed."""
    closing: list[str] = []
    for token in tokens:
        if token.kind == "mark" and token.text in _PAIRS:
            closing.append(_PAIRS[token.text])
        elif token.kind == "mark" and closing and token.text == closing[-1]:
            closing.pop()
    return f"{joined(tokens)} {' '.join(reversed(closing))} ;"


def shown(text: str) -> str:
    """A piece of somebody's text, in a message: short, and printable."""
    short = text if len(text) <= 60 else text[:59] + "…"
    return "".join(one if one.isprintable() else "·" for one in short)


def _statements(text: str) -> Iterator[Statement]:
    gathered: list[Token] = []
    for token in tokens(text):
        gathered.append(token)
        if token.text == ";":
            yield _statement(text, gathered)
            gathered = []
    if gathered:
        yield _statement(text, gathered)


def _statement(text: str, gathered: Sequence[Token]) -> Statement:
    return Statement(tuple(gathered), text[gathered[0].start : gathered[-1].end])


def _unread(token: Token) -> tuple[str, str] | None:
    if token.kind == "open":
        return "a text begins here and does not end", 'a " is missing'
    if token.kind == "number" and (len(token.text) > 19 or int(token.text) > MAX_NUMBER):
        return f"the number {shown(token.text)} is too large", f"at most {MAX_NUMBER - 1}"
    if token.kind != "bad":
        return None
    return f"the character {shown(token.text)!r} has no meaning here", "texts stand in double quotes"


def _too_deep(tokens: Sequence[Token]) -> Token | None:
    depth = operators = 0
    for token in tokens:
        depth += _deeper(token)
        operators += (token.kind == "mark" and token.text not in _FLAT) or token.text in _WORDS
        if depth > MAX_DEPTH or operators > MAX_OPERATORS:
            return token
    return None


def _deeper(token: Token) -> int:
    if token.kind != "mark":
        return 0
    return (token.text in _PAIRS) - (token.text in _PAIRS.values())
