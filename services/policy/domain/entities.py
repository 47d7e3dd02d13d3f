"""What a question is about: subjects, resources and actions, and how they are spelled."""

import re
from functools import lru_cache
from typing import Any

import msgspec

_TYPE = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_ACTION = re.compile(r"[A-Za-z0-9_:/-]+(\.[A-Za-z0-9_:/-]+)*")
MAX_ID = 256
MAX_ID_BYTES = 3 * MAX_ID
"""Three bytes hold any character of the languages that live: an assignment names two ids, and an index takes 2.7 kB."""
MAX_ACTION = 128
SPELLINGS = 10_000
"""Types and actions of which it is remembered whether they are well-formed."""

ACCOUNT = "account"
CLIENT = "client"
SERVICE = "service"


class Entity(msgspec.Struct, frozen=True):
    """A subject or a resource, such as account/acc_1 or document/7. Ids are opaque: up to 256 printable characters, and
    768 bytes.
    """

    type: str
    id: str

    @classmethod
    def of(cls, text: str) -> "Entity":
        """Of `type/id`."""
        type_, _, id_ = text.partition("/")
        return cls(type_, id_)

    def __str__(self) -> str:
        return f"{self.type}/{self.id}"

    @property
    def well_formed(self) -> bool:
        good = 0 < len(self.id) <= MAX_ID and self.id.isprintable() and len(self.id.encode()) <= MAX_ID_BYTES
        return good and _is_type(self.type)


class Question(msgspec.Struct, frozen=True):
    """May `subject` do `action` on `resource` (everything, where None)?

    `session_id` is the session in which it acts, `token_position` the position of token's log at which its token was
    issued; `acr`, `amr` and `auth_time` (µs since 1970) are what the token says of the login. `vouched`: a token that
    was verified names the session, which may be too new to be known. `given` is what the caller says besides, as
    JSON, for policies to look at; nobody has checked it.
    """

    subject: Entity
    action: str
    resource: Entity | None = None
    session_id: str | None = None
    token_position: int | None = None
    acr: str = ""
    amr: tuple[str, ...] = ()
    auth_time: int = 0
    vouched: bool = False
    given: dict[str, Any] = {}

    @property
    def well_formed(self) -> bool:
        return (
            self.subject.well_formed
            and is_action(self.action)
            and (self.resource is None or self.resource.well_formed)
            and (self.session_id is None or 0 < len(self.session_id) <= MAX_ID)
        )


@lru_cache(maxsize=SPELLINGS)
def _is_type(text: str) -> bool:
    return _TYPE.fullmatch(text) is not None


@lru_cache(maxsize=SPELLINGS)
def is_action(text: str) -> bool:
    """Whether it is the name of one action: parts of `[A-Za-z0-9_:/-]` joined by dots, at most 128 characters."""
    return len(text) <= MAX_ACTION and _ACTION.fullmatch(text) is not None


def is_thing(text: str) -> bool:
    """Whether it spells an entity."""
    return Entity.of(text).well_formed


def is_action_pattern(text: str) -> bool:
    """Whether it may stand in a role: an action, `*` for all, or `a.b.*` for all that begin with `a.b.`."""
    return text == "*" or is_action(text.removesuffix(".*"))
