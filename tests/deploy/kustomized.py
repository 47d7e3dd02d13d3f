"""The manifests as a cluster would get them."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from tests.deploy.tools import KUSTOMIZE, ROOT

K8S = ROOT / "deploy/k8s"
OVERLAYS = ("dev", "prod")
SERVICES = ("identity", "token", "policy")

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Manifests:
    """All objects of one kustomization."""

    objects: tuple[Object, ...]

    def kind(self, kind: str) -> list[Object]:
        return [one for one in self.objects if one["kind"] == kind]

    def one(self, kind: str, name: str) -> Object:
        """The object of that kind and name."""
        (found,) = [one for one in self.kind(kind) if one["metadata"]["name"] == name]
        return found

    def pods(self) -> Iterator[tuple[str, Object]]:
        """Every pod template, with the name of what makes pods of it."""
        for one in self.objects:
            if one["kind"] in ("Deployment", "Job"):
                yield f"{one['kind']}/{one['metadata']['name']}", one["spec"]["template"]

    def settings(self, service: str) -> dict[str, str]:
        """The environment that the service's Deployment gives to its process."""
        (container,) = self.one("Deployment", service)["spec"]["template"]["spec"]["containers"]
        told: dict[str, str] = {}
        for source in container["envFrom"]:
            told |= self.one("ConfigMap", source["configMapRef"]["name"])["data"]
        return told | {one["name"]: one["value"] for one in container.get("env", ())}


@cache
def manifests(path: str) -> Manifests:
    """What kustomize builds of deploy/k8s/<path>."""
    done = subprocess.run([str(KUSTOMIZE), "build", str(K8S / path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Manifests(tuple(yaml.safe_load_all(done.stdout)))


def overlay(name: str) -> Manifests:
    """An overlay, built."""
    return manifests(f"overlays/{name}")
