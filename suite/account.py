"""The user that PostgreSQL runs as. It refuses root, so root's suite runs it as one that owns nothing else."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from suite.errors import Halt
from suite.place import refuse_foreign


@dataclass(frozen=True, slots=True)
class Account:
    """A system user, by number."""

    name: str
    uid: int
    gid: int

    def enters(self, path: Path) -> bool:
        """Whether it may pass through the directory, by owner, group and mode."""
        return self._may(path, stat.S_IXUSR, stat.S_IXGRP, stat.S_IXOTH)

    def reads(self, path: Path) -> bool:
        return self._may(path, stat.S_IRUSR, stat.S_IRGRP, stat.S_IROTH)

    def stopped_at(self, path: Path) -> Path | None:
        """The first directory on the way to `path`, itself included, that it may not enter; None where it arrives."""
        way = path.resolve()
        return next((step for step in (*reversed(way.parents), way) if not self.enters(step)), None)

    def _may(self, path: Path, owner: int, group: int, other: int) -> bool:
        about = path.stat()
        if about.st_uid == self.uid:
            return bool(about.st_mode & owner)
        return bool(about.st_mode & (group if about.st_gid == self.gid else other))


def database_account(cluster: Path) -> Account | None:
    """Who PostgreSQL runs as: None is the caller itself; for root the cluster's owner, or `nobody` for a new one."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwuid(cluster.stat().st_uid) if cluster.exists() else pwd.getpwnam("nobody")
    except KeyError:
        raise Halt(
            "PostgreSQL does not run as root, and there is no user `nobody` to run it as: run `watchword up` as an "
            "ordinary user, or name your own server with --postgres DSN"
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def make_data(data: Path, account: Account | None) -> None:
    """Makes DIR where it does not exist, so that the account can work in it; refuses one that it cannot reach.

    What the suite did not make keeps its permissions. PostgreSQL starts inside its directory, so what lies above a DIR
    that the suite made need not be open to its account.
    """
    try:
        if not data.exists():
            _make(data, 0o700 if account is None else 0o711)
        else:
            _take(data, account)
    except OSError as error:
        raise Halt(f"{data} cannot be used ({error.strerror}): name another with --data DIR") from error


def _make(data: Path, mode: int) -> None:
    data.parent.mkdir(parents=True, exist_ok=True)
    data.mkdir()
    data.chmod(mode)


def _take(data: Path, account: Account | None) -> None:
    if not data.is_dir():
        raise Halt(f"{data} is not a directory: name another with --data DIR")
    if not os.access(data, os.W_OK | os.X_OK):
        raise Halt(f"{data} cannot be written by you: name another with --data DIR, or have its owner let you in")
    refuse_foreign(data)
    _refuse_anothers(data)
    if account is not None:
        _refuse_unreachable(data, account)


def _refuse_anothers(data: Path) -> None:
    """Two users in one DIR would lock each other out of their files."""
    secrets = data / "secrets"
    owner = secrets.stat().st_uid if secrets.exists() else os.geteuid()
    if owner != os.geteuid():
        raise Halt(f"{data} is the suite of user {owner}: run it as that user, or name another with --data DIR")


def _refuse_unreachable(data: Path, account: Account) -> None:
    ours = (data / "secrets").exists()
    barrier = (None if account.enters(data) else data) if ours else account.stopped_at(data)
    if barrier is None:
        return
    raise Halt(
        f"{data} cannot be used: as root, PostgreSQL runs as the user `{account.name}`, who cannot enter {barrier} "
        f"(mode {stat.S_IMODE(barrier.stat().st_mode):04o}), and the suite changes no permissions that it did not set. "
        f"Either let it in (chmod o+x {barrier}), or name a DIR that does not exist yet, which `up` then makes as it "
        "needs it, or run `watchword up` as an ordinary user"
    )
