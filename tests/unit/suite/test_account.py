"""Root's PostgreSQL runs as somebody else, and no directory that the suite did not make is opened for it."""

import os
import stat
from pathlib import Path

import pytest

from suite.account import Account, make_data
from suite.errors import Halt

STRANGER = Account("stranger", 64_001, 64_001)
ME = Account("me", os.geteuid(), os.getegid())


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    directory = tmp_path / "closed"
    directory.mkdir(mode=0o700)
    return directory


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_closed_directory_on_the_way_is_named(closed: Path) -> None:
    (closed / "open").mkdir(mode=0o755)
    assert STRANGER.stopped_at(closed / "open") in (closed, *closed.parents)
    assert ME.stopped_at(closed / "open") is None


@pytest.mark.parametrize(("bits", "enters"), [(0o700, False), (0o701, True), (0o770, False), (0o706, False)])
def test_a_stranger_enters_by_the_bits_for_others(closed: Path, bits: int, enters: bool) -> None:
    closed.chmod(bits)
    assert STRANGER.enters(closed) is enters


def test_a_directory_that_does_not_exist_is_made_even_below_a_closed_one(closed: Path) -> None:
    make_data(closed / "a" / "data", STRANGER)
    assert STRANGER.enters(closed / "a" / "data")
    assert mode(closed) == 0o700
    make_data(closed / "mine", None)
    assert mode(closed / "mine") == 0o700


def test_one_that_the_suite_made_is_taken_again(closed: Path) -> None:
    data = closed / "data"
    make_data(data, STRANGER)
    (data / "secrets").mkdir()
    make_data(data, STRANGER)


def test_an_unreachable_one_is_refused_with_the_reason_and_nothing_is_changed(closed: Path) -> None:
    data = closed / "data"
    data.mkdir(mode=0o755)
    with pytest.raises(Halt, match=r"stranger.*cannot enter .* \(mode 07.0\).*chmod o\+x"):
        make_data(data, STRANGER)
    assert (mode(closed), mode(data)) == (0o700, 0o755)
    assert list(data.iterdir()) == []


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Halt, match="is not a directory"):
        make_data(tmp_path / "file", None)


def test_a_directory_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(Halt, match=r"is not empty, and no suite has run there .*--data DIR"):
        make_data(tmp_path, None)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    (tmp_path / "lock").touch()
    make_data(tmp_path, None)


def test_a_place_where_nothing_can_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Halt, match="cannot be used"):
        make_data(tmp_path / "file" / "data", None)
    with pytest.raises(Halt, match="cannot be used"):
        make_data(Path("/proc/data"), None)


def test_the_suite_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    try:
        os.chown(tmp_path / "secrets", STRANGER.uid, STRANGER.gid)
    except PermissionError:  # only root can make somebody else's; whoever is not root has root's
        (tmp_path / "secrets").rmdir()
        (tmp_path / "secrets").symlink_to("/")
    with pytest.raises(Halt, match=r"is the suite of user \d+"):
        make_data(tmp_path, None)
