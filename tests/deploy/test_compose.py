"""deploy/compose: what the containers are given, and how they hang together. No test runs Docker itself."""

import importlib.util
import os
import re
import shlex
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import pytest
import yaml

from chassis.keys import read_key_file
from chassis.rpc import Tls
from chassis.settings import ServiceSettings
from services.identity.settings import IdentitySettings
from services.policy.settings import PolicySettings
from services.token.settings import TokenSettings
from suite import contract
from suite.databases import SERVICES, Server
from suite.place import Place
from tests.deploy.tools import ROOT
from tests.integration.conftest import Cluster

COMPOSE = ROOT / "deploy/compose"
USER = 65532
SETTINGS: dict[str, type[ServiceSettings]] = {
    "identity": IdentitySettings,
    "token": TokenSettings,
    "policy": PolicySettings,
}


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
    return found


def prepare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prepare", COMPOSE / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def said(value: Any) -> str:
    """A value with the defaults of its variables."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))


async def test_a_service_is_given_what_it_needs_and_reads_it_alone(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [one for one in os.environ if one.startswith("WATCHWORD_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("WATCHWORD_ORIGIN", "http://127.0.0.1:8080")
    made, place, given = prepare(), Place(tmp_path / "authority"), tmp_path / "given"
    place.data.mkdir()
    place.furnish()
    made.make_secrets(place, given)
    made.make_secrets(place, given)  # a second start changes nothing
    await made.make_databases(Place(cluster.data), given, Server(cluster.server.dsn, ours=True))

    assert contract.read(place).token.grpc == "token:9402"
    for name in SERVICES:
        files = {path.name: path.stat() for path in (given / name).iterdir()}
        assert {(about.st_uid, about.st_mode & 0o777) for about in files.values()} == {(USER, 0o400)}
        for variable, value in services()[name]["environment"].items():
            monkeypatch.setenv(variable, said(value).replace("/run/watchword", str(given / name)))
        settings = SETTINGS[name].load()
        Tls.load(settings.ca, settings.cert, settings.key)
        read_key_file(settings.key_encryption_key_file)
        connection = await asyncpg.connect(settings.database.get_secret_value())
        assert await connection.fetchval("SELECT current_user") == name
        await connection.close()
        assert "owner-database" not in files
        assert {path.name for path in (given / f"{name}-owner").iterdir()} == {"owner-database"}


def test_every_container_of_ours_is_confined() -> None:
    for name, one in services().items():
        if one.get("image") == "watchword" or name == "nginx":
            assert one["read_only"] is True, name
            assert one["cap_drop"] == ["ALL"], name
            assert one["security_opt"] == ["no-new-privileges:true"], name
        assert not one.get("privileged"), name


def test_no_secret_is_in_an_environment() -> None:
    for name, one in services().items():
        for variable, value in one.get("environment", {}).items():
            assert "@" not in str(value) or re.fullmatch(r"(postgresql://\w+@/\w+|1@kafka:9093)", value), (
                name,
                variable,
            )
            assert "PASSWORD" not in variable or variable.endswith("_FILE"), (name, variable)


def test_what_a_service_mounts_is_its_own() -> None:
    for name in SERVICES:
        assert services()[name]["volumes"] == [f"{name}:/run/watchword:ro"]
        assert services()[f"{name}-migrate"]["volumes"] == [f"{name}-owner:/run/watchword:ro"]


def test_only_the_one_origin_is_published() -> None:
    published = {name: one["ports"] for name, one in services().items() if "ports" in one}
    assert published == {"nginx": ["127.0.0.1:8080:8080"]}


def test_each_step_waits_for_the_one_before_it() -> None:
    waits = {name: one.get("depends_on", {}) for name, one in services().items()}
    assert waits["postgres"] == {"secrets": {"condition": "service_completed_successfully"}}
    assert waits["databases"] == {"postgres": {"condition": "service_healthy"}}
    for name in SERVICES:
        assert waits[f"{name}-migrate"] == {"databases": {"condition": "service_completed_successfully"}}
        assert waits[name] == {f"{name}-migrate": {"condition": "service_completed_successfully"}}
        assert waits["nginx"][name] == {"condition": "service_healthy"}


def test_nginx_has_the_file_that_everybody_has_with_the_names_of_this_network() -> None:
    rewriting = shlex.split(services()["nginx"]["command"][2].partition(">")[0])
    rewriting[-1] = str(ROOT / "deploy/nginx/watchword.conf")
    text = subprocess.run(rewriting, capture_output=True, text=True, check=True).stdout
    targets = [line.split()[1] for line in text.splitlines() if line.strip().startswith("server ") and "{" not in line]
    # Identity twice: its pages have an upstream of their own.
    assert targets == ["identity:8401", "identity:8401", "token:8402", "policy:8403"]
    assert "listen 8080;" in text
    assert "127.0.0.1" not in text
