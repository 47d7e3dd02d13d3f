"""A key-encryption key lies in a file that nobody else can read; while one takes another's place, both lie there."""

import base64
from pathlib import Path

import pytest

from chassis.keys import read_key_file
from chassis.settings import WrongSetting
from eventlog.sealing import Wrapping

OTHER = bytes(32)


def opens(wrapping: Wrapping, key: bytes) -> bool:
    """Whether it opens what this key wrapped."""
    return wrapping.unwrap("name", Wrapping(key).wrap("name", b"secret")) == b"secret"


KEY = base64.urlsafe_b64encode(bytes(range(224, 256))).decode()


@pytest.mark.parametrize("text", [KEY, KEY.rstrip("="), KEY + "\n"])
def test_a_key_file_holds_32_bytes_in_base64url(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kek"
    path.write_text(text)
    path.chmod(0o600)
    assert opens(read_key_file(path), bytes(range(224, 256)))


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        (KEY, 0o640, "group or others"),
        (KEY, 0o604, "group or others"),
        (KEY[:-4], 0o600, "not 32 bytes"),
        ("%" + KEY[1:], 0o600, "not 32 bytes"),
        ("", 0o600, "not 32 bytes"),
        (f"{KEY}\n{KEY[:-4]}", 0o600, "not 32 bytes"),
        ("schlüssel", 0o600, "not plain text"),
    ],
)
def test_a_key_file_that_others_can_read_or_that_holds_no_key_is_refused(
    tmp_path: Path, text: str, mode: int, reason: str
) -> None:
    path = tmp_path / "kek"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    with pytest.raises(WrongSetting, match=reason) as raised:
        read_key_file(path)
    assert KEY[1:-5] not in str(raised.value)


def test_the_first_line_wraps_and_the_others_open_what_they_wrapped(tmp_path: Path) -> None:
    path = tmp_path / "kek"
    path.write_text(f"{base64.urlsafe_b64encode(OTHER).decode()}\n{KEY}\n")
    path.chmod(0o600)
    wrapping = read_key_file(path)
    assert opens(wrapping, OTHER)
    assert opens(wrapping, bytes(range(224, 256)))
    assert Wrapping(OTHER).unwrap("name", wrapping.wrap("name", b"secret")) == b"secret"
