"""The cases of a test file, decided."""

from collections.abc import Sequence

import msgspec

from eventlog.events import parse_rfc3339
from services.policy.domain.decision import Decision, decide
from services.policy.domain.missing import missing
from services.policy.testfiles.document import ALLOWED, DENIED, Case, Document
from services.policy.testfiles.world import told


class Result(msgspec.Struct, frozen=True):
    """A case, the line on which it stands, and what came of it. `missing` says for a denial what stands in the way."""

    line: int
    case: Case
    decision: Decision
    missing: Sequence[str]

    @property
    def as_expected(self) -> bool:
        if self.case.expect == DENIED:
            return not self.decision.allowed
        return self.decision.code == self.case.expect and self.decision.allowed == (self.case.expect == ALLOWED)

    @property
    def title(self) -> str:
        """The case in words."""
        asked = f"{self.case.subject} {self.case.action} {self.case.resource or 'everything'}"
        return f"{self.case.name}: {asked}" if self.case.name else asked


def tried(document: Document) -> Sequence[Result]:
    """A result for each case, in order. Raises Wrong for a fact that a running suite would refuse."""
    world = told(document)
    found = []
    for line, case in document.cases:
        now = parse_rfc3339(case.now) if case.now else document.now
        decision = decide(case.question(now), world, document.rules, now)
        found.append(Result(line, case, decision, missing(decision, world, now)))
    return found
