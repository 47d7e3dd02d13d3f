"""The software bill of materials: CycloneDX, by cyclonedx-py from a lock file; Kafka's jars are added."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audit.pins import Pin, hashes, pin

Bill = dict[str, Any]


def bill(cyclonedx_py: Path, lock: Path, project: Path) -> Bill:
    """Of what a lock file pins. cyclonedx-py has checked it against the schema."""
    command = (str(cyclonedx_py), "requirements", "--output-reproducible", "--validate", f"--pyproject={project}")
    made = subprocess.run((*command, str(lock)), capture_output=True, text=True, check=True)
    found: Bill = json.loads(made.stdout)
    return found


def with_jars(bill: Bill, jars: Mapping[tuple[str, str, str], str]) -> Bill:
    """The bill with what suite/kafka runs besides."""
    added = [_jar(*where, sha256) for where, sha256 in jars.items()]
    nodes = [{"ref": one["bom-ref"]} for one in added]
    return bill | {
        "components": [*bill["components"], *added],
        "dependencies": [*bill["dependencies"], *nodes],
    }


def listed(bill: Bill) -> dict[Pin, frozenset[str]]:
    """The Python packages of a bill, with the SHA-256 of each file."""
    packages = [one for one in bill["components"] if one["purl"].startswith("pkg:pypi/")]
    return {pin(one["name"], one["version"]): frozenset(_sums(one)) for one in packages}


def lacking(bill: Bill, lock: str) -> list[str]:
    """What the bill says otherwise than the lock file, in words."""
    said, pinned = listed(bill), hashes(lock)
    other = [one for one in sorted(said.keys() | pinned) if said.get(one) != pinned.get(one)]
    return [f"{one} is not in the bill as it is locked" for one in other]


def fits(python: Path, file: Path) -> list[str]:
    """What CycloneDX's schema says against the bill in a file."""
    done = subprocess.run((str(python), "-m", "audit.schema", str(file)), capture_output=True, text=True, check=False)
    return done.stderr.splitlines() if done.returncode else []


def _sums(component: Mapping[str, Any]) -> list[str]:
    kept = [sums for way in component.get("externalReferences", ()) for sums in way.get("hashes", ())]
    return [one["content"] for one in kept if one["alg"] == "SHA-256"]


def _jar(group: str, name: str, version: str, sha256: str) -> dict[str, Any]:
    purl = f"pkg:maven/{group}/{name}@{version}?type=jar"
    return {
        "bom-ref": purl,
        "type": "library",
        "group": group,
        "name": name,
        "version": version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": sha256}],
    }
