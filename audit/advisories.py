"""Asks the advisories, through pip-audit, what they know of what lock files pin."""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from audit.findings import Finding, Report
from audit.pins import pin

FAMOUS = ("jinja2==2.10", "CVE-2019-10906")
"""A finding that every advisory service knows. One that does not name it knows nothing: many mirrors of an index serve
packages without their advisories, and pip-audit then finds nothing and says that all is well."""


class Unanswered(Exception):
    """No advisories were read at all; the message says why."""


def report(pip_audit: Path, service: str, locks: Sequence[Path]) -> Report:
    """What the service knows. Raises Unanswered where it cannot be reached, or has no advisories."""
    with tempfile.TemporaryDirectory() as place:
        requirement, finding = FAMOUS
        probe = Path(place, "famous.txt")
        probe.write_text(requirement)
        command = [str(pip_audit), "--disable-pip", "--format=json", "--progress-spinner=off"]
        command += [f"--vulnerability-service={service}", f"--cache-dir={place}/cache"]
        known = understood(_said([*command, "--no-deps", f"--requirement={probe}"]))
        if not any(finding in one.aliases | {one.id} for one in known.findings):
            raise Unanswered(f"asked for advisories, {service} does not know {finding} of {requirement}")
        return understood(_said([*command, "--require-hashes", *(f"--requirement={lock}" for lock in locks)]))


def understood(said: str) -> Report:
    """What pip-audit's JSON says. It passes over what it got no answer for."""
    answers = [one for one in json.loads(said)["dependencies"] if "skip_reason" not in one]
    return Report(
        findings=frozenset(finding for answer in answers for finding in _findings(answer)),
        answered=frozenset(pin(answer["name"], answer["version"]) for answer in answers),
    )


def _findings(answer: Mapping[str, Any]) -> Iterator[Finding]:
    about = pin(answer["name"], answer["version"])
    for one in answer["vulns"]:
        yield Finding(about, one["id"], frozenset(one["aliases"]), tuple(one["fix_versions"]))


def _said(command: Sequence[str]) -> str:
    """Its JSON. It ends with 1 both where it found something and where it was cut off."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout.startswith("{"):
        raise Unanswered((done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1])
    return done.stdout
