"""What somebody has wherever it may hold: groups, and the roles that they and those were given."""

from collections.abc import Iterable, Mapping, Sequence

from services.policy.domain.facts import (
    ACTIONS,
    EXCLUSIONS,
    Assignment,
    Facts,
    Holding,
    Membership,
    assignments,
    memberships,
    stands,
)
from services.policy.domain.reach import excluded, groups_of, inherited

Given = tuple[Assignment, Mapping[str, str]]
REMEMBERED = 10_000
"""Subjects; a kilobyte or two each."""


def holding(facts: Facts, subject: str, now: int) -> Holding:
    """As remembered, where that is so still. Raises Unread where facts have to be looked up first."""
    known = facts.holdings()
    there = known.get(subject)
    if there is None or now < there.since or not stands(there.until, now):
        if len(known) >= REMEMBERED:
            known.clear()
        there = known[subject] = _found(facts, subject, now)
    return there


def _found(facts: Facts, subject: str, now: int) -> Holding:
    groups = groups_of(facts, subject, now)
    holders = (subject, *groups)
    said = [one for holder in holders for one in assignments(facts, holder)]
    given = [one for one in said if stands(one.expires_at, now)]
    without = excluded(facts, {one.role for one in given})
    ends = _ends([*said, *(one for holder in holders for one in memberships(facts, holder))])
    return Holding(
        groups,
        _by_resource((one, inherited(facts, one.role, without)) for one in given),
        _streams(subject, holders),
        max((end for end in ends if end <= now), default=0),
        min((end for end in ends if end > now), default=None),
    )


def _by_resource(given: Iterable[Given]) -> Mapping[str | None, Sequence[Given]]:
    found: dict[str | None, list[Given]] = {}
    for one in given:
        found.setdefault(one[0].resource, []).append(one)
    return found


def _ends(said: Iterable[Assignment | Membership]) -> Sequence[int]:
    return [one.expires_at for one in said if one.expires_at is not None]


def _streams(subject: str, holders: Sequence[str]) -> Sequence[str]:
    about = (f"{kind}/{holder}" for holder in holders for kind in ("assignment", "membership"))
    return [*holders, *about, f"label/{subject}", EXCLUSIONS, ACTIONS]
