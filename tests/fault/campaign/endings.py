"""Access tokens that were accepted or denied, judged by what the log says has ended them. Pure, as check.py."""

from collections.abc import Iterable
from dataclasses import dataclass

import jwt

from tests.fault.campaign.check import SECOND, LogWatch, SubjectEnded
from tests.harness.people import claims


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What one says, as far as it can be ended by it. One that a client has for itself is of no session and family."""

    id: str
    key_id: str
    client_id: str
    subject: str
    position: int
    session_id: str = ""
    family_id: str = ""
    session_position: int = 0
    """Where its session began, in identity's log."""

    @classmethod
    def of(cls, token: str) -> "AccessToken":
        said = claims(token)
        return cls(
            said["jti"],
            jwt.get_unverified_header(token)["kid"],
            said["client_id"],
            said["sub"],
            said["pos"],
            said.get("sid", ""),
            said.get("fam", ""),
            said.get("spos", 0),
        )


@dataclass(frozen=True, slots=True)
class Use:
    """A token that somebody accepted: who, when the question had been sent (s), and within how many seconds after a
    revocation they say that they refuse."""

    by: str
    sent: float
    token: AccessToken
    bound: float


@dataclass(frozen=True, slots=True)
class Denied:
    """A token that was not taken: by whom, and how they said it."""

    by: str
    word: str
    token: AccessToken


def late_uses(uses: Iterable[Use], log: LogWatch) -> list[str]:
    """Accepted uses after the bound that their verifier states."""
    wrong = []
    for use in uses:
        for what, at in _endings(use.token, log):
            if use.sent > at / SECOND + use.bound:
                late = use.sent - at / SECOND
                wrong.append(f"{use.by} accepted a token {late:.3f} s after {what} ({use.bound} s)")
    return wrong


def unfounded_denials(denials: Iterable[Denied], log: LogWatch) -> list[str]:
    """Tokens that were denied though nothing has ended them."""
    return [
        f"{one.by} denied {one.token.id} ({one.word}), and nothing has ended it"
        for one in denials
        if not any(_endings(one.token, log))
    ]


def still_good(given_back: Iterable[AccessToken], log: LogWatch) -> list[str]:
    """Tokens that nothing has ended though it was answered that they are no good any more (RFC 7009 2.2)."""
    return [f"{one.id} was given back, and nothing has ended it" for one in given_back if not any(_endings(one, log))]


def _endings(token: AccessToken, log: LogWatch) -> Iterable[tuple[str, int]]:
    for event, id_ in (
        ("session.revoked", token.session_id),
        ("family.revoked", token.family_id),
        ("token.revoked", token.id),
        ("client.revoked", token.client_id),
        ("key.compromised", token.key_id),
    ):
        row = log.facts.get((event, id_))
        if row is not None and token.position < row.position:
            yield event, row.time
    for one in log.subjects:
        if one.subject == token.subject and token.position < one.position and _began_before(token, one):
            yield "subject.revoked", one.time


def _began_before(token: AccessToken, ended: SubjectEnded) -> bool:
    """RULES 7: a revocation that identity asks for names a position of its own log, and perhaps a session to spare."""
    if ended.before is None:
        return True
    return token.session_position < ended.before and token.session_id != ended.spared
