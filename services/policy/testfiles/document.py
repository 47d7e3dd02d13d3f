"""A test file as it is written, and what it says: facts, people, rules, and cases."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from eventlog.errors import Refusal
from eventlog.events import parse_rfc3339
from services.policy.domain import spelled
from services.policy.domain.entities import Entity, Question
from services.policy.domain.facts import Fact
from services.policy.domain.rules.check import RulesInvalid
from services.policy.domain.rules.engine import Rules
from services.policy.domain.rules.text import POLICIES, SCHEMA
from services.policy.domain.standing import Account, Session
from services.policy.testfiles.sheet import Placed, Wrong, read

ALLOWED, DENIED = "allowed", "denied"
CODES = (
    *(ALLOWED, DENIED, "no_matching_role", "label_forbids", "forbidden_by_policy", "insufficient_acr"),
    *("subject_unknown", "subject_disabled", "session_unknown", "session_revoked", "malformed", "failed"),
)
MEMBERS = ("now", "accounts", "sessions", "policies", "schema", "facts", "facts_from", "cases")

Read = Callable[[str], str]
"""The text of a file that is named beside the test file. Raises OSError, UnicodeDecodeError."""


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question, and what is expected of it: allowed, denied, or the code of a denial. `now` is another time than the
    file's, as RFC 3339; `session` is one of the file's, `acr` and `amr` are how the person logged in without one."""

    subject: str
    action: str
    expect: str
    resource: str | None = None
    given: dict[str, Any] = {}
    session: str | None = None
    acr: str = ""
    amr: tuple[str, ...] = ()
    now: str = ""
    name: str = ""

    def question(self, now: int) -> Question:
        """At a time, in µs since 1970."""
        where = None if self.resource is None else Entity.of(self.resource)
        auth_time = now if self.acr else 0
        return Question(
            Entity.of(self.subject),
            self.action,
            where,
            session_id=self.session,
            acr=self.acr,
            amr=self.amr,
            auth_time=auth_time,
            given=self.given,
        )


class Said(msgspec.Struct, frozen=True):
    """A fact, and where it was said; `file` is an export, of which not all could be said anew."""

    fact: Fact
    line: int
    file: str = ""


class Document(msgspec.Struct, frozen=True):
    """What a test file says. `accounts` is None where all are there that are spoken of; `now` in µs since 1970;
    `sessions` by their ids.
    """

    now: int
    accounts: Mapping[str, Account] | None
    sessions: Mapping[str, Session]
    rules: Rules
    facts: Sequence[Said]
    cases: Sequence[tuple[int, Case]]


class _Session(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    account: str
    acr: str = ""
    amr: tuple[str, ...] = ()
    auth_time: str = ""
    ended: bool = False


class _Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    disabled: bool = False


def parse(text: str, beside: Read, now: int) -> Document:
    """Raises Wrong. `now` is the time where the file says none."""
    members = read(text)
    for name, member in members.items():
        if name not in MEMBERS:
            raise Wrong(member.line, f"there is no {name!r}: there are {', '.join(MEMBERS)}")
    cases = [(one.line, _case(one)) for one in _items(members, "cases")]
    if not cases:
        raise Wrong(1, "there are no cases")
    said = [Said(_fact(one.value, one.line), one.line) for one in _items(members, "facts")]
    now = _time("now", members["now"]) if "now" in members else now
    accounts = _accounts(members)
    return Document(
        now=now,
        accounts=accounts,
        sessions=_sessions(members, accounts, now),
        rules=_rules(members, beside),
        facts=[*_exported(members, beside), *said],
        cases=cases,
    )


def _items(members: Mapping[str, Placed], name: str) -> Sequence[Placed]:
    member = members.get(name, Placed(0, []))
    if not isinstance(member.value, list):
        raise Wrong(member.line, f"{name} is a list")
    return member.value


def _case(one: Placed) -> Case:
    case: Case = _converted(one, Case, "a case")
    if case.expect not in CODES:
        raise Wrong(one.line, f"expect is one of {', '.join(CODES)}")
    if case.now:
        _time("now", Placed(one.line, case.now))
    if case.session is not None and (case.acr or case.amr):
        raise Wrong(one.line, "a session says itself how the person logged in: acr and amr are for a case without one")
    if not case.question(0).well_formed and case.expect != "malformed":
        raise Wrong(one.line, "no such question can be asked: subject and resource are TYPE/ID, an action is a.b")
    return case


def _converted(one: Placed, type_: Any, what: str) -> Any:
    try:
        return msgspec.convert(one.value, type_)
    except msgspec.ValidationError as error:
        raise Wrong(one.line, f"{what}: {error}") from None


def _time(name: str, said: Placed) -> int:
    try:
        return parse_rfc3339(str(said.value))
    except (ValueError, TypeError, OverflowError):
        raise Wrong(said.line, f"{name} is a time such as 2031-01-31T12:00:00Z") from None


def _accounts(members: Mapping[str, Placed]) -> Mapping[str, Account] | None:
    if "accounts" not in members:
        return None
    said = [_converted(one, str | _Person, "an account") for one in _items(members, "accounts")]
    people = [_Person(one) if isinstance(one, str) else one for one in said]
    return {one.id.removeprefix("account/"): Account(one.disabled) for one in people}


def _sessions(members: Mapping[str, Placed], accounts: Mapping[str, Account] | None, now: int) -> Mapping[str, Session]:
    """Who logged in just now, where the file does not say when."""
    found: dict[str, Session] = {}
    for one in _items(members, "sessions"):
        said: _Session = _converted(one, _Session, "a session")
        account = said.account.removeprefix("account/")
        if accounts is not None and account not in accounts:
            raise Wrong(one.line, f"account_unknown: account/{account} is not among the accounts")
        if said.id in found:
            raise Wrong(one.line, f"there is a session {said.id} already")
        time = _time("auth_time", Placed(one.line, said.auth_time)) if said.auth_time else now
        found[said.id] = Session(account, 0, 0, said.ended, said.acr, said.amr, time)
    return found


def _rules(members: Mapping[str, Placed], beside: Read) -> Rules:
    texts = {name: _text(members[name], beside) for name in (POLICIES, SCHEMA) if name in members}
    try:
        return Rules.of(**texts)
    except RulesInvalid as invalid:
        first, *more = invalid.problems
        advice = f": {first.advice}" if first.advice else ""
        others = f" (and {len(more)} more)" if more else ""
        reason = f"column {first.column}: {first.what}{advice}{others}"
        raise Wrong(first.line, reason, str(members[first.part].value)) from None


def _text(named: Placed, beside: Read) -> str:
    try:
        return beside(str(named.value))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Wrong(named.line, f"{named.value} cannot be read: {reason}") from None


def _exported(members: Mapping[str, Placed], beside: Read) -> Sequence[Said]:
    if "facts_from" not in members:
        return ()
    named = members["facts_from"]
    file = str(named.value)
    lines = [(number, line) for number, line in enumerate(_text(named, beside).splitlines(), 1) if line.strip()]
    return [Said(_fact(_object(line, number, file), number, file), number, file) for number, line in lines]


def _object(line: str, number: int, file: str) -> Any:
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise Wrong(number, str(error), file) from None


def _fact(said: Any, line: int, file: str = "") -> Fact:
    try:
        return spelled.read(said)
    except Refusal as refusal:
        raise Wrong(line, refusal.detail, file) from None
