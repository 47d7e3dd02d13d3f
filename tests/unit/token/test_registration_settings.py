"""Who may register themselves is the operator's to say (WATCHWORD_TOKEN_REGISTRATION)."""

from pathlib import Path

import pytest

from chassis.settings import WrongSetting
from services.token.settings import TokenSettings

TOKEN = "an initial access token that was handed out"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """The settings that token cannot do without."""
    file = tmp_path / "file"
    file.write_text("x")
    peers = {"REST": "127.0.0.1:1", "GRPC": "127.0.0.1:2", "IDENTITY_GRPC": "127.0.0.1:3", "POLICY_GRPC": "127.0.0.1:4"}
    files = dict.fromkeys(("CA", "CERT", "KEY", "KEY_ENCRYPTION_KEY_FILE"), str(file))
    for name, value in (peers | files | {"DATABASE": "x", "ISSUER": "https://id.example"}).items():
        monkeypatch.setenv(f"WATCHWORD_TOKEN_{name}", value)
    return monkeypatch


def test_nobody_registers_unless_the_operator_says_so(told: pytest.MonkeyPatch) -> None:
    settings = TokenSettings.load()
    assert (settings.registration, settings.initial_access_token) == ("off", "")


def test_an_initial_access_token_may_stand_in_a_file_and_is_not_shown(told: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    told.setenv("WATCHWORD_TOKEN_REGISTRATION", "token")
    told.setenv("WATCHWORD_TOKEN_REGISTRATION_TOKEN_FILE", str(tmp_path / "token"))
    settings = TokenSettings.load()
    assert settings.initial_access_token == TOKEN
    assert TOKEN not in repr(settings)


def test_who_opens_registration_needs_no_token_even_where_one_is_set(told: pytest.MonkeyPatch) -> None:
    told.setenv("WATCHWORD_TOKEN_REGISTRATION", "open")
    told.setenv("WATCHWORD_TOKEN_REGISTRATION_TOKEN", TOKEN)
    assert TokenSettings.load().initial_access_token == ""


@pytest.mark.parametrize(
    ("registration", "token", "name"),
    [("yes", TOKEN, "REGISTRATION"), ("token", "short", "REGISTRATION_TOKEN"), ("token", "", "REGISTRATION_TOKEN")],
)
def test_what_admits_nobody_or_anybody_by_mistake_stops_the_start(
    told: pytest.MonkeyPatch, registration: str, token: str, name: str
) -> None:
    told.setenv("WATCHWORD_TOKEN_REGISTRATION", registration)
    told.setenv("WATCHWORD_TOKEN_REGISTRATION_TOKEN", token)

    def start() -> str:
        return TokenSettings.load().initial_access_token

    with pytest.raises(WrongSetting, match=f"WATCHWORD_TOKEN_{name}") as wrong:
        start()
    assert "short" not in str(wrong.value)
