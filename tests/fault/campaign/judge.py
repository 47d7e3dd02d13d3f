"""What users saw and services left, judged by the logs: refusals that nothing excuses, ends that did not arrive.

Pure, as check.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.fault.campaign.check import SECOND, LogWatch, said


def left_at_token(identity: LogWatch, policy: LogWatch, token: LogWatch) -> list[str]:
    """What identity ended or policy recalled and token, whose reactions have had their time, did not end."""
    all_of = {one.subject for one in token.subjects if one.before is None}
    wrong = [
        f"access of {one} was recalled at {at}, and its tokens not" for at, one in policy.recalled if one not in all_of
    ]
    for (event, id_), row in identity.facts.items():
        match event:
            case "session.ended":
                ended = ("session.revoked", id_) in token.facts
            case "account.disabled" | "credential.changed":
                # A change in a session begins with the session's own event, and its position is what is named.
                ended = any(one.subject == id_ and (one.before or 0) >= row.position - 1 for one in token.subjects)
            case _:
                continue
        if not ended:
            wrong.append(f"{event} of {id_} stands at identity, and what it ends has not ended at token")
    return wrong


@dataclass(frozen=True, slots=True)
class Refused:
    """A user who followed the rules was told to log in anew. Times in s; `ready` is when the process that it asked was
    last seen to become ready. `key_id` derived what was presented."""

    family_id: str
    session_id: str
    subject: str
    presented: int
    asked: str
    heard: float
    ready: float
    key_id: str


@dataclass(frozen=True, slots=True)
class Judged:
    """Refusals that were somebody's wish, that a long cut cost, and that break the promise."""

    wished: int
    cost: int
    wrong: list[str]


def judge_refusals(
    refused: Iterable[Refused],
    log: LogWatch,
    wished: frozenset[str],
    long_cuts: Sequence[tuple[float, float]],
    leeway: float,
) -> Judged:
    """`wished` are the sessions, families and subjects that somebody asked to end; `long_cuts` are spans of time.

    Whose key was dropped was refused by somebody's wish, too.
    """
    wishes, cost, wrong = 0, 0, []
    for one in refused:
        if {one.family_id, one.session_id, one.subject} & wished or _lost_its_key(log, one.family_id, one.key_id):
            wishes += 1
            continue
        rotated = _given(log, one)
        if rotated is None:
            wrong.append(f"{one.family_id}: generation {one.presented} was refused, and had not been used")
        elif one.heard - max(rotated, one.ready) < leeway:
            since = one.heard - max(rotated, one.ready)
            wrong.append(f"{one.family_id}: generation {one.presented} was refused by {one.asked} after {since:.1f} s")
        elif not any(begun <= one.heard and rotated <= ended for begun, ended in long_cuts):
            wrong.append(f"{one.family_id}: generation {one.presented} was refused, and nothing was cut for long")
        else:
            cost += 1
    return Judged(wishes, cost, wrong)


def _given(log: LogWatch, one: Refused) -> float | None:
    """When the successor of what was presented was given (s)."""
    given = log.generations.get(one.family_id, [])
    return given[one.presented] / SECOND if one.presented < len(given) else None


def _lost_its_key(log: LogWatch, family_id: str, key_id: str) -> bool:
    """Whether the key of a family, or of an older token of it, was dropped."""
    ended = log.facts.get(("family.revoked", family_id))
    dropped = ended is not None and said(ended)["reason"] == "refresh_key_compromised"
    return dropped or ("key.compromised", key_id) in log.facts


def missed_reuse(log: LogWatch, replayed: Mapping[str, str]) -> list[str]:
    """Families that nobody ended as stolen though an old token, derived by that key, was replayed, and refused."""
    return [
        f"{family_id}: an old token was replayed, and no reuse detected"
        for family_id, key_id in replayed.items()
        if family_id not in log.reused and not _lost_its_key(log, family_id, key_id)
    ]


def unforeseen_reuse(log: LogWatch, provoked: Iterable[str], excused: Iterable[str]) -> list[str]:
    """Families that were ended as stolen though nobody replayed an old token."""
    odd = log.reused.keys() - set(provoked) - set(excused)
    return [f"reuse was detected in {family_id} at {log.reused[family_id]}, and nobody replayed" for family_id in odd]
