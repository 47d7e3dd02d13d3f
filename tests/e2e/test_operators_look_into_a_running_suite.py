"""What an operator and a newcomer run on a suite that is up: status, the tour, the logs; and what the README says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from suite.databases import SERVICES
from tests.harness.running import Running, until

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
ANSWERS = (
    '"username":"walter"',
    "client_id      sign-in-example",
    "'active': True",
    "└── walter ∈ group/readers → viewer → on folder/7 → contains document/9",
    "examples/policy/documents.yaml: 14 cases, all as expected",
    '"because":["service/billing → owner → on document/7"]',
)
"""What each of them is answered, in their order."""


def watchword(suite: Running, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("watchword")), *arguments, "--data", str(suite.place.data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_tour_holds_from_its_first_step_to_its_last(suite: Running) -> None:
    result = watchword(suite, "tour")
    assert (result.returncode, result.stderr) == (0, "")
    for said in (
        "allowed, by the same chain",
        "the same refresh token 2",
        "reuse is detected",
        "refresh.reuse_detected",
        "All of it held",
    ):
        assert said in result.stdout
    assert len(re.findall(r"after it$", result.stdout, re.MULTILINE)) == len(SERVICES)
    assert "\x1b" not in result.stdout


def test_a_suite_that_is_up_is_well(suite: Running) -> None:
    until(lambda: watchword(suite, "status").returncode == 0, watchword(suite, "status").stdout, 20)


@pytest.mark.over("feed")
def test_every_log_fits_its_chain_over_the_feed_and_in_the_database(suite: Running) -> None:
    for name in SERVICES:
        tailed = watchword(suite, "events", "tail", name, "--from", "1", "--json")
        assert tailed.returncode == 0, tailed.stderr
        rows = [json.loads(line) for line in tailed.stdout.splitlines()]
        assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
        verified = json.loads(watchword(suite, "events", "verify", name, "--json").stdout)[0]
        assert "misfit" not in verified
        assert verified["position"] >= len(rows)


def test_a_revocation_by_command_is_applied_by_all_three_services(suite: Running) -> None:
    made = json.loads(watchword(suite, "clients", "create", "Short-lived", "--json").stdout)
    revoked = watchword(suite, "revoke", "--client", made["client_id"], "--wait", "--json")
    assert revoked.returncode == 0, revoked.stdout + revoked.stderr
    readers = [one["reader"] for one in json.loads(revoked.stdout)["applied"]]
    assert [name for name in SERVICES if any(name in reader for reader in readers)] == list(SERVICES), readers


def curl_in(directory: Path) -> Path:
    """A directory with a `curl` for where the machine has none."""
    stand_in = directory / "curl"
    stand_in.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT / "tests" / "harness" / "curl.py"} "$@"\n')
    stand_in.chmod(0o755)
    return directory


@pytest.mark.over("feed")
@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_what_the_readme_says_to_paste_works_as_pasted(suite: Running, number: int, tmp_path: Path) -> None:
    here = {
        ".venv/bin/python": sys.executable,
        ".venv/cookies": str(tmp_path / "cookies"),
    } | {f"http://127.0.0.1:{8401 + n}": suite.url(name) for n, name in enumerate(SERVICES)}
    pasted = BLOCKS[number]
    for there, now in here.items():
        pasted = pasted.replace(there, now)
    env = os.environ | {"PATH": f"{os.environ['PATH']}:{curl_in(tmp_path)}", "WATCHWORD_DATA": str(suite.place.data)}
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", pasted], capture_output=True, text=True, timeout=60, env=env
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert ANSWERS[number] in result.stdout
    assert "urn:watchword:error" not in result.stdout
