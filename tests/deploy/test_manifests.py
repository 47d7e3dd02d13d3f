"""What the manifests for Kubernetes promise, on what kustomize builds of them.

The kinds of Kubernetes itself are checked against its schemas. Those of cert-manager, the Prometheus operator, Strimzi
and CloudNativePG are not known to kubernetes-validate: of them only what is asserted here holds.
"""

import base64
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from kubernetes_validate.utils import validate

from chassis.process import LAST_RESORT
from chassis.rpc.client import server_name
from chassis.settings import ServiceSettings
from services.identity.settings import IdentitySettings
from services.policy.settings import PolicySettings
from services.token.settings import TokenSettings
from suite.authority import uri
from tests.deploy.kustomized import K8S, OVERLAYS, SERVICES, Manifests, Object, manifests, overlay

KUBERNETES = ("1.30", "1.34")
FOREIGN = {
    "cert-manager.io/v1",
    "monitoring.coreos.com/v1",
    "postgresql.cnpg.io/v1",
    "kafka.strimzi.io/v1beta2",
}
NOT_OURS = {"postgres-ca", "kafka-ca", *(f"{service}-certificate" for service in SERVICES)}
"""What the clusters and cert-manager make."""
EXAMPLES = ("examples/cloudnative-pg", "examples/strimzi", "examples/operator")
SETTINGS: dict[str, type[ServiceSettings]] = {
    "identity": IdentitySettings,
    "token": TokenSettings,
    "policy": PolicySettings,
}

READS = {"identity": {"identity", "token"}, "token": {"token", "identity"}, "policy": set(SERVICES)}

each_overlay = pytest.mark.parametrize("name", OVERLAYS)


@pytest.mark.parametrize("path", [*(f"overlays/{name}" for name in OVERLAYS), *EXAMPLES])
def test_every_object_is_what_its_schema_says(path: str) -> None:
    for one in manifests(path).objects:
        if one["apiVersion"] in FOREIGN:
            assert {"kind", "metadata", "spec"} <= set(one), one
            assert one["metadata"]["name"]
        else:
            for version in KUBERNETES:
                validate(one, version, strict=True)


def test_every_object_is_in_the_namespace_which_is_restricted() -> None:
    for one in overlay("prod").objects:
        assert one["kind"] == "Namespace" or one["metadata"]["namespace"] == "watchword", one
    (namespace,) = overlay("prod").kind("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@each_overlay
def test_every_pod_and_container_is_restricted(name: str) -> None:
    for who, template in overlay(name).pods():
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True, who
        assert pod["securityContext"]["runAsUser"] == 65532, who
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, who
        assert pod["automountServiceAccountToken"] is False, who
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), who
        for container in [*pod["containers"], *pod["initContainers"]]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, who
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}, who
            assert "memory" in container["resources"]["limits"], who


@each_overlay
def test_no_secret_is_in_an_environment(name: str) -> None:
    built = overlay(name)
    for who, template in built.pods():
        for container in [*template["spec"]["containers"], *template["spec"]["initContainers"]]:
            assert all("value" in one and _harmless(one["value"]) for one in container.get("env", ())), who
            assert all(set(one) == {"configMapRef"} for one in container.get("envFrom", ())), who
    for settings in built.kind("ConfigMap"):
        assert all(_harmless(value) for value in settings["data"].values())


def _harmless(value: str) -> bool:
    return "://" not in value or ":" not in value.partition("://")[2].partition("@")[0] or "@" not in value


@each_overlay
def test_secrets_are_copied_to_memory_where_their_user_alone_reads_them(name: str) -> None:
    for who, template in overlay(name).pods():
        pod = template["spec"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert volumes["secrets"]["emptyDir"]["medium"] == "Memory", who
        (init,), (container,) = pod["initContainers"], pod["containers"]
        assert "install -m 0400" in init["command"][-1], who
        assert {mount["name"] for mount in container["volumeMounts"]} == {"secrets", "tmp"}, who
        assert next(mount for mount in container["volumeMounts"] if mount["name"] == "secrets")["readOnly"], who


@each_overlay
def test_only_a_migration_holds_the_owners_role(name: str) -> None:
    for who, template in overlay(name).pods():
        (given,) = [volume for volume in template["spec"]["volumes"] if volume["name"] == "given"]
        secrets = {source["secret"]["name"] for source in given["projected"]["sources"]}
        owners = {one for one in secrets if one.endswith("-owner-database")}
        assert bool(owners) == who.startswith("Job/"), who
        if owners:
            assert secrets == owners | {"postgres-ca"}, who


@each_overlay
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_replicas_that_may_not_all_go_at_once(name: str, service: str) -> None:
    built = overlay(name)
    deployment = built.one("Deployment", service)["spec"]
    scalers = [one["spec"] for one in built.kind("HorizontalPodAutoscaler") if one["metadata"]["name"] == service]
    # Where an autoscaler says how many, an apply must not say another number.
    assert ("replicas" in deployment) != bool(scalers)
    assert min([deployment.get("replicas", 2), *(one["minReplicas"] for one in scalers)]) >= 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    budget = built.one("PodDisruptionBudget", service)["spec"]
    assert budget["maxUnavailable"] == 1
    labels = deployment["template"]["metadata"]["labels"]
    assert budget["selector"]["matchLabels"].items() <= labels.items()
    spread = {one["topologyKey"]: one for one in deployment["template"]["spec"]["topologySpreadConstraints"]}
    assert set(spread) == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    for one in spread.values():
        assert one["labelSelector"]["matchLabels"].items() <= labels.items()
        assert "app.kubernetes.io/name" in one["matchLabelKeys"]


@pytest.mark.parametrize("service", SERVICES)
def test_probes_ask_what_they_are_for_and_a_drain_is_given_its_time(service: str) -> None:
    built = overlay("prod")
    pod = built.one("Deployment", service)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert asked == {
        "startup": {"path": "/livez", "port": "rest"},
        "liveness": {"path": "/livez", "port": "rest"},
        "readiness": {"path": "/readyz", "port": "rest"},
    }
    pause = float(built.settings(service)[f"WATCHWORD_{service.upper()}_DRAIN_PAUSE"])
    assert pod["terminationGracePeriodSeconds"] >= pause + LAST_RESORT
    probe = container["readinessProbe"]
    assert pause > probe["periodSeconds"] * probe["failureThreshold"], "everybody hears that it goes before it goes"


@each_overlay
@pytest.mark.parametrize("service", SERVICES)
def test_the_service_takes_the_settings(
    name: str, service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = overlay(name).settings(service)
    for variable in [one for one in os.environ if one.startswith("WATCHWORD_")]:
        monkeypatch.delenv(variable)
    for variable, value in told.items():
        if value.startswith("/run/watchword/"):
            value = str(tmp_path / Path(value).name)
            Path(value).write_text("anything")
        monkeypatch.setenv(variable, value)
    settings = SETTINGS[service].load()
    assert settings.issuer == settings.public_url
    assert (settings.cluster is not None) == (name == "prod")
    if settings.cluster is not None:
        assert settings.cluster.security == "sasl_ssl"
        assert settings.kafka_create_topics is False


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_reads_is_mounted(service: str) -> None:
    built = overlay("prod")
    pod = built.one("Deployment", service)["spec"]["template"]["spec"]
    (given,) = [volume for volume in pod["volumes"] if volume["name"] == "given"]
    paths = {"ca.crt", "tls.crt", "tls.key"}
    paths |= {item["path"] for source in given["projected"]["sources"] for item in source["secret"].get("items", ())}
    read = {value for value in built.settings(service).values() if value.startswith("/")}
    assert read <= {f"/run/watchword/{path}" for path in paths}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_reached_where_its_peers_look_for_it(service: str) -> None:
    built = overlay("prod")
    ports = {port["name"]: port["port"] for port in built.one("Service", service)["spec"]["ports"]}
    labels = built.one("Deployment", service)["spec"]["template"]["metadata"]["labels"]
    assert built.one("Service", service)["spec"]["selector"].items() <= labels.items()
    pods = built.one("Service", f"{service}-pods")["spec"]
    assert pods["clusterIP"] == "None"
    assert pods["selector"] == built.one("Service", service)["spec"]["selector"]
    assert [port["port"] for port in pods["ports"]] == [ports["grpc"]]
    for peer in SERVICES:
        told = built.settings(peer)
        if peer != service:
            assert told[f"WATCHWORD_{peer.upper()}_{service.upper()}_GRPC"] == f"dns:///{service}-pods:{ports['grpc']}"
        else:
            assert told[f"WATCHWORD_{peer.upper()}_GRPC"] == f"0.0.0.0:{ports['grpc']}"
            assert told[f"WATCHWORD_{peer.upper()}_REST"] == f"0.0.0.0:{ports['rest']}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_certificate_names_its_service_as_callers_check_it(service: str) -> None:
    spec = overlay("prod").one("Certificate", service)["spec"]
    assert spec["uris"] == [uri("service", service)]
    assert server_name(service) in spec["dnsNames"]
    assert {"server auth", "client auth"} <= set(spec["usages"])
    assert spec["secretName"] == f"{service}-certificate"
    assert spec["issuerRef"] == {"name": "authority", "kind": "Issuer"}


def test_the_operators_certificate_names_one_caller() -> None:
    spec = overlay("prod").one("Certificate", "admin")["spec"]
    assert spec["uris"] == [uri("operator", "admin")]
    assert "server auth" not in spec["usages"]


def test_prod_holds_no_secret_at_all() -> None:
    assert overlay("prod").kind("Secret") == []


def test_the_script_makes_every_secret_that_is_asked_for_anew_each_time() -> None:
    made = secrets_made()
    asked = {("watchword", name) for name in _asked(overlay("prod")) if name not in NOT_OURS}
    roles = manifests("examples/cloudnative-pg").kind("Cluster")[0]["spec"]["managed"]["roles"]
    asked |= {("watchword-data", role["passwordSecret"]["name"]) for role in roles}
    asked |= {("watchword-data", f"kafka-{service}") for service in SERVICES}
    assert set(made) == asked
    for service in SERVICES:
        for role, suffix in ((service, ""), (f"{service}_owner", "-owner")):
            basic = made["watchword-data", f"role-{service}{suffix}"]
            dsn = urlsplit(made["watchword", f"{service}{suffix}-database"]["dsn"])
            assert (dsn.username, dsn.password, dsn.path) == (basic["username"], basic["password"], f"/{service}")
            assert basic["username"] == role
            assert "sslmode=verify-full" in dsn.query
        assert made["watchword", f"{service}-kafka"] == made["watchword-data", f"kafka-{service}"]
        assert len(base64.urlsafe_b64decode(made["watchword", f"{service}-key-encryption-key"]["key"] + "=")) == 32
    values = [value for one in made.values() for name, value in one.items() if name != "username"]
    again = [value for one in secrets_made().values() for name, value in one.items() if name != "username"]
    assert not set(values) & set(again)


def secrets_made() -> dict[tuple[str, str], dict[str, str]]:
    done = subprocess.run(["sh", str(K8S / "secrets.sh")], capture_output=True, text=True, check=True)
    found = list(yaml.safe_load_all(done.stdout))
    return {(one["metadata"]["namespace"], one["metadata"]["name"]): one["stringData"] for one in found}


def _asked(built: Manifests) -> Iterator[str]:
    for _, template in built.pods():
        for volume in template["spec"]["volumes"]:
            for source in volume.get("projected", {}).get("sources", ()):
                yield source["secret"]["name"]


def test_only_its_relay_may_write_a_topic_and_only_who_follows_it_may_read_it() -> None:
    built = manifests("examples/strimzi")
    topics = {one["spec"].get("topicName", one["metadata"]["name"]): one["spec"] for one in built.kind("KafkaTopic")}
    assert set(topics) == {f"watchword.{service}.events.v1" for service in SERVICES}
    for spec in topics.values():
        assert (spec["partitions"], spec["replicas"]) == (1, 3)
        assert spec["config"]["cleanup.policy"] == "delete"
        assert spec["config"]["min.insync.replicas"] == 2
    for service in SERVICES:
        user = built.one("KafkaUser", f"watchword-{service}")
        rules = user["spec"]["authorization"]["acls"]
        writes = [_granted(rule) for rule in rules if "Write" in rule["operations"]]
        assert writes == [("topic", f"watchword.{service}.events.v1")]
        reads = {_granted(rule) for rule in rules if "Read" in rule["operations"]}
        assert reads == {("topic", f"watchword.{log}.events.v1") for log in READS[service]}
        assert all(rule["resource"].get("patternType", "literal") == "literal" for rule in rules)
        assert not any(set(rule["operations"]) & {"All", "Create", "Delete", "Alter"} for rule in rules)


def _granted(rule: Object) -> tuple[Any, Any]:
    return rule["resource"]["type"], rule["resource"]["name"]


def test_each_database_is_its_owners_and_each_role_has_a_secret_of_its_own() -> None:
    built = manifests("examples/cloudnative-pg")
    (cluster,) = built.kind("Cluster")
    roles = {role["name"]: role for role in cluster["spec"]["managed"]["roles"]}
    assert set(roles) == {name for service in SERVICES for name in (service, f"{service}_owner")}
    assert all(role["login"] and not role.get("superuser") for role in roles.values())
    assert len({role["passwordSecret"]["name"] for role in roles.values()}) == len(roles)
    databases = {one["spec"]["name"]: one["spec"]["owner"] for one in built.kind("Database")}
    assert databases == {service: f"{service}_owner" for service in SERVICES}
