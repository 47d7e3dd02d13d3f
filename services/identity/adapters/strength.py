"""How hard a password is to guess, by zxcvbn. Importing it reads its lists of words."""

from collections.abc import Collection
from dataclasses import dataclass
from threading import Lock

from zxcvbn import zxcvbn
from zxcvbn.matching import L33T_TABLE

# What zxcvbn looks at. Its time grows with the square of the length, times the ways to read signs as letters: hundreds
# where all of them stand there. Whoever types more than this is strong by the rest.
LOOKED_AT = 40
SIGNS = 8
OURS = ("watchword",)
_ALONE = Lock()
"""zxcvbn keeps the hints of the last call for all threads."""
_PRIVATE_USE = 0xE000
_READ_AS_LETTERS = frozenset(sign for signs in L33T_TABLE.values() for sign in signs)


@dataclass(frozen=True, slots=True)
class Judged:
    """`score` from 0, guessed at once, to 4. `why` it is easy to guess, where that is known."""

    score: int
    why: str


def judge(password: str, hints: Collection[str]) -> Judged:
    """Judges a password by its beginning; `hints` are what is known of whoever chose it."""
    with _ALONE:
        judged = zxcvbn(looked_at(password), user_inputs=[*hints, *OURS])
    return Judged(judged["score"], judged["feedback"]["warning"])


def looked_at(password: str) -> str:
    """The beginning by which a password is judged: short, and with few signs that can be read as letters.

    The others stand there as characters that are nothing but themselves.
    """
    beginning = password[:LOOKED_AT]
    signs = [char for char in dict.fromkeys(beginning) if char in _READ_AS_LETTERS]
    return beginning.translate({ord(sign): _PRIVATE_USE + ord(sign) for sign in signs[SIGNS:]})
