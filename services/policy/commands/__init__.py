"""load → decide → append, for everything that changes who may do what. Each answers the position at which it is so."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from eventlog.errors import Kind, Refusal, unavailable
from eventlog.log import Attempt, By, Log
from eventlog.projection import Unlearnt
from services.policy.commands.desk import Desk, apply
from services.policy.commands.naming import naming
from services.policy.domain.checks import check, check_exclusions
from services.policy.domain.entities import ACCOUNT, CLIENT, Entity
from services.policy.domain.events import AccessRecalled, AdministratorCreated
from services.policy.domain.facts import (
    Assignment,
    Exclusion,
    Fact,
    Group,
    Membership,
    Parent,
    Role,
    Share,
    key_of,
    stream_of,
)
from services.policy.domain.form import check as check_form
from services.policy.domain.form import check_names, normal
from services.policy.domain.history import FIRST, RECALL, SUITE
from services.policy.domain.pointers import below, height, holders, users
from services.policy.domain.reach import MAX_DEPTH
from services.policy.domain.standing import IDENTITY
from services.policy.queries import Memory

ADMINISTRATOR = "administrator"
MOST = 1000
"""Facts in one change; and holders whose exclusions are looked at for one fact that concerns many. What else breaks an
exclusion opens nothing (docs/policy.md)."""


@dataclass(frozen=True, slots=True)
class Commands:
    """Policy's commands. `memory` tells which accounts there are: what is granted to nobody is a typing error,
    and an account that was registered a moment ago is waited for, at most `patience` seconds."""

    log: Log
    memory: Memory
    patience: float = 2.0

    async def write(
        self,
        by: By,
        write: Sequence[Fact],
        remove: Sequence[Fact] = (),
        *,
        restored: bool = False,
        recall: bool = False,
    ) -> int:
        """Makes facts so, and others not so, together or not at all. `restored`: see domain.checks.check.
        With `recall`, the tokens that holders of roles and members of groups have until now end, too.

        Raises Refusal as domain.form and domain.checks say; `too_many_facts`, `too_many_to_recall`, `account_unknown`;
        of what is to be removed `not_assigned`, `not_there`, `role_in_use`, `group_in_use`. Of several facts the
        detail names the one.
        """
        self._check_form(write, remove)
        write = [normal(fact) for fact in write]
        accounts = _first(write, _accounts)
        await self.memory.learn([Entity(ACCOUNT, account) for account in accounts])
        for account, fact in accounts.items():
            with naming(fact, write):
                await self._must_be_known(account)
        concerned = {} if restored else _first(write, self._concerned)
        recalled = self._recalled([*write, *remove]) if recall else []

        async def decision(attempt: Attempt) -> int:
            desk = Desk(attempt)
            await desk.expect(_looked_at([*write, *remove], concerned))
            since, missing = await apply(desk, write, remove)
            for fact in missing:
                with naming(fact, remove, "remove"):
                    raise _missing(fact)
            for fact in write:
                with naming(fact, write):
                    within = self._within(fact)
                    await desk.judge(
                        lambda facts, fact=fact, within=within: check(  # type: ignore[misc]
                            fact, facts, desk.now, restored=restored, within=within
                        )
                    )
            for holder, fact in concerned.items():
                with naming(fact, write):
                    await desk.judge(lambda facts, holder=holder: check_exclusions(holder, facts, desk.now))  # type: ignore[misc]
            if recalled:
                attempt.start(RECALL, secrets.token_hex(8), AccessRecalled(subjects=recalled))
            return since

        return await self._position(by, decision)

    async def define_role(self, by: By, role: str, actions: Sequence[str], description: str) -> int:
        """Defining a role anew replaces its actions. Raises as `write`."""
        return await self.write(by, [Role(role, tuple(actions), description=description)])

    async def create_first_administrator(self, by: By, account_id: str) -> int:
        """Once in a log's life. Raises Refusal `administrator_exists`, `account_unknown`, `entity_invalid`."""
        held = Assignment(str(Entity(ACCOUNT, account_id)), ADMINISTRATOR)
        check_form(held)
        if not (await self.log.fresh(SUITE, FIRST)).account_id:
            await self._must_be_known(account_id)

        async def decision(attempt: Attempt) -> int:
            if (await attempt.read(SUITE, FIRST)).account_id:
                raise Refusal(
                    Kind.PRECONDITION, "administrator_exists", "the first administrator has been created before"
                )
            await attempt.write(SUITE, FIRST, AdministratorCreated(account_id=account_id))
            desk = Desk(attempt)
            if not await desk.has(Role(ADMINISTRATOR)):
                await desk.put(Role(ADMINISTRATOR, ("*",), description="May do everything."))
            return await desk.put(held)

        return await self._position(by, decision)

    def _check_form(self, write: Sequence[Fact], remove: Sequence[Fact]) -> None:
        if not 0 < len(write) + len(remove) <= MOST:
            raise Refusal(Kind.INVALID, "too_many_facts", f"1 to {MOST} facts at once")
        for fact in write:
            with naming(fact, write):
                check_form(fact)
        leaving = {_place(one) for one in remove}
        for fact in remove:
            with naming(fact, remove, "remove"):
                check_names(fact)
                self._refuse_in_use(fact, leaving)
        for fact in write:
            with naming(fact, write):
                if not self.memory.of(stream_of(fact)):
                    self._refuse_in_use(fact, leaving)

    def _refuse_in_use(self, fact: Fact, leaving: Collection[tuple[str, str]]) -> None:
        """What is still referred to stays: what refers to it would come back to life with the next of that name.

        Nor is there a next while something does: two processes may have removed it and given it at once.
        """
        if isinstance(fact, Role | Group):
            used = next((one for one in users(fact, self.memory.facts) if _place(one) not in leaving), None)
            if used is not None:
                kind = "role" if isinstance(fact, Role) else "group"
                raise Refusal(Kind.PRECONDITION, f"{kind}_in_use", f"{_named(used)} refers to it")

    def _recalled(self, changed: Sequence[Fact]) -> list[str]:
        """The accounts and clients whose roles and groups it concerns."""
        concerned = [self._concerned(fact) for fact in changed]
        if any(len(one) >= MOST for one in concerned):
            raise Refusal(Kind.INVALID, "too_many_to_recall", f"it concerns {MOST} holders or more: revoke otherwise")
        found = {holder: Entity.of(holder) for one in concerned for holder in one}
        return sorted(one.id for one in found.values() if one.type in (ACCOUNT, CLIENT))

    def _concerned(self, fact: Fact) -> Sequence[str]:
        """Whose roles may exclude each other after it."""
        model = self.memory.facts
        match fact:
            case Assignment(holder):
                return below(holder, model, MOST)
            case Membership(member):
                return below(member, model, MOST)
            case Role(name):
                return holders([name], model, MOST)
            case Exclusion():
                return holders(fact.roles, model, MOST)
        return ()

    def _within(self, fact: Fact) -> int:
        return height(fact.resource, self.memory.facts, MAX_DEPTH) if isinstance(fact, Parent) else 0

    async def _position(self, by: By, decision: Callable[[Attempt], Awaitable[int]]) -> int:
        """Of what was written; where nothing had to be, of what makes it so already."""
        outcome = await self.log.decide(by, decision)
        return outcome.position or outcome.value

    async def _must_be_known(self, account_id: str) -> None:
        subject = Entity(ACCOUNT, account_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.patience):
                while not await self._known(subject):
                    await self._identity_moves()
                return
        raise Refusal(Kind.NOT_FOUND, "account_unknown", "identity has no such account, as far as is known here")

    async def _known(self, subject: Entity) -> bool:
        await self.memory.learn([subject])
        try:
            return self.memory.account(subject.id) is not None
        except Unlearnt:
            raise unavailable("accounts_unknown", "which accounts there are cannot be looked up now") from None

    async def _identity_moves(self) -> None:
        following = self.memory.known[IDENTITY][0]
        await following.wait(following.applied + 1, self.patience)


def _looked_at(facts: Iterable[Fact], holders: Iterable[str]) -> Iterable[str]:
    """The streams that a change looks at in any case."""
    yield from map(stream_of, facts)
    for holder in holders:
        yield from (f"assignment/{holder}", f"membership/{holder}")


def _accounts(fact: Fact) -> Iterable[str]:
    """The accounts that a fact gives something to, or names as having given it."""
    named = [getattr(fact, name) for name in ("member", "holder", "owner", "by", "to") if hasattr(fact, name)]
    return [entity.id for entity in map(Entity.of, named) if entity.type == ACCOUNT]


def _first(facts: Iterable[Fact], of: Callable[[Fact], Iterable[str]]) -> Mapping[str, Fact]:
    """All that `of` finds in the facts, each with the first in which it is."""
    found: dict[str, Fact] = {}
    for fact in facts:
        for one in of(fact):
            found.setdefault(one, fact)
    return found


def _place(fact: Fact) -> tuple[str, str]:
    return stream_of(fact), key_of(fact)


def _missing(fact: Fact) -> Refusal:
    if isinstance(fact, Assignment):
        return Refusal(Kind.NOT_FOUND, "not_assigned", "the subject does not hold this role there")
    return Refusal(Kind.NOT_FOUND, "not_there", f"there is no {_named(fact)} to remove")


def _named(fact: Fact) -> str:
    """Its kind, and what names it."""
    names = {
        Membership: ("member", "group"),
        Assignment: ("holder", "role", "resource"),
        Share: ("resource", "id"),
    }.get(type(fact), fact.__struct_fields__[:1])
    said = " ".join(str(getattr(fact, name)) for name in names if getattr(fact, name) is not None)
    return f"{fact.__struct_config__.tag} {said}"[:300]
