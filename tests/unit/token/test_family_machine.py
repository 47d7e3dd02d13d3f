"""RULES 8 as a machine: any interleaving, over two processes, keeps one lineage and does what a small model says."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.token.commands.issue import Answered
from services.token.commands.revoke import (
    revoke_client,
    revoke_family,
    revoke_session,
    revoke_sessions_before,
    revoke_subject,
)
from services.token.domain import DAY, SECOND
from services.token.domain.client import Client
from services.token.domain.errors import InvalidGrant, MayHaveWaited
from services.token.domain.events import ReuseDetected
from services.token.domain.family import FAMILY
from services.token.domain.keyring import REFRESH_RING, signing_ring
from services.token.domain.revocation import Before
from tests.unit.token.world import ALICE, APP, IDENTITY, Process, World, claims_of, refresh_of

T = TypeVar("T")
OTHER = msgspec.structs.replace(APP, id="other")
PROCESSES = st.sampled_from("ab")


@dataclass
class Model:
    """What a family is, said again in as few words as it takes. Times in µs."""

    leeway: int
    started: int
    rotated: int = 0
    ended: bool = False
    tokens: list[str] = field(default_factory=list)
    ready_since: dict[str, int] = field(default_factory=lambda: {"a": 0, "b": 0})
    dropped: set[str] = field(default_factory=set)

    @property
    def generation(self) -> int:
        return len(self.tokens)

    def over(self, now: int) -> bool:
        return self.ended or now >= self.started + 30 * DAY or now >= self.rotated + 14 * DAY

    def expects(self, generation: int, process: str, own: bool, now: int) -> str:
        """What presenting the genuine token of a generation means: rotated, retried, theft, late or nothing."""
        if self.is_dropped(generation) or self.over(now):
            return "nothing"
        since = max(self.rotated, self.ready_since[process])
        lost_answer = generation == self.generation - 1 and self.leeway > 0 and now <= since + self.leeway * SECOND
        if own and generation == self.generation:
            return "rotated"
        if own and lost_answer:
            return "nothing" if self.is_dropped(self.generation) else "retried"
        return "theft" if now >= self.ready_since[process] + 2 * SECOND else "late"

    def is_dropped(self, generation: int) -> bool:
        return self.tokens[generation - 1].split(".")[1] in self.dropped


class RefreshFamily(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()

    def teardown(self) -> None:
        self.runner.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    @initialize(leeway=st.sampled_from([0, 1, 10, 60]), reuse_ends=st.sampled_from(["family", "account"]))
    def start(self, leeway: int, reuse_ends: str) -> None:
        self.client: Client = msgspec.structs.replace(APP, id="own", leeway=leeway, reuse_ends=reuse_ends)
        self.world = self.run(World.made(self.client, OTHER))
        first = self.run(self.world.login(client_id="own"))
        self.model = Model(leeway, self.now, self.now, tokens=[refresh_of(first)])
        self.family_id = claims_of(first)["fam"]
        self.session_id = claims_of(first)["sid"]

    @property
    def now(self) -> int:
        return self.world.clock.now()

    def process(self, name: str) -> Process:
        return self.world.a if name == "a" else self.world.b

    def present(self, generation: int, process: str, client: Client) -> None:
        """Presents a genuine token, and holds the answer and the log to the model."""
        expected = self.model.expects(generation, process, client is self.client, self.now)
        before, theft = self.world.head, ["refresh.reuse_detected", self.ends_by_reuse]
        given = self.run(self._answer(self.model.tokens[generation - 1], process, client))
        said = self.world.said(before)
        if expected in ("rotated", "retried"):
            assert given is not None
            assert said == [f"refresh.{expected}"]
            assert claims_of(given)["pos"] == self.world.head
            self.learn(expected, refresh_of(given))
        else:
            assert given is None
            assert said == (theft if expected == "theft" else [])
            self.model.ended |= expected == "theft"

    @property
    def ends_by_reuse(self) -> str:
        return "family.revoked" if self.client.reuse_ends == "family" else "subject.revoked"

    def learn(self, what: str, successor: str) -> None:
        if what == "rotated":
            self.model.tokens.append(successor)
            self.model.rotated = self.now
        assert successor == self.model.tokens[-1]

    async def _answer(self, presented: str, process: str, client: Client) -> Answered | None:
        try:
            return await self.world.refresh(presented, self.process(process), client)
        except (InvalidGrant, MayHaveWaited):
            return None

    @rule(process=PROCESSES)
    def refresh(self, process: str) -> None:
        self.present(self.model.generation, process, self.client)

    @precondition(lambda self: self.model.generation > 1)
    @rule(process=PROCESSES)
    def retry(self, process: str) -> None:
        self.present(self.model.generation - 1, process, self.client)

    @rule(process=PROCESSES, back=st.integers(0, 5))
    def replay(self, process: str, back: int) -> None:
        self.present(max(1, self.model.generation - back), process, self.client)

    @rule(process=PROCESSES, back=st.integers(0, 2))
    def another_client_uses_it(self, process: str, back: int) -> None:
        self.present(max(1, self.model.generation - back), process, OTHER)

    @rule(process=PROCESSES, generation=st.integers(1, 20), secret=st.sampled_from(["A" * 43, "own", "short"]))
    def forge(self, process: str, generation: int, secret: str) -> None:
        current = self.model.tokens[-1]
        _, key, family, _, genuine = current.split(".")
        claimed = generation + (generation == self.model.generation)
        forged = f"wr1.{key}.{family}.{claimed}.{genuine if secret == 'own' else secret}"
        before = self.world.head
        assert self.run(self._answer(forged, process, self.client)) is None
        assert self.world.head == before

    @rule(leap=st.sampled_from([0.5, 1, 2, 9, 10, 61, 3600, 5 * 86_400, 14 * 86_400 - 1]))
    def time_passes(self, leap: float) -> None:
        self.world.clock.forward(leap)

    @rule(process=PROCESSES)
    def restart(self, process: str) -> None:
        """The process starts anew: it remembers nothing, and is ready only now."""
        anew = self.world.process()
        anew.ready_since = self.model.ready_since[process] = self.now
        setattr(self.world, process, anew)

    @rule()
    def rotate_refresh_key(self) -> None:
        self.run(self.world.rotate(REFRESH_RING))

    @rule()
    def rotate_signing_key(self) -> None:
        self.run(self.world.rotate(signing_ring("ES256")))

    @rule(process=PROCESSES, uses=st.integers(2, 6), back=st.integers(0, 1))
    def at_once(self, process: str, uses: int, back: int) -> None:
        """Several uses of one token in both processes: as one use, and then each in the light of those before."""
        generation = max(1, self.model.generation - back)
        names = ["ab"[(turn + (process == "b")) % 2] for turn in range(uses)]
        presented, before = self.model.tokens[generation - 1], self.world.head
        given = self.run(self._gather(presented, names))
        successors = {refresh_of(one) for one in given if one is not None}
        assert len(successors) <= 1
        said = self.world.said(before)
        assert said.count("refresh.rotated") + said.count("refresh.retried") == sum(one is not None for one in given)
        for successor in successors:
            self.learn("rotated" if "refresh.rotated" in said else "retried", successor)
        self.model.ended |= "refresh.reuse_detected" in said

    async def _gather(self, presented: str, names: list[str]) -> list[Answered | None]:
        return await asyncio.gather(*(self._answer(presented, name, self.client) for name in names))

    @rule(process=PROCESSES, what=st.sampled_from(["family", "session", "subject", "client", "before", "spared"]))
    def revoke(self, process: str, what: str) -> None:
        token = self.process(process).token
        position = 100 * self.world.sessions
        match what:
            case "family":
                self.run(revoke_family(token, self.family_id, "test", IDENTITY))
            case "session":
                self.run(revoke_session(token, self.session_id, "test", IDENTITY))
            case "subject":
                self.run(revoke_subject(token, ALICE, "test", IDENTITY))
            case "client":
                self.run(revoke_client(token, "own", "test", IDENTITY))
            case "before":
                made = Before(position + 1, None, 0)
                self.run(revoke_sessions_before(token, ALICE, made, "test", IDENTITY))
            case "spared":
                made = Before(position + 1, self.session_id, 0)
                self.run(revoke_sessions_before(token, ALICE, made, "test", IDENTITY))
        self.model.ended |= what != "spared"

    @rule()
    def refresh_key_is_compromised(self) -> None:
        active = self.run(self.world.refresh(refresh_of(self.run(self.world.login())))).answer.refresh_token
        assert active is not None
        self.model.dropped.add(active.split(".")[1])
        self.run(self.world.rotate(REFRESH_RING, compromised=True))

    @invariant()
    def each_generation_has_one_successor(self) -> None:
        family = self.run(self.world.a.token.log.fresh(FAMILY, self.family_id))
        assert family.generation == self.model.generation
        rotated = [
            getattr(event, "generation", None)
            for row, event in self.world.events()
            if row.stream == f"family/{self.family_id}" and row.type.endswith("refresh.rotated.v1")
        ]
        assert rotated == list(range(2, family.generation + 1))
        assert [family.key_of(number) for number in range(1, family.generation + 1)] == [
            token.split(".")[1] for token in self.model.tokens
        ]

    @invariant()
    def reuse_is_detected_once(self) -> None:
        found = [event for _, event in self.world.events() if isinstance(event, ReuseDetected)]
        assert len(found) <= 1


RefreshFamily.TestCase.settings = settings(max_examples=30, stateful_step_count=30)
test_any_interleaving_keeps_one_lineage = RefreshFamily.TestCase
