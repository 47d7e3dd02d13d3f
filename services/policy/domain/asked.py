"""A question as Cedar is asked it: entities of just what it touches, and a context of all that is known."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from services.policy.domain.actions import patterns
from services.policy.domain.case import Case, Ground
from services.policy.domain.entities import Entity, Question
from services.policy.domain.facts import Label
from services.policy.domain.rules.engine import Asked, cedar_type
from services.policy.domain.standing import Session

SECOND = 1_000_000
EVERYTHING = ("everything", "")
Json = dict[str, Any]


class Login(msgspec.Struct, frozen=True):
    """How and when (µs since 1970) the person logged in, as the session says."""

    acr: str
    amr: Sequence[str]
    auth_time: int

    @classmethod
    def of(cls, question: Question, session: Session | None) -> "Login | None":
        """By the session; by the token, where the session is so new that it is not known here."""
        said = session or question
        return cls(said.acr, said.amr, said.auth_time) if said.acr else None


def ask(case: Case, login: Login | None, now: int) -> Asked:
    """`now` is in µs since 1970 by the log's time."""
    question = case.question
    nodes = [*_nodes("role", case.roles), *_nodes("owner", case.owners), *_nodes("share", case.shares)]
    return Asked(
        _name(question.subject),
        question.action,
        _name(question.resource),
        _known(case, login, now),
        [*_subject(case, nodes), *_resource(case), _action(question.action)],
    )


def _known(case: Case, login: Login | None, now: int) -> Json:
    found: Json = {
        "now": now // SECOND,
        "amr": [] if login is None else list(login.amr),
        "reads": case.reads,
        "writes": case.writes,
        "subject_label": _label(case.subject_label),
        "resource_label": _label(case.resource_label),
        "given": case.question.given,
        **{
            f"{kind}s": [{"__entity": uid} for uid, _ in _nodes(kind, grounds)]
            for kind, grounds in (("role", case.roles), ("owner", case.owners), ("share", case.shares))
        },
    }
    if login is not None:
        found |= {"acr": login.acr, "auth_time": login.auth_time // SECOND}
    return found


def _label(label: Label) -> Json:
    return {"level": label.level, "categories": list(label.categories)}


def _nodes(kind: str, grounds: Sequence[Ground]) -> Sequence[tuple[Json, str]]:
    """For each ground the entity that stands for it, and who is in it."""
    return [({"type": "grant", "id": f"{kind} {number}"}, one.holder) for number, one in enumerate(grounds)]


def _subject(case: Case, nodes: Sequence[tuple[Json, str]]) -> Sequence[Json]:
    """The subject and its groups: in the groups by which it is in others, and in what permits."""
    return [
        _entity(
            one,
            [
                *(_uid(group) for group, member in case.groups.items() if member == one),
                *(uid for uid, holder in nodes if holder == one),
                *(_uid(place) for place in _outer(case, one)),
            ],
        )
        for one in _who(case)
    ]


def _resource(case: Case) -> Sequence[Json]:
    """Each place lies in all that come after it. One that is among the subject and its groups has been told of."""
    who = _who(case)
    return [_entity(one, [_uid(place) for place in _outer(case, one)]) for one in case.places if one not in who]


def _who(case: Case) -> Sequence[str]:
    return (str(case.question.subject), *case.groups)


def _outer(case: Case, one: str) -> Sequence[str]:
    """Where a place lies. If the resource itself is the subject or one of its groups, none of these: Cedar takes no
    circle. What lies beyond another that is one is told of the resource.
    """
    who = _who(case)
    if one not in case.places or (one in who and one != case.places[0]):
        return ()
    beyond = case.places[case.places.index(one) + 1 :]
    return [place for place in beyond if place not in who] if case.places[0] in who else beyond


def _action(action: str) -> Json:
    _, *wider = patterns(action)
    parents = [{"type": "Action", "id": pattern} for pattern in wider]
    return {"uid": {"type": "Action", "id": action}, "attrs": {}, "parents": parents}


def _entity(thing: str, parents: Sequence[Mapping[str, str]]) -> Json:
    return {"uid": _uid(thing), "attrs": {}, "parents": list(parents)}


def _uid(thing: str) -> Json:
    type_, id_ = _name(Entity.of(thing))
    return {"type": type_, "id": id_}


def _name(thing: Entity | None) -> tuple[str, str]:
    return EVERYTHING if thing is None else (cedar_type(thing.type), thing.id)
