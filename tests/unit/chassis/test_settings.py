"""A wrong setting stops the start with its name, the reason and an example, and no secret is shown."""

import os
from pathlib import Path

import pytest
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.addresses import Address, Target
from chassis.settings import ServiceSettings, WrongSetting, databases_or_exit


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="WATCHWORD_TRIAL_")

    token_grpc: Target = Field(examples=["127.0.0.1:9402"])


PREFIX = "WATCHWORD_TRIAL_"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that starts a service, to be spoilt."""
    for name in [name for name in os.environ if name.startswith("WATCHWORD_")]:
        monkeypatch.delenv(name)
    for name in ("ca", "cert", "key", "kek"):
        (tmp_path / name).write_text("")
        monkeypatch.setenv(f"{PREFIX}{name.upper()}", str(tmp_path / name))
    monkeypatch.delenv(f"{PREFIX}KEK")
    monkeypatch.setenv(f"{PREFIX}KEY_ENCRYPTION_KEY_FILE", str(tmp_path / "kek"))
    monkeypatch.setenv(f"{PREFIX}DATABASE", "postgresql://trial:hunter2@/trial")
    monkeypatch.setenv(f"{PREFIX}REST", "127.0.0.1:8401")
    monkeypatch.setenv(f"{PREFIX}GRPC", "[::1]:9401")
    monkeypatch.setenv(f"{PREFIX}TOKEN_GRPC", "localhost:9402")
    monkeypatch.setenv(f"{PREFIX}ISSUER", "http://127.0.0.1:8402")
    return monkeypatch


def refused() -> str:
    with pytest.raises(WrongSetting) as raised:
        Settings.load()
    return str(raised.value)


def test_a_service_is_told_by_its_environment(told: pytest.MonkeyPatch) -> None:
    told.setenv(f"{PREFIX}TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8")
    settings = Settings.load()
    assert settings.rest == Address("127.0.0.1", 8401)
    assert str(settings.grpc) == "[::1]:9401"
    assert settings.token_grpc == "localhost:9402"
    assert settings.jwks == "http://127.0.0.1:8402/.well-known/jwks.json"
    assert [str(network) for network in settings.trusted_proxies] == ["127.0.0.1/32", "10.0.0.0/8"]
    assert settings.database.get_secret_value().endswith("@/trial")


@pytest.mark.parametrize("peers", ["10.0.0.1:9402,10.0.0.2:9402", "[::1]:9402,[::2]:9402", "dns:///token:9402"])
def test_a_peer_may_be_several_processes(told: pytest.MonkeyPatch, peers: str) -> None:
    told.setenv(f"{PREFIX}TOKEN_GRPC", peers)
    assert Settings.load().token_grpc == peers


def test_a_secret_is_never_shown(told: pytest.MonkeyPatch) -> None:
    assert "hunter2" not in repr(Settings.load())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REST", "8401"),
        ("REST", "127.0.0.1:99999"),
        ("GRPC", "here:there"),
        ("TOKEN_GRPC", "http://127.0.0.1:9402"),
        ("TOKEN_GRPC", "127.0.0.1:9402,token.example.org:9402"),
        ("TOKEN_GRPC", "127.0.0.1:9402,[::1]:9402"),
        ("TOKEN_GRPC", "dns:///10.0.0.1"),
        ("DRAIN_PAUSE", "-1"),
        ("ISSUER", "127.0.0.1:8402"),
        ("ISSUER", "http://127.0.0.1:8402/"),
        ("ISSUER", "ftp://127.0.0.1"),
        ("PUBLIC_URL", "https://id.example.org/?x=1"),
        ("TRUSTED_PROXIES", "everyone"),
        ("CA", "/nowhere/ca.pem"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
        ("STOP_WITH_STDIN", "perhaps"),
    ],
)
def test_a_wrong_setting_is_named_with_a_reason_and_an_example(told: pytest.MonkeyPatch, name: str, value: str) -> None:
    told.setenv(PREFIX + name, value)
    message = refused()
    assert message.startswith(f"{PREFIX}{name}: ")
    assert f"Example: {PREFIX}{name}=" in message
    assert len(message.splitlines()) == 1


def test_every_missing_setting_is_named_at_once(told: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE", "ISSUER", "TOKEN_GRPC"):
        told.delenv(PREFIX + name)
    message = refused()
    assert f"{PREFIX}DATABASE (or {PREFIX}DATABASE_FILE): it is missing." in message
    assert f"{PREFIX}ISSUER: it is missing." in message
    assert f"{PREFIX}TOKEN_GRPC: it is missing." in message


def test_a_misspelt_setting_is_named(told: pytest.MonkeyPatch) -> None:
    told.setenv(f"{PREFIX}ISSUR", "http://127.0.0.1:8402")
    assert refused() == f"{PREFIX}ISSUR: there is no such setting. Did you mean {PREFIX}ISSUER?"


def test_what_kubernetes_adds_for_a_service_is_no_misspelling(told: pytest.MonkeyPatch) -> None:
    told.setenv(f"{PREFIX}SERVICE_HOST", "10.0.0.1")
    told.setenv(f"{PREFIX}PORT_8401_TCP_ADDR", "10.0.0.1")
    Settings.load()


def test_a_secret_may_lie_in_a_file(told: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told.delenv(f"{PREFIX}DATABASE")
    (tmp_path / "dsn").write_text("postgresql://trial:hunter3@/trial\n")
    told.setenv(f"{PREFIX}DATABASE_FILE", str(tmp_path / "dsn"))
    assert Settings.load().database.get_secret_value() == "postgresql://trial:hunter3@/trial"
    told.setenv(f"{PREFIX}DATABASE_FILE", "/nowhere/dsn")
    assert refused().startswith(f"{PREFIX}DATABASE_FILE: /nowhere/dsn cannot be read: No such file")


def test_own_origins_are_where_it_listens_and_the_public_one(told: pytest.MonkeyPatch) -> None:
    told.setenv(f"{PREFIX}PUBLIC_URL", "https://ID.example.org/auth")
    origins = Settings.load().origins
    assert {"http://127.0.0.1:8401", "http://localhost:8401", "https://id.example.org"} <= origins
    assert "http://127.0.0.1:8402" not in origins


def test_migrating_needs_no_certificate_no_key_and_no_other_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("WATCHWORD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(f"{PREFIX}DATABASE", "postgresql://trial@/trial")
    monkeypatch.setenv(f"{PREFIX}OWNER_DATABASE", "postgresql://trial_owner:hunter2@/trial")
    monkeypatch.setenv(f"{PREFIX}KAFKA_PASSWORD_FILE", "/nowhere")
    told = databases_or_exit(Settings)
    assert told.owner_database is not None
    assert told.owner_database.get_secret_value().startswith("postgresql://trial_owner")
    monkeypatch.setenv(f"{PREFIX}OWNER_DATABSE", "x")
    with pytest.raises(SystemExit):
        databases_or_exit(Settings)
    assert "Did you mean" in capsys.readouterr().err
