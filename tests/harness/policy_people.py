"""What docs/policy.md says of accounts and sessions, as plainly as it can be written, and random lives of people.

What identity and token say is a dict: `log`, `type`, `account`, and of sessions `session`; `position` is its place in
its log, `time` in µs since 1970. A session's `seen` is how far identity knew token's log when it began.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

Said = Mapping[str, Any]

ACCOUNTS = ["acc_1", "acc_2"]
ENDING = ("account.disabled", "account.signed_out", "credential.changed")


def known(said: Sequence[Said]) -> dict[str, bool]:
    """The accounts that there are, and whether each is disabled."""
    found: dict[str, bool] = {}
    for one in said:
        match one["type"]:
            case "account.registered" | "account.enabled":
                found[one["account"]] = False
            case "account.disabled":
                found[one["account"]] = True
            case "account.erased":
                found.pop(one["account"])
    return found


def against(said: Sequence[Said], session: str, account: str) -> str | None:
    """The code of what speaks against a session that an account names, with no token for it."""
    about = [one for one in said if one.get("session") == session]
    began = [one for one in about if one["type"] == "session.started"]
    if any(one["type"] == "session.revoked" for one in about):
        return "session_revoked"
    if not began:
        return "session_unknown"
    over = any(
        one["account"] != account
        or any(other["type"] == "session.ended" for other in about)
        or any(ends(later, one) for later in said if later["account"] == one["account"])
        for one in began
    )
    return "session_revoked" if over else None


def ends(later: Said, began: Said) -> bool:
    """Whether what was said of an account ends a session of it."""
    if later["type"] == "subject.revoked":
        return bool(began["seen"] < later["position"])
    after = later["log"] == "identity" and later["position"] > began["position"]
    return bool(after and later["type"] in ENDING and later.get("spared") != began["session"])


ERASED: Said = {"log": "identity", "type": "account.erased", "account": "acc_2"}


@st.composite
def lives(draw: st.DrawFn, most: int = 6) -> list[Said]:
    """What becomes of people and their sessions; position and time are not known yet."""
    found: list[Said] = [_began(draw, number) for number in range(draw(st.integers(0, 2)))]
    for _ in range(draw(st.integers(0, most))):
        found.append(_next(draw, found))
    return found


def _began(draw: st.DrawFn, number: int) -> Said:
    return _identity("session.started", draw(st.sampled_from(ACCOUNTS)), session=f"ses_{number}")


def _next(draw: st.DrawFn, before: Sequence[Said]) -> Said:
    began = [one for one in before if one["type"] == "session.started"]
    account = draw(st.sampled_from(ACCOUNTS))
    some: list[Said] = [
        _began(draw, len(began)),
        _identity("account.disabled", account),
        _identity("account.enabled", account),
        _identity("account.signed_out", account),
        _token("subject.revoked", account),
    ]
    for one in began:
        mine, session = one["account"], one["session"]
        some += [_identity("session.ended", mine, session=session), _token("session.revoked", mine, session=session)]
        if not any(other["account"] == mine and other["type"] in ENDING for other in before[before.index(one) :]):
            some.append(_identity("credential.changed", mine, spared=session))
    return draw(st.sampled_from(some))


def _identity(type_: str, account: str, **more: str) -> Said:
    return {"log": "identity", "type": type_, "account": account, **more}


def _token(type_: str, account: str, **more: str) -> Said:
    return {"log": "token", "type": type_, "account": account, **more}
