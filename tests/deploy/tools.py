"""What the tests of deploy/ need of the machine, and why they cannot run where it is missing."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools"
KUSTOMIZE = TOOLS / "kustomize"
DEBIAN = TOOLS / "debian"
REQUIRED = "WATCHWORD_REQUIRE_IMAGE"
"""Set to 1 (.ci/run does), what cannot run is an error."""


def no_image() -> str | None:
    """Why the image cannot be built here; None where it can."""
    if os.geteuid() != 0:
        return "building the image without Docker needs root"
    missing = [name for name in ("buildah", "unshare", "mount") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not found: apt-get install buildah"
    if not (DEBIAN / "usr/bin/python3").exists():
        return "no base image: apt-get install debootstrap, then make tools"
    return no_manifests()


def not_root() -> str | None:
    """Why files cannot be given to other users here; None where they can."""
    return None if os.geteuid() == 0 else "giving files to other users needs root"


def no_manifests() -> str | None:
    """Why the manifests cannot be built here; None where they can."""
    return None if KUSTOMIZE.exists() else "kustomize not found: make tools"


def no_nginx() -> str | None:
    """Why there can be no proxy here; None where there can."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return None if found else "nginx not found: apt-get install nginx-light"


def no_origin() -> str | None:
    """Why the one public origin cannot be asked here; None where it can."""
    return no_nginx() or no_manifests()


NEEDS = {
    "test_image.py": no_image,
    "test_manifests.py": no_manifests,
    "test_arrows.py": no_manifests,
    "test_public_origin.py": no_origin,
    "test_alerts.py": no_manifests,
    "test_compose.py": not_root,
    "test_certificates_through_nginx.py": no_nginx,
    "test_behind_tls.py": no_nginx,
}


def missing() -> dict[str, str]:
    """The files of tests that cannot run here, each with the reason."""
    return {name: reason for name, why_not in NEEDS.items() if (reason := why_not()) is not None}
