"""What users saw, judged by the log: accepted uses after a bound, refusals that nothing excuses. Pure, as check.py."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.fault.campaign.check import SECOND, LogWatch, SubjectEnded


@dataclass(frozen=True, slots=True)
class Use:
    """An access token that somebody accepted: which, who accepted it, and when the question had been sent (s).

    One that a client has for itself is of no session and no family.
    """

    by: str
    sent: float
    session_id: str
    family_id: str
    subject: str
    position: int
    session_position: int
    """Where its session began, in identity's log."""
    bound: float
    """Seconds after a revocation within which this verifier says that it refuses."""
    token_id: str = ""
    client_id: str = ""


def late_uses(uses: Iterable[Use], log: LogWatch) -> list[str]:
    """Accepted uses after the bound that their verifier states."""
    wrong = []
    for use in uses:
        for what, at in _endings(use, log):
            if use.sent > at / SECOND + use.bound:
                late = use.sent - at / SECOND
                wrong.append(f"{use.by} accepted a token {late:.3f} s after {what} ({use.bound} s)")
    return wrong


def _endings(use: Use, log: LogWatch) -> Iterable[tuple[str, int]]:
    for event, id_ in (
        ("session.revoked", use.session_id),
        ("family.revoked", use.family_id),
        ("token.revoked", use.token_id),
        ("client.revoked", use.client_id),
    ):
        row = log.facts.get((event, id_))
        if row is not None and use.position < row.position:
            yield event, row.time
    for one in log.subjects:
        if one.subject == use.subject and use.position < one.position and _began_before(use, one):
            yield "subject.revoked", one.time


def _began_before(use: Use, ended: SubjectEnded) -> bool:
    """RULES 7: a revocation that identity asks for names a position of its own log, and perhaps a session to spare."""
    if ended.before is None:
        return True
    return use.session_position < ended.before and use.session_id != ended.spared


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
    last seen to become ready."""

    family_id: str
    session_id: str
    subject: str
    presented: int
    asked: str
    heard: float
    ready: float


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
    """`wished` are the sessions, families and subjects that somebody asked to end; `long_cuts` are spans of time."""
    wishes, cost, wrong = 0, 0, []
    for one in refused:
        if {one.family_id, one.session_id, one.subject} & wished:
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


def missed_reuse(log: LogWatch, replayed: Iterable[str]) -> list[str]:
    """Families in which an old token was replayed, and refused, and that nobody ended as stolen."""
    return [
        f"{family_id}: an old token was replayed, and no reuse detected"
        for family_id in replayed
        if family_id not in log.reused
    ]


def unforeseen_reuse(log: LogWatch, provoked: Iterable[str], excused: Iterable[str]) -> list[str]:
    """Families that were ended as stolen though nobody replayed an old token."""
    odd = log.reused.keys() - set(provoked) - set(excused)
    return [f"reuse was detected in {family_id} at {log.reused[family_id]}, and nobody replayed" for family_id in odd]
