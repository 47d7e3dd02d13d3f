"""What a test file says, as decisions look at it; and whether it could be said to a running suite."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec

from eventlog.errors import Kind, Refusal
from eventlog.projection import Put
from services.policy.domain.checks import check, check_exclusions
from services.policy.domain.entities import ACCOUNT, Entity
from services.policy.domain.facts import Assignment, Fact, Holding, Membership, key_of, stream_of
from services.policy.domain.form import check as check_form
from services.policy.domain.form import normal
from services.policy.domain.standing import Account, Session, WithoutSessions
from services.policy.domain.twins import refuse_twins, types_of
from services.policy.model import Model, row_key
from services.policy.testfiles.document import Document, Said
from services.policy.testfiles.sheet import Wrong


@dataclass(frozen=True, slots=True)
class Told(WithoutSessions):
    """Facts and people; `domain.decision.World`. There are no tokens, and nothing is in doubt."""

    accounts: Mapping[str, Account] | None
    sessions: Mapping[str, Session]
    facts: Model = field(default_factory=Model)

    def of(self, stream: str) -> Sequence[Fact]:
        """See domain.facts.Facts."""
        return self.facts.of(stream)

    def closures(self) -> dict[str, Mapping[str, str]]:
        """See domain.facts.Facts."""
        return self.facts.closures()

    def holdings(self) -> dict[str, Holding]:
        """See domain.facts.Facts."""
        return self.facts.holdings()

    def account(self, account_id: str) -> Account | None:
        """Where the file lists none, all are there."""
        return Account() if self.accounts is None else self.accounts.get(account_id)

    def session(self, session_id: str) -> Session | None:
        """Of those that the file lists."""
        return self.sessions.get(session_id)


def told(document: Document) -> Told:
    """Raises Wrong for a fact that a running suite would refuse. Those of an export are restored, not said anew."""
    world = Told(document.accounts, document.sessions)
    first: dict[tuple[str, str], Said] = {}
    types: set[str] = set()
    for said in document.facts:
        with_place = (stream_of(said.fact), key_of(said.fact))
        before = first.setdefault(with_place, said)
        if before is not said and before.file == said.file:
            raise Wrong(said.line, f"line {before.line} says another fact of that name", said.file)
        _judge(said, partial(_lay, said.fact, world))
        if not said.file:
            _judge(said, partial(refuse_twins, said.fact, types))
        types.update(types_of(said.fact))
    for said in document.facts:
        _judge(said, partial(_check, said, world, document.now))
    return world


def _lay(fact: Fact, world: Told) -> None:
    check_form(fact)
    fact = normal(fact)
    world.facts.apply(Put("fact", row_key(fact), msgspec.to_builtins(fact)))


def _check(said: Said, world: Told, now: int) -> None:
    for name in ("member", "holder", "owner", "by", "to"):
        who = Entity.of(getattr(said.fact, name, ""))
        if who.type == ACCOUNT and world.account(who.id) is None:
            raise Refusal(Kind.NOT_FOUND, "account_unknown", f"{who} is not among the accounts")
    check(said.fact, world.facts, now, restored=bool(said.file))
    match said.fact:
        case Assignment(holder) | Membership(holder) if not said.file:
            check_exclusions(holder, world.facts, now)


def _judge(said: Said, rule: Callable[[], None]) -> None:
    try:
        rule()
    except Refusal as refusal:
        raise Wrong(said.line, f"{refusal.code}: {refusal.detail}", said.file) from None
