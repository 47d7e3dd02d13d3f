"""What the shipped policies say where no other has a say: they look at no names, so it is the same for all like it."""

from functools import cache, lru_cache

import msgspec

from services.policy.domain.asked import EVERYTHING
from services.policy.domain.case import Case
from services.policy.domain.rules.engine import Asked, Rules, Verdict

KINDS = 10_000
SOMEBODY = ("account", "somebody")
Label = tuple[int, tuple[str, ...]]


class Kind(msgspec.Struct, frozen=True):
    """All that the shipped policies look at: whether there is a role, an owner, a share that permits it; the labels."""

    grants: tuple[str, ...]
    reads: bool
    writes: bool
    subject_label: Label
    resource_label: Label


def usually(case: Case) -> Verdict:
    """Raises RuntimeError where Cedar could not evaluate them."""
    found = {"roles": case.roles, "owners": case.owners, "shares": case.shares}
    subject, resource = case.subject_label, case.resource_label
    return _said(
        Kind(
            tuple(name for name, grounds in found.items() if grounds),
            case.reads,
            case.writes,
            (subject.level, subject.categories),
            (resource.level, resource.categories),
        )
    )


@lru_cache(maxsize=KINDS)
def _said(kind: Kind) -> Verdict:
    verdict = _shipped().evaluate(_asked(kind))
    if verdict.failed:
        raise RuntimeError(f"not evaluated: {verdict.failed}")
    return verdict


@cache
def _shipped() -> Rules:
    return Rules([])


def _asked(kind: Kind) -> Asked:
    grants = {name: {"type": "grant", "id": name} for name in kind.grants}
    given = {name: [{"__entity": grants[name]}] if name in grants else [] for name in ("roles", "owners", "shares")}
    context = {
        "now": 0,
        "reads": kind.reads,
        "writes": kind.writes,
        "subject_label": {"level": kind.subject_label[0], "categories": kind.subject_label[1]},
        "resource_label": {"level": kind.resource_label[0], "categories": kind.resource_label[1]},
        "given": {},
        **given,
    }
    type_, id_ = SOMEBODY
    somebody = {"uid": {"type": type_, "id": id_}, "attrs": {}, "parents": list(grants.values())}
    return Asked(SOMEBODY, "any", EVERYTHING, context, [somebody])
