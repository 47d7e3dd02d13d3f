"""Which accounts there are: what is granted to nobody is a typing error."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from eventlog.errors import Kind, Refusal, unavailable
from eventlog.projection import Unlearnt
from services.policy.domain.entities import ACCOUNT, Entity
from services.policy.domain.facts import Fact
from services.policy.domain.standing import IDENTITY
from services.policy.queries import Memory


@dataclass(frozen=True, slots=True)
class Accounts:
    """As identity's log has them here. One that was registered a moment ago is waited for, at most `patience` s."""

    memory: Memory
    patience: float

    async def must_be_known(self, account_id: str) -> None:
        """Raises Refusal `account_unknown`, or `accounts_unknown` where that cannot be looked up."""
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


def accounts_of(fact: Fact) -> Iterable[str]:
    """The accounts that a fact gives something to, or names as having given it."""
    named = [getattr(fact, name) for name in ("member", "holder", "owner", "by", "to") if hasattr(fact, name)]
    return [entity.id for entity in map(Entity.of, named) if entity.type == ACCOUNT]
