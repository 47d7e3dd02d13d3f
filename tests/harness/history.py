"""The release before this one, as the clone's history has it."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PREVIOUS = "a209f479300ae3b53e604b689435ef792aeb6a53"


def lacks_history() -> str | None:
    """Why the previous release cannot be had; None where it can."""
    found = subprocess.run(["git", "-C", str(ROOT), "cat-file", "-e", f"{PREVIOUS}^{{commit}}"], capture_output=True)
    if found.returncode == 0:
        return None
    return f"the release before this one ({PREVIOUS[:7]}) is not in this clone: git fetch --unshallow"
