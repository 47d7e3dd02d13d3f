"""What each service is told: its own settings, no other's secret, and no secret in its environment."""

import base64
from pathlib import Path

import pytest

from suite.authority import Authority
from suite.children import Command
from suite.databases import SERVICES, Database
from suite.fleet import Fleet
from suite.kafka.choice import Kafka
from suite.place import Place
from suite.ports import Address

DATABASE = Database(owner="postgresql://token_owner:owners-own@/token", running="postgresql://token:runners-own@/token")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.furnish()
    return place


def serve(place: Place, fleet: Fleet, name: str = "token") -> Command:
    return fleet.serve(name, place, Authority(place), DATABASE)


def test_ports_are_the_documented_ones() -> None:
    fleet = Fleet()
    assert [fleet.url(name) for name in SERVICES] == [f"http://127.0.0.1:840{n}" for n in (1, 2, 3)]
    assert [fleet.target(name) for name in SERVICES] == [f"127.0.0.1:940{n}" for n in (1, 2, 3)]


def test_the_issuer_is_token_or_the_public_url() -> None:
    assert Fleet().issuer == "http://127.0.0.1:8402"
    assert Fleet(public_url="https://id.example.org").issuer == "https://id.example.org"
    assert Fleet(public_url="https://id.example.org").url("token") == "http://127.0.0.1:8402"


def test_who_serves_clients_learns_where_they_show_certificates(place: Place) -> None:
    fleet = Fleet(mtls_url="https://mtls.example.org")
    for name in SERVICES:
        env, prefix = serve(place, fleet, name).env, f"WATCHWORD_{name.upper()}"
        told = (env.get(f"{prefix}_MTLS_URL"), env.get(f"{prefix}_CLIENT_CERTIFICATE_HEADER"))
        assert told == ((None, None) if name == "policy" else ("https://mtls.example.org", "X-Client-Certificate"))


def test_secrets_are_files_that_only_their_owner_reads(place: Place) -> None:
    env = serve(place, Fleet()).env
    files = [Path(env[f"WATCHWORD_TOKEN_{name}"]) for name in ("DATABASE_FILE", "KEY_ENCRYPTION_KEY_FILE", "KEY")]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert files[0].read_text() == DATABASE.running
    assert len(base64.urlsafe_b64decode(files[1].read_text() + "=")) == 32
    assert not any("runners-own" in value for name, value in env.items() if name.startswith("WATCHWORD_"))


def test_only_the_migration_has_the_owners_role(place: Place) -> None:
    authority = Authority(place)
    migrate = Fleet().migrate("token", place, authority, DATABASE)
    assert migrate.argv[-1] == "services.token.migrate"
    assert Path(migrate.env["WATCHWORD_TOKEN_OWNER_DATABASE_FILE"]).read_text() == DATABASE.owner
    assert "WATCHWORD_TOKEN_OWNER_DATABASE_FILE" not in serve(place, Fleet()).env


def test_a_service_is_told_its_peers_and_not_their_settings(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_IDENTITY_DATABASE", "not for token")
    monkeypatch.setenv("WATCHWORD_TOKEN_LOG_LEVEL", "debug")
    env = serve(place, Fleet(grpc={name: Address("0.0.0.0", 9000 + n) for n, name in enumerate(SERVICES)})).env
    assert env["WATCHWORD_TOKEN_IDENTITY_GRPC"] == "127.0.0.1:9000"
    assert env["WATCHWORD_TOKEN_GRPC"] == "0.0.0.0:9001"
    assert env["WATCHWORD_TOKEN_LOG_LEVEL"] == "debug"
    assert "WATCHWORD_TOKEN_TOKEN_GRPC" not in env
    assert "WATCHWORD_IDENTITY_DATABASE" not in env


def test_a_service_is_told_the_brokers_where_there_are_some(place: Place) -> None:
    assert not [name for name in serve(place, Fleet()).env if "KAFKA" in name]
    env = serve(place, Fleet(kafka=Kafka.parse("kafka-1:9092,kafka-2:9092", "mine"))).env
    assert env["WATCHWORD_TOKEN_KAFKA"] == "kafka-1:9092,kafka-2:9092"
    assert env["WATCHWORD_TOKEN_KAFKA_TOPICS"] == "mine"


def test_no_service_is_given_the_logins_that_up_and_migrations_use(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins = ("POSTGRES", "TOKEN_OWNER_DATABASE", "TOKEN_OWNER_DATABASE_FILE", "POLICY_DATABASE", "OF_LATER")
    for name in logins:
        monkeypatch.setenv(f"WATCHWORD_{name}", "postgresql://root:a-superusers@/postgres")
    monkeypatch.setenv("PGPASSWORD", "a-superusers")
    migrate = Fleet().migrate("token", place, Authority(place), DATABASE).env
    for env in (serve(place, Fleet()).env, serve(place, Fleet(), "identity").env, migrate):
        assert not [name for name, value in env.items() if "a-superusers" in value]
