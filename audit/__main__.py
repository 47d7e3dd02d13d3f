"""`python -m audit`: writes the bill of materials, and judges what the advisories know of all that is pinned.

0: nothing is wrong. 1: something is, and stderr names it. 3: the advisories were not read, for all or for some; so
nothing is known, which WATCHWORD_AUDIT_UNANSWERED=report turns into a warning. WATCHWORD_AUDIT_SERVICE is pypi or osv.
"""

import json
import os
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

from audit.advisories import Unanswered, report
from audit.bill import Bill, bill, fits, lacking, listed, with_jars
from audit.findings import NOTHING, Verdict, accepted, judge
from audit.pins import jars, pinned

TOOLS = Path(".tools/audit/bin")
BILL = Path(".tools/sbom/watchword.cdx.json")
SHIPPED = Path("requirements-kafka.lock")
"""What runs, the broker of `--kafka embedded` included."""
LOCKS = (
    Path("requirements.lock"),
    SHIPPED,
    Path("requirements-dev.lock"),
    Path("deploy/requirements-tools.lock"),
    Path("tests/oidc/tools/requirements.lock"),
    Path("audit/requirements.lock"),
)
JARS = Path("suite/kafka/jars.lock")
ACCEPTED = Path("audit/accepted.toml")


def main() -> int:
    """Both, whatever comes of the first."""
    return max(_bill(), _advisories(os.environ.get("WATCHWORD_AUDIT_SERVICE", "pypi")))


def _bill() -> int:
    made = with_jars(bill(TOOLS / "cyclonedx-py", SHIPPED, Path("pyproject.toml")), jars(JARS.read_text()))
    BILL.parent.mkdir(parents=True, exist_ok=True)
    BILL.write_text(json.dumps(made, indent=1))
    wrong = [*lacking(made, SHIPPED.read_text()), *fits(TOOLS / "python", BILL)]
    sys.stdout.write(_summary(made))
    return _said("The bill of materials is wrong:", wrong)


def _summary(made: Bill) -> str:
    names = ", ".join(f"{one['name']} {one['version']}" for one in made["components"])
    sums = sum(map(len, listed(made).values()))
    return (
        f"Bill of materials: {BILL}, {made['bomFormat']} {made['specVersion']}: {len(made['components'])} components, "
        f"{sums} hashes of packages and one of each jar\n{textwrap.indent(textwrap.fill(names, 118), '  ')}\n"
    )


def _advisories(service: str) -> int:
    entries, pins = accepted(ACCEPTED.read_text()), pinned(LOCKS)
    try:
        known, trouble = report(TOOLS / "pip-audit", service, LOCKS), ""
    except Unanswered as unanswered:
        known, trouble = NOTHING, str(unanswered)
    verdict = judge(known, pins, entries)
    answered = len(pins) - len(verdict.unanswered)
    sys.stdout.write(
        f"Advisories of {service}: read for {answered} of {len(pins)} pins in {len(LOCKS)} lock files, "
        f"{len(known.findings)} findings; {len(entries)} are accepted\n"
    )
    return _said("The audit failed:", verdict.wrong) or _unanswered(verdict, len(pins), trouble)


def _unanswered(verdict: Verdict, pins: int, trouble: str) -> int:
    """Says it so that nobody takes it for a pass."""
    if not verdict.unanswered:
        return 0
    which = "" if len(verdict.unanswered) == pins else f": {', '.join(map(str, verdict.unanswered))}"
    told = f"NOT AUDITED: no advisories were read for {len(verdict.unanswered)} of {pins} pins{which}"
    why = trouble or "the service has no answer for them"
    sys.stdout.write(
        "\n".join(("*" * 118, *textwrap.wrap(told, 118), *textwrap.wrap(f"because {why}", 118), "*" * 118, ""))
    )
    return 0 if os.environ.get("WATCHWORD_AUDIT_UNANSWERED") == "report" else 3


def _said(what: str, details: Iterable[str]) -> int:
    lines = [f"  {one}\n" for one in details]
    sys.stderr.write("".join((f"{what}\n", *lines)) if lines else "")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
