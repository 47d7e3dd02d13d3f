"""What a subject's roles permit."""

from collections.abc import Collection, Sequence
from typing import Protocol

from services.policy.domain.entities import Entity, Question
from services.policy.domain.roles import Assignment, Role


class Holdings(Protocol):
    """Roles, and who holds them."""

    def role(self, name: str) -> Role | None: ...

    def assignments(self, subject: Entity) -> Sequence[Assignment]: ...


def permitting(question: Question, holdings: Holdings, now: int) -> list[Assignment]:
    """The assignments that permit what is asked, at `now` (µs since 1970 by the log's time)."""
    return [
        one
        for one in holdings.assignments(question.subject)
        if (one.expires_at is None or now < one.expires_at)
        and one.resource in (None, question.resource)
        and (role := holdings.role(one.role)) is not None
        and permits(role.actions, question.action)
    ]


def permits(actions: Collection[str], action: str) -> bool:
    """Whether actions (`*`: all, `a.b.*`: all that begin with `a.b.`) hold this one."""
    if "*" in actions or action in actions:
        return True
    parts = action.split(".")
    return any(".".join((*parts[:length], "*")) in actions for length in range(1, len(parts)))
