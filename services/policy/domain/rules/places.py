"""Where a statement is wrong: found by asking the parser about parts of it, and by the names in what it says."""

import re
from collections.abc import Callable, Iterator, Sequence

from services.policy.domain.rules.text import Statement, Token, closed, joined, tokens

Says = Callable[[str], str | None]
"""What a parser says against a text; None where it says nothing."""

_END = "unexpected end of input"
_MISSING = (",", ")", ";", "}", "]", "{", "(", "==", "&&")
_AHEAD = frozenset({"when", "unless", "{", "(", "!"})
_CLAUSES = frozenset({"when", "unless"})
_UNEXPECTED = re.compile(r"unexpected token `(.+)`")
_NAMED = re.compile(r"`([^`]+)`")
MAX_CUTS = 100


def unexpected(found: Sequence[Token], says: Says) -> int | None:
    """The first token that the grammar has no place for; None where the statement is wrong in another way.

    A text that ends too early is told apart by the parser, so the shortest beginning that is wrong otherwise ends with
    that token.
    """
    below, above = 0, len(found)
    while above - below > 1:
        middle = (below + above) // 2
        if _wrong(found[:middle], says):
            above = middle
        else:
            below = middle
    said = _UNEXPECTED.search(says(joined(found)) or "")
    if above == len(found) and said is None:
        return None
    # Where the parser goes on after it, the end may come first in what it says.
    return above - 2 if said and above > 1 and found[above - 2].text == said[1] != found[above - 1].text else above - 1


def missing(found: Sequence[Token], at: int, says: Says) -> str:
    """What, put before the token, gives it a place, and if possible makes all of it right; empty where nothing does."""
    marked = {mark: [*found[:at], Token("mark", mark, 0, 0), *found[at:]] for mark in _MISSING}
    right = (mark for mark, tokens in marked.items() if says(joined(tokens)) is None)
    placed = (mark for mark, tokens in marked.items() if not _wrong(tokens[: at + 2], says))
    return next(right, None) or next(placed, "")


def named(statement: Statement, message: str, says: Says) -> int:
    """The token that the message is about: by the names in it, in the part of the statement where it first is said."""
    start, end = _part(statement.tokens, lambda text: says(text) == message)
    everywhere = list(_mentioned(statement.tokens, message))
    within = [at for at in everywhere if start <= at < end]
    if within or everywhere:
        return (within or everywhere)[0]
    while start < len(statement.tokens) - 1 and statement.tokens[start].text in _AHEAD:
        start += 1
    return start


def _wrong(found: Sequence[Token], says: Says) -> bool:
    said = says(joined(found))
    return said is not None and not said.endswith(_END)


def _part(found: Sequence[Token], said: Callable[[str], bool]) -> tuple[int, int]:
    """The stretch between two operators with which it begins to be said."""
    start = 0
    cuts = [at for at, token in enumerate(found) if token.text in ("&&", "||") or token.text in _CLAUSES]
    for cut in cuts[:MAX_CUTS]:
        if said(closed(found[:cut])):
            return start, cut
        start = cut + (found[cut].text not in _CLAUSES)
    return start, len(found)


def _mentioned(found: Sequence[Token], message: str) -> Iterator[int]:
    texts = [token.text for token in found]
    for name in _names(message):
        size = len(name)
        hits = [at for at in range(len(texts)) if texts[at : at + size] == name]
        fitting = [at for at in hits if _fits(found, at, size, message)]
        # What is said of an attribute is about its name, not about what it is an attribute of.
        yield from fitting or hits


def _names(message: str) -> Iterator[list[str]]:
    for name in [*_NAMED.findall(message), message.partition(": ")[2]]:
        split = [token.text for token in tokens(name)]
        if split:
            yield split
            yield [f'"{name}"']


def _fits(found: Sequence[Token], at: int, size: int, message: str) -> bool:
    before = found[at - 1].text if at else ""
    after = found[at + size].text if at + size < len(found) else ""
    if "attribute" in message or "method" in message:
        return before in (".", "has", "[")
    if "function" in message:
        return after == "("
    return before not in (".", "has", "@") and after not in (":", "(", "::")
