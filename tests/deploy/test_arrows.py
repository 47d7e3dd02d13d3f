"""The network lets pass what the allow-lists of the RPCs know, and nothing else."""

import ast
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from ipaddress import ip_network
from itertools import product
from typing import Any

import pytest

from chassis import foundation
from chassis.rpc import callers
from chassis.settings import ServiceSettings
from services.identity.api import grpc as identity
from services.identity.settings import IdentitySettings
from services.policy.api import grpc as policy
from services.policy.settings import PolicySettings
from services.token.api import grpc as token
from services.token.settings import TokenSettings
from tests.deploy.kustomized import OVERLAYS, SERVICES, Object, overlay
from tests.deploy.tools import ROOT

Arrow = tuple[str, str, str]
"""From, to, protocol/port. Pods of the suite by name; others by what selects them."""

OWN = {"identity": identity.ALLOWED, "token": token.ALLOWED, "policy": policy.ALLOWED}
SETTINGS: dict[str, type[ServiceSettings]] = {
    "identity": IdentitySettings,
    "token": TokenSettings,
    "policy": PolicySettings,
}
REST = {"identity": "TCP/8401", "token": "TCP/8402", "policy": "TCP/8403"}
GRPC = {"identity": "TCP/9401", "token": "TCP/9402", "policy": "TCP/9403"}
POSTGRES = "watchword-data/cnpg.io/cluster=watchword"
KAFKA = "watchword-data/strimzi.io/cluster=watchword,strimzi.io/name=watchword-kafka"
DNS = "kube-system/k8s-app=kube-dns"
PROMETHEUS = "monitoring/app.kubernetes.io/name=prometheus"
PUBLIC = "the public network"
PRIVATE: list[Any] = [
    ip_network(one)
    for one in (
        *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    )
]
CALLERS = {"backend": "*/watchword/caller=backend", "operator": "*/watchword/caller=operator"}

each_overlay = pytest.mark.parametrize("name", OVERLAYS)


def listed(service: str) -> Mapping[str, AbstractSet[str]]:
    """Who may call what of a service, as its composition root adds it up. Health alone would be no reason to knock."""
    return {**OWN[service], **foundation.LOG_CALLERS, **foundation.PROJECTION_CALLERS}


def may_call(kind: str, caller: str, service: str) -> bool:
    """Whether any method of the service is open to that caller, be it by a grant or with an administrator's bearer."""
    open_to = {f"{kind}/*", f"{kind}/{caller}"}
    if kind != "service":
        open_to |= {callers.GRANTED, callers.ADMINISTRATOR}
    return any(set(allowed) & open_to for allowed in listed(service).values())


def dials(service: str) -> set[str]:
    """The peers that a service cannot start without: those that its composition root connects to."""
    fields = SETTINGS[service].model_fields
    return {peer for peer in SERVICES if f"{peer}_grpc" in fields and fields[f"{peer}_grpc"].is_required()}


def verifies_by_published_keys(service: str) -> bool:
    """Whether its composition root verifies bearers by the keys that token publishes."""
    tree = ast.parse((ROOT / f"services/{service}/__main__.py").read_text())
    imports = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return "chassis.verification" in imports


def expected(name: str) -> set[Arrow]:
    """The arrows by what the code says; those to the world outside are named one by one."""
    arrows = {
        (caller, service, GRPC[service])
        for caller, service in product(SERVICES, SERVICES)
        if service in dials(caller) and may_call("service", caller, service)
    }
    arrows |= {
        (who, service, GRPC[service])
        for (kind, who), service in product(CALLERS.items(), SERVICES)
        if may_call(kind, "any", service)
    }
    arrows.add(("token", PUBLIC, "TCP/443"))  # what clients publish, and where they are told of a session's end
    for service in SERVICES:
        arrows |= {("ingress-nginx", service, REST[service]), (PROMETHEUS, service, REST[service])}
        if verifies_by_published_keys(service):
            arrows |= {(service, "ingress-nginx", "TCP/443"), (service, "ingress-nginx", "TCP/8443")}
            if name == "dev":
                arrows.add((service, "token", REST["token"]))
        if name == "prod":
            arrows |= {(service, KAFKA, "TCP/9093"), (service, "observability", "TCP/4317")}
        for pod in (service, f"{service}-migrate"):
            arrows |= {(pod, DNS, "UDP/53"), (pod, DNS, "TCP/53"), (pod, POSTGRES, "TCP/5432")}
    return arrows


def pods(name: str) -> dict[str, Object]:
    """The pods of the suite by name, with labels and ports."""
    found = {}
    for who, template in overlay(name).pods():
        ports = [port for one in template["spec"]["containers"] for port in one.get("ports", ())]
        found[who.partition("/")[2]] = {
            "labels": template["metadata"]["labels"],
            "ports": {port["name"]: port["containerPort"] for port in ports},
        }
    return found


def selected(selector: Object, name: str) -> list[str]:
    """The pods of the suite that a selector without a namespace means."""
    return [pod for pod, about in pods(name).items() if _matches(selector, about["labels"])]


def _matches(selector: Object, labels: Mapping[str, str]) -> bool:
    assert set(selector) <= {"matchLabels", "matchExpressions"}
    for rule in selector.get("matchExpressions", ()):
        assert rule["operator"] == "In"
        if labels.get(rule["key"]) not in rule["values"]:
            return False
    return bool(dict(selector.get("matchLabels", {})).items() <= labels.items())


def ends(peer: Object, name: str) -> list[str]:
    """What a peer of a rule means."""
    if "ipBlock" in peer:
        block = ip_network(peer["ipBlock"]["cidr"])
        kept_out = [ip_network(one) for one in peer["ipBlock"].get("except", ())]
        reached = [one for one in PRIVATE if one.version == block.version and one.overlaps(block)]
        assert all(any(private.subnet_of(one) for one in kept_out) for private in reached), peer
        return [PUBLIC]
    assert set(peer) <= {"podSelector", "namespaceSelector"}, peer
    if "namespaceSelector" not in peer:
        return selected(peer["podSelector"], name)
    namespace = peer["namespaceSelector"].get("matchLabels", {}).get("kubernetes.io/metadata.name", "*")
    labels = peer.get("podSelector", {}).get("matchLabels", {})
    return ["/".join([namespace, ",".join(f"{key}={value}" for key, value in sorted(labels.items()))]).rstrip("/")]


def way(one: Object, direction: str, peers: str, name: str) -> Iterator[tuple[str, str, str]]:
    """(the pod, the other end, protocol/port) of every rule of that direction."""
    for rule in one["spec"].get(direction, ()):
        assert rule[peers], "a rule without peers would let in everybody"
        assert rule["ports"], "a rule without ports would open all of them"
        for pod, peer, port in product(selected(one["spec"]["podSelector"], name), rule[peers], rule["ports"]):
            for end in ends(peer, name):
                holder = pod if direction == "ingress" else end
                yield pod, end, f"{port['protocol']}/{_number(port['port'], holder, name)}"


def _number(port: Any, pod: str, name: str) -> Any:
    return pods(name)[pod]["ports"][port] if isinstance(port, str) else port


def drawn(name: str) -> tuple[set[Arrow], set[Arrow]]:
    """The arrows that are let in, and those that are let out."""
    let_in: set[Arrow] = set()
    let_out: set[Arrow] = set()
    for one in overlay(name).kind("NetworkPolicy"):
        let_in |= {(end, pod, port) for pod, end, port in way(one, "ingress", "from", name)}
        let_out |= {(pod, end, port) for pod, end, port in way(one, "egress", "to", name)}
    return let_in, let_out


@each_overlay
def test_nothing_passes_by_default(name: str) -> None:
    spec = overlay(name).one("NetworkPolicy", "deny-all")["spec"]
    assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@each_overlay
def test_exactly_the_arrows_of_the_allow_lists_pass(name: str) -> None:
    let_in, let_out = drawn(name)
    wanted = expected(name)
    ours = set(pods(name))
    assert let_in == {arrow for arrow in wanted if arrow[1] in ours}
    assert let_out == {arrow for arrow in wanted if arrow[0] in ours}


@each_overlay
def test_a_policy_says_for_which_direction_it_speaks(name: str) -> None:
    """A direction that has rules and is not named would not be held to them."""
    for one in overlay(name).kind("NetworkPolicy"):
        spoken = {direction.capitalize() for direction in ("ingress", "egress") if direction in one["spec"]}
        assert spoken <= set(one["spec"]["policyTypes"])
        assert one["metadata"]["namespace"] == "watchword"
