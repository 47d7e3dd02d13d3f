"""What the tour sees of policy: a decision with its reasons, and one about the past."""

from collections.abc import Mapping
from dataclasses import dataclass

from chassis import positions
from chassis.rpc.client import ask
from suite.operator import Operator
from suite.tour.show import Lines
from suite.tour.visitor import Broken
from watchword.policy.v1 import facts_pb2 as facts
from watchword.policy.v1.policy_pb2 import (
    AsOf,
    CheckRequest,
    Entity,
    ExplainRequest,
    ExplainResponse,
    WriteFactsRequest,
)

ACTION = "document.read"


@dataclass(slots=True)
class Decided:
    """Whether a person, of this username and account, may read a document that lies in a folder.

    What is made for it has the end of the username in its name, and goes again. `seen` are positions of the logs.
    """

    peers: Operator
    username: str
    account: str
    seen: Mapping[str, int]
    given_at: int = 0
    chain: str = ""

    @property
    def key(self) -> str:
        return self.username.rpartition("-")[2]

    async def given(self) -> Lines:
        """Nobody may, unless something says so; then the chain of facts is told."""
        before = await self._explain()
        self._expect(before, "no_matching_role")
        self.given_at = (await ask(self.peers.policy.WriteFacts, WriteFactsRequest(write=self._facts()))).position
        after = await self._explain(at_least=self.given_at)
        self._expect(after, "allowed")
        self.chain = self._chain(after)
        return [f"{ACTION} on document/{self.key}: {before.decision.code}", f"allowed: {self.chain}"]

    async def taken(self) -> Lines:
        """What was given is taken back; of the time before it is still known who might, and why."""
        answer = await ask(self.peers.policy.WriteFacts, WriteFactsRequest(remove=self._facts()))
        now = await self._explain(at_least=answer.position)
        self._expect(now, "no_matching_role")
        then = await self._explain(as_of=AsOf(position=self.given_at))
        self._expect(then, "allowed")
        if self._chain(then) != self.chain:
            raise Broken("the past is explained by other facts than those that were")
        after = f"taken back at position {answer.position}: {now.decision.code}"
        return [f"{after}; as of position {self.given_at}: allowed, by the same chain"]

    def _facts(self) -> list[facts.Fact]:
        key, role, folder = self.key, f"reader-{self.key}", f"folder/{self.key}"
        return [
            facts.Fact(role=facts.Role(name=role, actions=[ACTION])),
            facts.Fact(group=facts.Group(id=key)),
            facts.Fact(membership=facts.Membership(member=f"account/{self.account}", group=key)),
            facts.Fact(assignment=facts.Assignment(holder=f"group/{key}", role=role, resource=folder)),
            facts.Fact(parent=facts.Parent(resource=f"document/{key}", parent=folder)),
        ]

    async def _explain(self, as_of: AsOf | None = None, at_least: int = 0) -> ExplainResponse:
        subject, resource = Entity(type="account", id=self.account), Entity(type="document", id=self.key)
        check = CheckRequest(subject=subject, action=ACTION, resource=resource, as_of=as_of)
        seen = {**self.seen, "policy": max(at_least, self.seen.get("policy", 0))}
        metadata = ((positions.HEADER, positions.render(seen)),)
        return await ask(self.peers.policy.Explain, ExplainRequest(check=check), metadata=metadata)

    def _expect(self, answer: ExplainResponse, code: str) -> None:
        if answer.decision.code != code:
            raise Broken(f"{ACTION} on document/{self.key} should be {code}: it is {answer.decision.code}")

    def _chain(self, answer: ExplainResponse) -> str:
        return " → ".join(answer.chains[0].steps).replace(f"account/{self.account}", self.username)
