"""Every process is put in another release's place, under load, and no request fails."""

import subprocess
from pathlib import Path

import pytest

from tests.harness.history import PREVIOUS, ROOT
from tests.harness.replicas import BOTH, Release, replicas
from tests.harness.visitors import visited

CALLERS_FIRST = ("identity", "token", "policy")
"""A release before replicas ends without a word: who calls it is the new release by then, and asks again."""


@pytest.fixture
def previous(tmp_path: Path) -> Release:
    """The code of the release before this one."""
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", PREVIOUS], capture_output=True, check=True)
    root = tmp_path / "previous"
    root.mkdir()
    subprocess.run(["tar", "-x", "-C", str(root)], input=archive.stdout, check=True)
    return Release(root)


@pytest.mark.timeout(600)
async def test_a_rolling_upgrade_under_load_fails_no_request_and_one_can_go_back(
    tmp_path: Path, previous: Release
) -> None:
    async with replicas(tmp_path / "data", previous) as suite:
        async with visited(suite, keeping=False) as visit:
            await visit.goes_on()
            await suite.migrated()
            for name in CALLERS_FIRST:
                for number in BOTH:
                    await suite.replaced(name, number)
                    await visit.goes_on()
            await suite.replaced("identity", 0, previous)
            await visit.goes_on()
        assert visit.heard.failed == []
