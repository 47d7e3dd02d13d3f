"""What is known against what is pinned, what of it is accepted, and what follows from that. Pure."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass

from audit.pins import Pin


@dataclass(frozen=True, slots=True)
class Finding:
    """A known vulnerability of something pinned."""

    pin: Pin
    id: str
    aliases: frozenset[str]
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        fixed = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "not fixed yet"
        return f"{self.pin}: {' = '.join([self.id, *sorted(self.aliases)])}, {fixed}"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A finding that was looked at, and why it is no danger here."""

    package: str
    id: str
    reason: str

    def means(self, finding: Finding) -> bool:
        return self.package == finding.pin.name and self.id in {finding.id, *finding.aliases}


@dataclass(frozen=True, slots=True)
class Report:
    """What the advisories say. Of what they gave no answer for, nothing is known."""

    findings: frozenset[Finding]
    answered: frozenset[Pin]


NOTHING = Report(frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, in words; and the pins that no advisories were read for."""

    wrong: tuple[str, ...]
    unanswered: tuple[Pin, ...]


def accepted(text: str) -> list[Accepted]:
    """The list of accepted findings. Raises ValueError where an entry gives no reason, or is there twice."""
    entries = tomllib.loads(text).get("accepted", [])
    for entry in entries:
        if set(entry) != {"package", "id", "reason"} or not all(str(value).strip() for value in entry.values()):
            raise ValueError(f"an accepted finding has a package, an id and a reason, and nothing else: {entry}")
    found = [Accepted(**entry) for entry in entries]
    if len({(one.package, one.id) for one in found}) != len(found):
        raise ValueError("a finding is accepted twice")
    return found


def judge(report: Report, pins: Iterable[Pin], accepted: Iterable[Accepted]) -> Verdict:
    """Unknown findings are wrong; so is accepting what does not occur, as far as the advisories have answered."""
    unread, accepted = frozenset(pins) - report.answered, tuple(accepted)
    unknown = [one for one in report.findings if not any(entry.means(one) for entry in accepted)]
    rotten = [entry for entry in accepted if not _may_occur(entry, report, unread)]
    return Verdict(
        wrong=(
            *sorted(f"known, and not accepted: {one}" for one in unknown),
            *sorted(f"accepted, and does not occur any more: {one.package}: {one.id}" for one in rotten),
        ),
        unanswered=tuple(sorted(unread)),
    )


def _may_occur(entry: Accepted, report: Report, unread: frozenset[Pin]) -> bool:
    """Whether it does, or nothing was read of what it is about."""
    return any(one.name == entry.package for one in unread) or any(entry.means(one) for one in report.findings)
