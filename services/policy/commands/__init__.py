"""load → decide → append, for everything that changes who may do what. Each answers the position at which it is so."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from eventlog.errors import Kind, Refusal, unavailable
from eventlog.log import Attempt, By, Log
from services.policy.commands.accounts import Accounts, accounts_of
from services.policy.commands.concern import (
    concerned,
    first,
    looked_at,
    place,
    recalled,
    refuse_in_use,
    spreads,
    within,
)
from services.policy.commands.desk import Desk, apply, relabelling
from services.policy.commands.naming import missing, naming
from services.policy.domain.checks import check, check_exclusions
from services.policy.domain.entities import ACCOUNT, Entity
from services.policy.domain.events import AccessRecalled, AdministratorCreated
from services.policy.domain.facts import Assignment, Fact, Facts, Role, stream_of
from services.policy.domain.form import check as check_form
from services.policy.domain.form import check_names, normal
from services.policy.domain.history import FIRST, RECALL, SUITE
from services.policy.domain.standing import POLICY
from services.policy.domain.twins import first_of_its_type, refuse_twins, types_of
from services.policy.queries import Memory

ADMINISTRATOR = "administrator"
MOST = 1000
"""Facts in one change."""


@dataclass(frozen=True, slots=True)
class Commands:
    """Policy's commands. `memory` tells which accounts there are, and whom a change concerns; an account that was
    registered a moment ago is waited for, at most `patience` seconds.
    """

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
        may_label: Callable[[], Awaitable[None]] | None = None,
    ) -> int:
        """Makes facts so, and others not so, together or not at all. `restored`: see domain.checks.check.
        With `recall`, the tokens that holders of roles and members of groups have until now end, too. `may_label` is
        asked, where there is one, if what labels forbid changes, and raises if that is not allowed.

        Raises Refusal as domain.form and domain.checks say; `too_many_facts`, `too_many_to_recall`, `account_unknown`;
        `type_ambiguous`, `not_yet_applied`; of what is to be removed `not_assigned`, `not_there`, `role_in_use`,
        `group_in_use`. Of several facts the detail names the one.
        """
        self._check_form(write, remove)
        write, known = [normal(fact) for fact in write], self.memory.facts
        if recall or any(spreads(fact) for fact in (*write, *remove)) or first_of_its_type(write, known.types()):
            await self._caught_up()
        if not restored:
            self._check_types(write)
        self._check_use(write, remove)
        await self._check_accounts(write)
        holders = {} if restored else first(write, lambda fact: concerned(fact, known))
        ended = recalled([*write, *remove], known) if recall else ()

        async def decision(attempt: Attempt) -> int:
            desk = Desk(attempt)
            await desk.expect(looked_at([*write, *remove], holders))
            if may_label is not None and await relabelling(desk, write, remove):
                await may_label()
            since, absent = await apply(desk, write, remove)
            for fact in absent:
                with naming(fact, remove, "remove"):
                    raise missing(fact)
            for fact in write:
                with naming(fact, write):
                    await desk.judge(self._rule(fact, desk.now, restored))
            for holder, fact in holders.items():
                with naming(fact, write):
                    await desk.judge(partial(check_exclusions, holder, now=desk.now))
            if ended:
                attempt.start(RECALL, secrets.token_hex(8), AccessRecalled(subjects=list(ended)))
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
            await self._accounts.must_be_known(account_id)

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
        for fact in remove:
            with naming(fact, remove, "remove"):
                check_names(fact)

    async def _caught_up(self) -> None:
        """Returns once all is known here that was acknowledged before, by whichever process."""
        head, following = await self.log.store.head(), self.memory.known[POLICY][0]
        with suppress(TimeoutError):
            if await following.wait(head.position, self.patience):
                return
        raise unavailable("not_yet_applied", f"what is known here ends before position {head.position}")

    def _check_use(self, write: Sequence[Fact], remove: Sequence[Fact]) -> None:
        leaving = {place(fact) for fact in remove}
        for fact in remove:
            with naming(fact, remove, "remove"):
                refuse_in_use(fact, leaving, self.memory.facts)
        for fact in write:
            with naming(fact, write):
                if not self.memory.of(stream_of(fact)):
                    refuse_in_use(fact, leaving, self.memory.facts)

    def _check_types(self, write: Sequence[Fact]) -> None:
        known = set(self.memory.facts.types())
        for fact in write:
            with naming(fact, write):
                refuse_twins(fact, known)
            known.update(types_of(fact))

    async def _check_accounts(self, write: Sequence[Fact]) -> None:
        accounts = first(write, accounts_of)
        await self.memory.learn([Entity(ACCOUNT, account) for account in accounts])
        for account, fact in accounts.items():
            with naming(fact, write):
                await self._accounts.must_be_known(account)

    def _rule(self, fact: Fact, now: int, restored: bool) -> Callable[[Facts], None]:
        depth = within(fact, self.memory.facts)
        return lambda facts: check(fact, facts, now, restored=restored, within=depth)

    @property
    def _accounts(self) -> Accounts:
        return Accounts(self.memory, self.patience)

    async def _position(self, by: By, decision: Callable[[Attempt], Awaitable[int]]) -> int:
        """Of what was written; where nothing had to be, of what makes it so already."""
        outcome = await self.log.decide(by, decision)
        return outcome.position or outcome.value
