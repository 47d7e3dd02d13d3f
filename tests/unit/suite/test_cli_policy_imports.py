"""`watchword policy export` and `import`: facts leave a suite for a file and come back."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.unit.policy.world import World
from tests.unit.suite.policy_terminal import FACTS, lines, policy, suite, world
from tests.unit.suite.small_suite import Small

__all__ = ["suite", "world"]


def test_an_export_is_what_was_imported_and_importing_it_again_changes_nothing(
    suite: Small, world: World, tmp_path: Path
) -> None:
    facts = [one for one in FACTS if one["kind"] != "exclusion"]
    imported = policy(suite, "import", lines(tmp_path / "facts.jsonl", facts))
    assert imported.stdout == "11 facts are so, at position 11 of policy's log.\n"
    assert imported.stderr == "Importing: 11 of 11 facts\n"
    exported = policy(suite, "export").stdout
    assert sorted(map(json.loads, exported.splitlines()), key=str) == sorted(facts, key=str)
    again = policy(suite, "import", "-", stdin=exported)
    assert again.stdout.startswith("11 facts are so, at position ")
    assert again.stderr == "Importing: 11 facts\n"
    assert len(world.store.rows) == 11


def test_an_export_goes_to_its_file_while_the_terminal_shows_how_far_it_is(suite: Small, tmp_path: Path) -> None:
    facts = [{"kind": "group", "id": f"g{n:04}"} for n in range(1200)]
    policy(suite, "import", lines(tmp_path / "facts.jsonl", facts))
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).with_name("watchword")), "policy", "export", f"--data={suite.place.data}"]
    shown = b""
    with (tmp_path / "exported").open("wb") as file, subprocess.Popen(command, stdout=file, stderr=theirs) as process:
        os.close(theirs)
        with suppress(OSError):  # a terminal that nobody holds any longer ends by an error
            while part := os.read(ours, 65_536):
                shown += part
    os.close(ours)
    assert (process.returncode, b"Exporting" in shown) == (0, True)
    assert list(map(json.loads, (tmp_path / "exported").read_text().splitlines())) == facts


def test_a_wrong_line_is_named_and_nothing_of_its_batch_is_written(suite: Small, world: World, tmp_path: Path) -> None:
    groups = [{"kind": "group", "id": f"g{n}"} for n in range(2500)]
    file = tmp_path / "facts.jsonl"
    for wrong, reason in (
        ('{"kind": "assignment", "holder": "group/g1", "role": "nobody"}', "role_unknown: line 2102: there is no role"),
        ('{"kind": "group", "id": "!"}', "fact_invalid: line 2102: a name is up to 64 letters"),
        ('{"kind": "group", "name": "x"}', "line 2102: group has no 'name': there are description, id"),
        ("{", "line 2102: Input data was truncated"),
    ):
        lines(file, groups)
        text = file.read_text().splitlines()
        file.write_text("\n".join([*text[:2100], "", wrong, *text[2100:]]))
        result = policy(suite, "import", str(file), code=1)
        assert result.stderr.splitlines()[-3:][-2 if "role_unknown" not in reason else 0].startswith(reason), (
            result.stderr
        )
        assert "The 2,000 facts before are written; importing them again changes nothing." in result.stderr
        assert len(world.store.rows) == 2000
    policy(suite, "import", lines(file, groups))
    assert len(world.store.rows) == 2500


def test_an_export_is_restored_though_some_of_it_has_ended(suite: Small, world: World, tmp_path: Path) -> None:
    ended = {"kind": "assignment", "holder": "client/c", "role": "viewer", "expires_at": "1971-01-01T00:00:00Z"}
    file = lines(tmp_path / "facts.jsonl", [FACTS[0], ended])
    refused = policy(suite, "import", file, code=1).stderr
    assert "expiry_in_the_past: line 2: " in refused
    assert "--restore" in refused
    assert world.store.rows == []
    policy(suite, "import", file, "--restore")
    assert len(list(world.memory.facts.every())) == 2


def test_a_file_that_cannot_be_read_is_said_so(suite: Small, tmp_path: Path) -> None:
    assert "cannot be read" in policy(suite, "import", str(tmp_path / "none"), code=1).stderr
