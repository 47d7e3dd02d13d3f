"""load → decide → append, for everything that changes who may do what. Each answers the position at which it is so."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from eventlog.errors import Kind, Refusal, unavailable
from eventlog.log import Attempt, By, Log
from eventlog.projection import Unlearnt
from services.policy.domain.entities import ACCOUNT, Entity
from services.policy.domain.roles import (
    ADMINISTRATOR,
    ASSIGNMENTS,
    FIRST,
    ROLES,
    SUITE,
    Assignment,
    account,
    assign,
    check_names,
    create_first,
    define,
    unassign,
)
from services.policy.domain.standing import IDENTITY
from services.policy.queries import Memory


@dataclass(frozen=True, slots=True)
class Commands:
    """Policy's commands. `memory` tells which accounts there are: what is granted to nobody is a typing error,
    and an account that was registered a moment ago is waited for, at most `patience` seconds."""

    log: Log
    memory: Memory
    patience: float = 2.0

    async def define_role(self, by: By, role: str, actions: Sequence[str], description: str) -> int:
        """Raises Refusal `role_name_invalid`, `actions_invalid`, `description_invalid`."""
        check_names(role)

        async def decision(attempt: Attempt) -> int:
            before = await attempt.read(ROLES, role)
            await attempt.write(ROLES, role, *define(before, role, actions, description))
            return before.position

        return await self._position(by, decision)

    async def assign_role(self, by: By, subject: Entity, wanted: Assignment) -> int:
        """Raises Refusal `role_unknown`, `account_unknown`, `expiry_in_the_past`, and as check_names."""
        check_names(wanted.role, subject, wanted.resource)
        await self._must_exist(subject)

        async def decision(attempt: Attempt) -> int:
            role, held = await attempt.read(ROLES, wanted.role), await attempt.read(ASSIGNMENTS, str(subject))
            await attempt.write(ASSIGNMENTS, str(subject), *assign(held, role, subject, wanted, attempt.now))
            before = held.like(wanted)
            return before.position if before else 0

        return await self._position(by, decision)

    async def unassign_role(self, by: By, subject: Entity, unwanted: Assignment) -> int:
        """Raises Refusal `not_assigned`, and as check_names."""
        check_names(unwanted.role, subject, unwanted.resource)

        async def decision(attempt: Attempt) -> int:
            held = await attempt.read(ASSIGNMENTS, str(subject))
            await attempt.write(ASSIGNMENTS, str(subject), *unassign(held, subject, unwanted))
            return 0

        return await self._position(by, decision)

    async def create_first_administrator(self, by: By, account_id: str) -> int:
        """Raises Refusal `administrator_exists`, `account_unknown`, `entity_invalid`."""
        check_names(ADMINISTRATOR, account(account_id))
        if not (await self.log.fresh(SUITE, FIRST)).account_id:
            await self._must_exist(account(account_id))

        async def decision(attempt: Attempt) -> int:
            first, role = await attempt.read(SUITE, FIRST), await attempt.read(ROLES, ADMINISTRATOR)
            subject = str(account(account_id))
            held = await attempt.read(ASSIGNMENTS, subject)
            created, defined, assigned = create_first(first, role, held, account_id)
            await attempt.write(SUITE, FIRST, *created)
            await attempt.write(ROLES, ADMINISTRATOR, *defined)
            await attempt.write(ASSIGNMENTS, subject, *assigned)
            return 0

        return await self._position(by, decision)

    async def _position(self, by: By, decision: Callable[[Attempt], Awaitable[int]]) -> int:
        """Of what was written; where nothing had to be, of what makes it so already."""
        outcome = await self.log.decide(by, decision)
        return outcome.position or outcome.value

    async def _must_exist(self, subject: Entity) -> None:
        if subject.type != ACCOUNT:
            return
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
