"""What is asked, as it is spelled: shapes, and the questions that they make.

Members that nobody knows are ignored (Authorization API 1.0, 10.1.1), but for those of `context.watchword`: a
misspelt one there would leave out what was to be looked at.
"""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec

from chassis.positions import MAX_POSITION
from eventlog.errors import Kind, Refusal
from eventlog.events import parse_rfc3339
from services.policy.domain.entities import ACCOUNT, Entity, Question
from services.policy.domain.spelled import EARLIEST, LATEST
from services.policy.queries import Moment

T = TypeVar("T")
Object = dict[str, Any]
OURS = "watchword"
"""The member of a request's `context` that is Watchword's own; policies do not see it."""
PARTS = ("subject", "action", "resource")
USER = "user"
"""What AuthZEN's clients call a subject that is an account here."""


class Thing(msgspec.Struct, frozen=True):
    """A subject or a resource (5.1, 5.2)."""

    type: str
    id: str
    properties: Object | None = None


class Sort(msgspec.Struct, frozen=True):
    """Of which type things are searched for (8.4, 8.5)."""

    type: str
    properties: Object | None = None


class Doing(msgspec.Struct, frozen=True):
    """An action (5.3)."""

    name: str
    properties: Object | None = None


class Evaluation(msgspec.Struct, frozen=True):
    """One question (6.1)."""

    subject: Thing
    action: Doing
    resource: Thing
    context: Object | None = None


class Page(msgspec.Struct, frozen=True):
    """Which part of what is found (8.2.1)."""

    token: str | None = None
    limit: int | None = None


class SubjectSearch(msgspec.Struct, frozen=True):
    """Who may (8.4)?"""

    subject: Sort
    action: Doing
    resource: Thing
    context: Object | None = None
    page: Page | None = None


class ResourceSearch(msgspec.Struct, frozen=True):
    """On what may it (8.5)?"""

    subject: Thing
    action: Doing
    resource: Sort
    context: Object | None = None
    page: Page | None = None


class ActionSearch(msgspec.Struct, frozen=True):
    """What may it do there (8.6)?"""

    subject: Thing
    resource: Thing
    context: Object | None = None
    page: Page | None = None


Search = SubjectSearch | ResourceSearch | ActionSearch


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    position: int


class Ours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`context.watchword`: the subject's token, or what is known of it; and another time than now.

    A token that is there and empty is refused: whoever sends one lacks it, and means nobody else.
    """

    access_token: Annotated[str, msgspec.Meta(min_length=1)] = ""
    session_id: str | None = None
    token_position: int | None = None
    as_of: str | Position | None = None


class Asked(msgspec.Struct, frozen=True):
    """A question, the token whose subject it is about (empty: what it says itself), and when (None: now)."""

    question: Question
    token: str = ""
    moment: Moment | None = None


def read(body: bytes, shape: type[T]) -> T:
    """Raises Refusal `invalid_request`, `malformed_json`."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise wrong(str(error)) from None
    except (msgspec.DecodeError, RecursionError):
        raise Refusal(Kind.INVALID, "malformed_json", "the body is not JSON that is read here") from None


def shaped(said: Any, shape: type[T]) -> T:
    """Of what has been read. Raises Refusal `invalid_request`."""
    try:
        return msgspec.convert(said, shape)
    except msgspec.ValidationError as error:
        raise wrong(str(error)) from None


def asked(one: Evaluation | Search) -> Asked:
    """Raises Refusal `invalid_request`. What is searched for has no name yet."""
    context = one.context or {}
    ours = ours_of(context)
    question = Question(
        subject=_subject(one.subject),
        action="" if isinstance(one, ActionSearch) else one.action.name,
        resource=_entity(one.resource),
        session_id=ours.session_id,
        token_position=_position(ours.token_position),
        given=_given(one, context, but_subject=bool(ours.access_token)),
    )
    return Asked(question, ours.access_token, moment(ours.as_of))


def ours_of(context: Object) -> Ours:
    """Raises Refusal `invalid_request`."""
    said = context.get(OURS)
    return Ours() if said is None else shaped(said, Ours)


def moment(as_of: str | Position | None) -> Moment | None:
    """Raises Refusal `invalid_request`."""
    match as_of:
        case None:
            return None
        case Position(position):
            return Moment(0, _position(position))
    try:
        time = parse_rfc3339(as_of)
    except (ValueError, TypeError, OverflowError):
        time = -1
    if not EARLIEST <= time <= LATEST:
        raise wrong('as_of is a time such as "2031-01-31T12:00:00Z", or {"position": 17}')
    return Moment(time)


def wrong(detail: str) -> Refusal:
    """The request is none (10.1.2: 400)."""
    return Refusal(Kind.INVALID, "invalid_request", detail[:300])


def subject_type(said: str) -> str:
    """The type of subjects that a client means."""
    return ACCOUNT if said == USER else said


def _subject(thing: Thing | Sort) -> Entity:
    return msgspec.structs.replace(_entity(thing), type=subject_type(thing.type))


def _entity(thing: Thing | Sort) -> Entity:
    return Entity(thing.type, thing.id if isinstance(thing, Thing) else "")


def _position(position: int | None) -> int | None:
    if position is not None and not 0 <= position <= MAX_POSITION:
        raise wrong(f"a position is 0 to {MAX_POSITION}")
    return position


def _given(one: Evaluation | Search, context: Mapping[str, Any], *, but_subject: bool) -> Object:
    """What policies see as `context.given`; of the subject nothing, where a token says who it is."""
    told = {name: value for name, value in context.items() if name not in (OURS, *PARTS)}
    for name in PARTS:
        properties = getattr(getattr(one, name, None), "properties", None)
        if properties and not (but_subject and name == "subject"):
            told[name] = {"properties": properties}
    return told
