"""Which rules decide, which did, and what others would have decided."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from eventlog.errors import Kind, Refusal, unavailable
from services.policy.domain.rules.engine import Rules
from services.policy.inforce import InForce, Version
from services.policy.ports import Known
from services.policy.queries.past import PATIENCE, Logs
from services.policy.queries.then import Moment


class Listed(msgspec.Struct, frozen=True):
    """All versions, the newest first, and which of them decides."""

    versions: Sequence[Version]
    active: int


@dataclass(frozen=True, slots=True)
class Activated:
    """See queries.ActiveRules. `following` is what brings the rows."""

    in_force: InForce
    logs: Logs
    following: Known

    def now(self) -> Rules:
        """Raises where they cannot be read."""
        return self.in_force.now()

    async def at(self, moment: Moment) -> Rules:
        """Those that decided then. Raises Refusal `not_yet_applied` where what is known here ends before it."""
        await self.reach(moment.position if moment.position is not None else (await self.logs.heads())[0])
        by_then = [
            one for one in self.in_force.activations if moment.past({"position": one.position, "time": one.time})
        ]
        return self.in_force.rules(by_then[-1].version if by_then else 0)

    async def known(self, number: int, position: int) -> Version:
        """A version that was written at a position, perhaps by another process a moment ago. Raises as `at`."""
        await self.reach(position)
        found = self.in_force.version(number)
        if found is None:
            raise unavailable("parked", f"version {number} cannot be read here")
        return found

    async def reach(self, position: int) -> None:
        """Raises Refusal `not_yet_applied`."""
        if not await self.following.wait(position, PATIENCE):
            raise unavailable("not_yet_applied", f"what is known here ends before position {position}")

    def listed(self) -> Listed:
        """What is known here."""
        return Listed(self.in_force.versions[::-1], self.in_force.active)

    def get(self, number: int | None) -> Version | None:
        """A version, the active one where none is named; None for the shipped policies alone.

        Raises Refusal `version_unknown`.
        """
        wanted = self.in_force.active if number is None else number
        found = self.in_force.version(wanted)
        if found is None and wanted:
            raise Refusal(Kind.NOT_FOUND, "version_unknown", f"there is no version {wanted}")
        return found
