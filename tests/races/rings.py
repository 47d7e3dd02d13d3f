"""Keys that rotate or are dropped while they are used, and what must hold of it (RULES 8, 9)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import jwt

from eventlog.errors import Refusal
from eventlog.events import Event, Recorded
from eventlog.log import By
from services.token.commands.awaited import asked_now
from services.token.commands.issue import client_credentials
from services.token.commands.keys import drop_by_command, rotate_ring
from services.token.commands.refresh import refresh
from services.token.domain.client import CLIENT
from services.token.domain.errors import InvalidGrant
from services.token.domain.events import FamilyRevoked, KeyActivated, KeyCompromised, RefreshRotated
from services.token.domain.keyring import KEYRING, REFRESH, Key, Keyring
from services.token.queries import OwnKeys
from tests.harness.log import assert_sound
from tests.races.explore import Operation, Race
from tests.races.families import Family
from tests.races.history import History
from tests.races.stage import ES256, Stage
from tests.unit.token.world import SERVICE, claims_of, header_of
from watchword.errors import TokenRefused


@dataclass(frozen=True)
class Given:
    """A token that was issued: which key signed it, and where its event stands."""

    token: str
    kid: str
    position: int


@dataclass
class Keys:
    """A stage whose keys change. `old` signs at first and signed the family's token; `derives` is the refresh key."""

    stage: Stage
    family: Family
    old: Key
    derives: Key

    async def issue(self, process: str, by: str) -> Given:
        token = self.stage.token(process)
        _, service = await token.log.state(CLIENT, SERVICE.id)
        given = await client_credentials(token, service, None, [], By("test", by))
        return Given(given.answer.access_token, header_of(given)["kid"], claims_of(given)["pos"])

    async def rotate(self, process: str, by: str) -> int:
        return await rotate_ring(self.stage.token(process), ES256, False, By("test", by), lambda ring: True)

    async def drop(self, process: str, by: str) -> int:
        """The old key is compromised. Once that is answered, the process that answered refuses what it signed."""
        position = await self._drop(process, by, self.old)
        assert await self.judged(process, self.family.access_token) == "refused"
        return position

    async def drop_refresh(self, process: str, by: str) -> int:
        """The refresh key is compromised."""
        return await self._drop(process, by, self.derives)

    async def _drop(self, process: str, by: str, key: Key) -> int:
        """As the RPC does it: answered once this process has applied the position."""
        try:
            position = await drop_by_command(self.stage.token(process), key.id, self._derived, By("test", by))
        except Refusal as refusal:
            if refusal.code != "unknown_key":
                raise
            # Another drop was first: this one promises nothing.
            await self.stage.processes[process].follow()
            return 0
        if position > self.stage.processes[process].applied:
            await self.stage.processes[process].follow()
        return position

    async def _derived(self, key_id: str) -> AsyncIterator[list[str]]:
        yield [self.family.id]

    async def read(self, process: str, by: str) -> frozenset[str]:
        """The ids of the keys that the process publishes."""
        keys = await OwnKeys(self.stage.token(process)).jwks()
        return frozenset(key["kid"] for key in keys["keys"])

    async def verify(self, process: str, by: str) -> str:
        """What the process says, as far as it knows, of a token that the old key signed before all this."""
        return await self.judged(process, self.family.access_token)

    async def judged(self, process: str, access_token: str) -> str:
        try:
            await self.stage.processes[process].verifier.verify(access_token)
        except TokenRefused as refused:
            return "refused" if refused.code in ("revoked", "unknown_key") else refused.code
        return "good"

    async def refresh(self, process: str, by: str) -> str:
        """What is said to a refresh token that the refresh key derives."""
        client, current = self.family.client, self.family.tokens[3]
        try:
            await refresh(self.stage.token(process), client, current, None, [], By("test", by), asked_now())
        except InvalidGrant:
            return "over"
        return "refreshed"


Using = Callable[[Keys, str, str], Awaitable[Any]]


async def keys_at_once(keys: Keys, *uses: tuple[str, Using]) -> Race:
    """The uses as operations, each in its process, and all that must hold in the end."""
    named = {f"{number}{process}-{use.__name__}": (process, use) for number, (process, use) in enumerate(uses)}
    before = len(await keys.stage.rows())

    async def check(history: History) -> None:
        events = await keys.stage.events()
        assert_sound([row for row, _ in events])
        Told(keys, history, events, before).hold()
        await _what_was_given_is_good_unless_its_key_was_dropped(keys, history)
        await _every_key_that_verifies_is_kept(keys)

    return Race(
        {name: Operation(process, partial(use, keys, process, name)) for name, (process, use) in named.items()}, check
    )


@dataclass(frozen=True)
class Told:
    """What the log holds after a race, and what was answered in it."""

    keys: Keys
    history: History
    events: list[tuple[Recorded, Event]]
    before: int

    def hold(self) -> None:
        for name, answer in self.history.answers.items():
            assert isinstance(answer, Given | int | frozenset | str), f"{name}: {answer!r}"
        for name, given in self._answered("issue").items():
            self._signed_by_the_key_that_was_active(given)
            assert given.kid != self.keys.old.id or not self._after(name, "drop")
        for name, kids in self._answered("read").items():
            self._was_so_when_it_was_read(name, kids)
            assert self.keys.old.id not in kids or not self._after(name, "drop")
        for name, said in self._answered("verify").items():
            drops = self._answered("drop") | self._answered("drop_refresh")
            here = [one for one, position in drops.items() if one[1] == name[1] and position]
            self._refused_after(name, here, said, "refused", "good")
        for name, said in self._answered("refresh").items():
            self._refused_after(name, list(self._answered("drop_refresh")), said, "over", "refreshed")
        self._activated_were_published_before()
        self._what_a_dropped_refresh_key_derived_has_ended()
        self._nothing_is_derived_above_its_drop()

    def _answered(self, use: str) -> dict[str, Any]:
        return {name: answer for name, answer in self.history.answers.items() if name.endswith(f"-{use}")}

    def _after(self, name: str, drop: str) -> bool:
        return any(self.history.precedes(one, name) for one in self._answered(drop))

    def _refused_after(self, name: str, drops: list[str], said: str, refused: str, accepted: str) -> None:
        if any(self.history.precedes(one, name) for one in drops):
            assert said == refused, name
        assert said in (refused, accepted), name

    def ring(self, position: int) -> Keyring:
        """The signing ring at a position."""
        ring = KEYRING.initial
        for row, event in self.events[:position]:
            if row.stream == KEYRING.stream(ES256):
                ring = KEYRING.evolve(ring, event, row)
        return ring

    def _signed_by_the_key_that_was_active(self, given: Given) -> None:
        active = self.ring(given.position - 1).active
        assert active is not None
        assert active.id == given.kid
        assert active.public_key is not None
        jwt.decode(
            given.token,
            jwt.PyJWK(active.public_key),
            options={"verify_aud": False, "verify_exp": False, "verify_iat": False},
        )

    def _was_so_when_it_was_read(self, name: str, kids: frozenset[str]) -> None:
        """The keys that were published at one moment between question and answer."""
        others = {one: self._position(answer) for one, answer in self.history.answers.items() if one != name}
        since = max([self.before, *(at for one, at in others.items() if self.history.precedes(one, name))])
        until = min(
            [len(self.events), *(at - 1 for one, at in others.items() if at and self.history.precedes(name, one))]
        )
        ends = [list(rows)[-1][0].position for _, rows in groupby(self.events, key=lambda one: one[0].command_id)]
        moments = [self.ring(at) for at in ends if since <= at <= until]
        assert kids in [frozenset(key.id for key in ring.keys if key.verifies) for ring in moments]

    def _position(self, answer: object) -> int:
        return answer.position if isinstance(answer, Given) else answer if isinstance(answer, int) else 0

    def _activated_were_published_before(self) -> None:
        """So that whoever keeps a key set has the next key before it signs."""
        for row, event in self.events[self.before :]:
            if isinstance(event, KeyActivated) and row.stream == KEYRING.stream(ES256):
                first = next(one.position for one, _ in self.events if one.command_id == row.command_id)
                known = self.ring(first - 1).find(event.key_id)
                assert known is not None
                assert known.state == "published"

    def _what_a_dropped_refresh_key_derived_has_ended(self) -> None:
        if self._answered("drop_refresh"):
            assert any(isinstance(event, FamilyRevoked) for _, event in self.events[self.before :])

    def _nothing_is_derived_above_its_drop(self) -> None:
        tail = self.events[self.before :]
        drops = [row.position for row, event in tail if isinstance(event, KeyCompromised) and event.purpose == REFRESH]
        refreshed = [row.position for row, event in tail if isinstance(event, RefreshRotated)]
        assert not drops or all(position < min(drops) for position in refreshed)


async def _what_was_given_is_good_unless_its_key_was_dropped(keys: Keys, history: History) -> None:
    dropped = any(name.endswith("-drop") for name in history.answers)
    for process in keys.stage.processes:
        await keys.stage.processes[process].follow()
        for given in history.answers.values():
            if isinstance(given, Given):
                expected = "refused" if dropped and given.kid == keys.old.id else "good"
                assert await keys.judged(process, given.token) == expected


async def _every_key_that_verifies_is_kept(keys: Keys) -> None:
    token = keys.stage.token("a")
    ring = await token.log.fresh(KEYRING, ES256)
    states = [key.state for key in ring.keys]
    assert states.count("active") == 1
    assert "published" in states
    for key in ring.keys:
        assert not key.verifies or await token.vault.secret(key.id, key.purpose)
