"""A revocation at once with what it ends, and what must hold of it (RULES 7)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from eventlog.log import By
from services.token.commands.awaited import asked_now
from services.token.commands.issue import Answered, NewFamily, start_family
from services.token.commands.refresh import refresh
from services.token.commands.revoke import (
    revoke_client,
    revoke_family,
    revoke_session,
    revoke_sessions_before,
    revoke_subject,
)
from services.token.commands.standing import Overtaken
from services.token.domain.errors import InvalidGrant, SessionOver
from services.token.domain.revocation import Before
from services.token.queries import Asker, introspect
from tests.harness.log import assert_sound
from tests.races.explore import Operation, Race
from tests.races.families import Family
from tests.races.history import History
from tests.races.stage import Stage
from tests.unit.token.world import claims_of
from watchword.errors import TokenRefused

Using = Callable[["Revoking", str, str], Awaitable[Any]]
REFUSED = "refused"


@dataclass
class Revoking:
    """A stage with a family that hangs from a session, an account and a client."""

    stage: Stage
    family: Family

    async def refresh(self, process: str, by: str) -> Answered | str:
        family = self.family
        try:
            return await refresh(
                self.stage.token(process), family.client, family.tokens[3], None, [], By("test", by), asked_now()
            )
        except InvalidGrant:
            return REFUSED

    async def login(self, process: str, by: str) -> Answered | str:
        """Tokens for a session that was started before any of this, and that token hears of only now."""
        return await self._start(process, by, f"{self.family.session_id}-too", 0)

    async def resume(self, process: str, by: str) -> Answered | str:
        """Another family for the session that is known."""
        return await self._start(process, by, self.family.session_id, 0)

    async def _start(self, process: str, by: str, session_id: str, seen: int) -> Answered | str:
        family, now = self.family, self.stage.clock.now()
        new = NewFamily(family.client.id, family.subject, session_id, 1, seen, now, "urn:test", ("pwd",))
        try:
            started = await start_family(self.stage.token(process), new, By("test", by))
        except SessionOver:
            return REFUSED
        return REFUSED if isinstance(started, Overtaken) else started

    async def introspect(self, process: str, by: str) -> str:
        """The access token, as far as the process knows."""
        return await self._introspected(process, self.family.access_token)

    async def introspect_refresh(self, process: str, by: str) -> str:
        return await self._introspected(process, self.family.tokens[3])

    async def _introspected(self, process: str, presented: str) -> str:
        one = self.stage.processes[process]
        said = await introspect(one.token, one.verifier, presented, Asker(self.family.client.id, frozenset()))
        return "active" if said["active"] else REFUSED

    async def follow(self, process: str, by: str) -> str:
        """The process applies what the log holds."""
        await self.stage.processes[process].follow()
        return "followed"

    async def revoke_session(self, process: str, by: str) -> int:
        return await self._settled(
            process, revoke_session(self.stage.token(process), self.family.session_id, "test", By("test", by))
        )

    async def revoke_family(self, process: str, by: str) -> int:
        return await self._settled(
            process, revoke_family(self.stage.token(process), self.family.id, "test", By("test", by))
        )

    async def revoke_subject(self, process: str, by: str) -> int:
        return await self._settled(
            process, revoke_subject(self.stage.token(process), self.family.subject, "test", By("test", by))
        )

    async def revoke_before(self, process: str, by: str) -> int:
        """As identity asks for it: the sessions that began below a position of its own log."""
        asked = Before(2, None, 0)
        token = self.stage.token(process)
        return await self._settled(
            process, revoke_sessions_before(token, self.family.subject, asked, "test", By("test", by))
        )

    async def revoke_client(self, process: str, by: str) -> int:
        return await self._settled(
            process, revoke_client(self.stage.token(process), self.family.client.id, "test", By("test", by))
        )

    async def _settled(self, process: str, revoking: Awaitable[int]) -> int:
        """As both doors do it: answered once this process has applied the position."""
        position = await revoking
        one = self.stage.processes[process]
        if one.applied < position:
            await one.follow()
        assert one.applied >= position
        return position


ISSUES = ("refresh", "login", "resume")


async def revoking_at_once(revoking: Revoking, *uses: tuple[str, Using]) -> Race:
    """The uses as operations, each in its process, and all that must hold in the end."""
    named = {f"{number}{process}-{use.__name__}": (process, use) for number, (process, use) in enumerate(uses)}

    async def check(history: History) -> None:
        rows = await revoking.stage.rows()
        assert_sound(rows)
        for name, answer in history.answers.items():
            assert isinstance(answer, Answered | int | str), f"{name}: {answer!r}"
        for revocation, position in history.answers.items():
            if isinstance(position, int):
                assert rows[position - 1].type.endswith("revoked.v1")
                _refused_once_answered(history, revocation)
                await _nothing_below_is_good(revoking, history, revocation, position)
        _active_while_nothing_was_revoked(history)

    operations = {
        name: Operation(process, partial(use, revoking, process, name)) for name, (process, use) in named.items()
    }
    return Race(operations, check)


def _ends(revocation: str, name: str) -> bool:
    """Whether what an operation gives hangs from what was revoked, as it was when the operation began."""
    kind, use = revocation.split("-revoke_")[1], name.split("-")[1]
    reach = {"session": ("refresh", "resume"), "family": ("refresh",), "client": ("refresh",)}
    return use in reach.get(kind, ISSUES) or use.startswith("introspect")


def _refused_once_answered(history: History, revocation: str) -> None:
    for name, answer in history.answers.items():
        if not _ends(revocation, name) or not history.precedes(revocation, name):
            continue
        if name.endswith("-introspect") and name[1] != revocation[1]:
            follows = [one for one in history.answers if one.endswith("-follow") and one[1] == name[1]]
            between = [one for one in follows if history.precedes(revocation, one) and history.precedes(one, name)]
            if not between:
                continue
        assert answer == REFUSED, f"{name} after {revocation}: {answer}"


async def _nothing_below_is_good(revoking: Revoking, history: History, revocation: str, position: int) -> None:
    """What was given below the revocation is refused in every process, and what lies above is not."""
    others = [answer for name, answer in history.answers.items() if isinstance(answer, int) and name != revocation]
    for process in revoking.stage.processes.values():
        await process.follow()
        for name, given in history.answers.items():
            if not isinstance(given, Answered):
                continue
            below = claims_of(given)["pos"] < position
            if _ends(revocation, name):
                assert below, f"{name} was given above {revocation}"
            ended = below and (_ends(revocation, name) or revocation.endswith("client"))
            if ended:
                assert await _judged(process, given) == REFUSED, f"{name} below {revocation}"
            elif not others:
                assert await _judged(process, given) == "good", f"{name} is not ended by {revocation}"


async def _judged(process: Any, given: Answered) -> str:
    try:
        await process.verifier.verify(given.answer.access_token)
    except TokenRefused as refused:
        return REFUSED if refused.code == "revoked" else refused.code
    return "good"


def _active_while_nothing_was_revoked(history: History) -> None:
    revocations = [name for name, answer in history.answers.items() if isinstance(answer, int)]
    for name, answer in history.answers.items():
        if all(history.precedes(name, one) for one in revocations) and answer == REFUSED and not _spent(history, name):
            raise AssertionError(f"{name} was refused before anything was revoked")


def _spent(history: History, name: str) -> bool:
    """Whether the refresh token that was asked about may have been used by then: one that was is active no longer."""
    uses = [one for one in history.answers if one.endswith("-refresh")]
    return name.endswith("-introspect_refresh") and any(not history.precedes(name, one) for one in uses)
