"""Settings of the pages: what nobody could read or say stops the start, with the setting's name and the reason."""

import os
from pathlib import Path

import pytest

from chassis.settings import WrongSetting
from services.identity.settings import IdentitySettings

PREFIX = "WATCHWORD_IDENTITY_"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that starts the service, to be spoilt."""
    for name in [name for name in os.environ if name.startswith("WATCHWORD_")]:
        monkeypatch.delenv(name)
    for name in ("CA", "CERT", "KEY", "KEY_ENCRYPTION_KEY_FILE"):
        (tmp_path / name).write_text("")
        monkeypatch.setenv(PREFIX + name, str(tmp_path / name))
    for name, value in (("DATABASE", "postgresql://i@/i"), ("ISSUER", "http://127.0.0.1:8402")):
        monkeypatch.setenv(PREFIX + name, value)
    for number, name in enumerate(("REST", "GRPC", "TOKEN_GRPC", "POLICY_GRPC")):
        monkeypatch.setenv(PREFIX + name, f"127.0.0.1:{8401 + number}")
    return monkeypatch


def test_an_operators_name_logo_colours_and_words_are_on_the_pages(told: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "logo.svg").write_text("<svg/>")
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "fr.json").write_text('{"signin.title": "Connexion"}')
    told.setenv(f"{PREFIX}BRAND_NAME", "Example Ltd")
    told.setenv(f"{PREFIX}BRAND_LOGO", str(tmp_path / "logo.svg"))
    told.setenv(f"{PREFIX}BRAND_COLOUR", "#7A1F5C")
    told.setenv(f"{PREFIX}WORDS", str(tmp_path / "words"))
    settings = IdentitySettings.load()
    assert settings.brand.name == "Example Ltd"
    assert settings.brand.logo.content == b"<svg/>"
    assert settings.brand.style.content.startswith(b":root{--accent:#7a1f5c;")
    assert settings.languages.choose(("fr",), "")("signin.title") == "Connexion"


def test_without_any_the_pages_are_watchwords_own(told: pytest.MonkeyPatch) -> None:
    settings = IdentitySettings.load()
    assert (settings.brand.name, settings.brand.logo.media_type) == ("Watchword", "image/svg+xml")
    assert {"en", "de"} <= settings.languages.known.keys()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("BRAND_NAME", "x" * 61, "at most 60"),
        ("BRAND_COLOUR", "#ffff00", "nobody can read it on #ffffff: its contrast is 1.1, and 4.5 is needed"),
        ("BRAND_COLOUR", "red", "it is not a colour as #rrggbb"),
        ("BRAND_COLOUR_DARK", "#1f5c99", "nobody can read it on"),
        ("BRAND_LOGO", "words/fr.json", "a logo is a file .svg"),
        ("BRAND_LOGO", "no-such.svg", "not point to a file"),
        ("WORDS", "words", "fr: signin.to names {name}, which is not known there"),
        ("WORDS", "no-such", "not point to a directory"),
    ],
)
def test_what_nobody_could_read_or_say_stops_the_start(
    told: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, reason: str
) -> None:
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "fr.json").write_text('{"signin.to": "{name}"}')
    told.chdir(tmp_path)
    told.setenv(PREFIX + name, value)
    with pytest.raises(WrongSetting) as raised:
        IdentitySettings.load()
    assert f"{PREFIX}{name}: " in str(raised.value)
    assert reason in str(raised.value)
