"""What one suite keeps, it keeps for itself, and one `up` at a time."""

import stat
from pathlib import Path

import pytest

from suite.errors import Halt
from suite.place import Place, default_data, sole_use, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_default_is_named_by_the_environment_or_lies_in_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WATCHWORD_DATA", raising=False)
    assert default_data() == tmp_path / ".local" / "share" / "watchword"
    monkeypatch.setenv("WATCHWORD_DATA", "~/elsewhere")
    assert default_data() == tmp_path / "elsewhere"


def test_a_secret_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.furnish()
    made = place.secret("token.kek")
    assert Place(tmp_path).secret("token.kek") == made
    assert mode(place.secrets) == 0o700
    assert mode(place.secrets / "token.kek") == 0o600


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    write_private(path, "old")
    with path.open() as reader:
        write_private(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_in_use_is_refused_by_naming_its_user(tmp_path: Path) -> None:
    with sole_use(tmp_path), pytest.raises(Halt, match=r"in use by another `watchword up` \(process \d+\)"):
        sole_use(tmp_path).__enter__()
    with sole_use(tmp_path):
        pass
