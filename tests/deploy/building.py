"""The image, built by buildah without Docker, and its commands run as a container runtime would run them."""

import configparser
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.deploy.tools import DEBIAN, ROOT

BASE = "localhost/base:bookworm"
NAME = "localhost/watchword:test"

# Runs "$@" in the root file system $1, which is read-only save for a fresh /tmp, as the user $2. At /run is
# what $3 holds, and PostgreSQL's socket, from $4. It stays one process, so that a signal meets the service.
ENTER = """
set -e
root=$1 user=$2 run=$3 sockets=$4; shift 4
mount --bind "$root" "$root"
mount --make-private "$root"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount --bind "$run" "$root/run"
mount --bind "$sockets" "$root/run/postgres"
mount -o remount,bind,ro "$root"
exec chroot --userspec="$user" "$root" "$@"
"""
# buildah wants `/` to be a mount, which it is not where all of this runs in a chroot. What lies between is private,
# so that nobody outside ever sees `/` a second time, where it might be cleaned up.
MOUNTED = """
mount -t tmpfs tmpfs "$0"
mount --make-private "$0"
mkdir "$0/root"
mount --rbind / "$0/root"
mount --make-rprivate "$0/root"
exec chroot "$0/root" "$@"
"""


@cache
def unshare() -> tuple[str, ...]:
    """Starts a program with mounts of its own. In a chroot they cannot be made private all at once."""
    private = subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0
    return ("unshare", "--mount", *(() if private else ("--propagation=unchanged",)))


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: its configuration (OCI), and its file system on disk."""

    config: Mapping[str, Any]
    root: Path

    def command(self, argv: Sequence[str], pod: "Pod", user: str | None = None) -> list[str]:
        """What runs `argv` in the image as that pod, with nothing of this machine's environment."""
        told = [*self.config["Env"], *(f"{name}={value}" for name, value in pod.env.items())]
        where = (str(self.root), user or self.config["User"], str(pod.run), str(pod.sockets))
        return [*unshare(), "sh", "-c", ENTER, "sh", *where, "/usr/bin/env", "-i", *told, *argv]

    def run(self, argv: Sequence[str], pod: "Pod", user: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs it to its end."""
        return subprocess.run(self.command(argv, pod, user), capture_output=True, text=True, timeout=120)


@dataclass(frozen=True, slots=True)
class Pod:
    """What a container is given: /run, the sockets of PostgreSQL at /run/postgres, an environment."""

    run: Path
    sockets: Path
    env: Mapping[str, str]


@contextmanager
def built(work: Path) -> Iterator[Image]:
    """Builds the image; its layers are gone at the end."""
    buildah = Buildah(work)
    try:
        buildah.base()
        buildah("bud", "--isolation=chroot", "--layers=false", "--pull-never", f"--build-arg=BASE={BASE}",
                *_pip(work), f"--tag={NAME}", str(ROOT))  # fmt: skip
        config = json.loads(buildah("inspect", "--type=image", NAME))["OCIv1"]["config"]
        container = buildah("from", "--pull-never", NAME)
        yield Image(config, Path(buildah("mount", container)))
    finally:
        buildah("rm", "--all")
        shutil.rmtree(work / "storage", ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Buildah:
    """buildah with a storage of its own."""

    work: Path

    def __call__(self, *arguments: str) -> str:
        """Its output. Raises CalledProcessError with what it said."""
        storage = self.work / "storage"
        where = [f"--root={storage / 'root'}", f"--runroot={storage / 'run'}", "--storage-driver=vfs"]
        root = self.work / "root"
        root.mkdir(exist_ok=True)
        done = subprocess.run(
            [*unshare(), "sh", "-ec", MOUNTED, str(root), "buildah", *where, *arguments],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"buildah {arguments[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout.strip()

    def base(self) -> None:
        """The image that stands for `debian:bookworm-slim`, which cannot be pulled everywhere."""
        container = self("from", "scratch")
        # cp, because a device such as /dev/zero has to stay one: read as a file, it never ends.
        subprocess.run(["cp", "-a", "--one-file-system", f"{DEBIAN}/.", self("mount", container)], check=True)
        self("umount", container)
        self("commit", "--quiet", "--rm", container, BASE)


def _pip(work: Path) -> list[str]:
    """How this machine's pip is told where packages come from, as secrets of the build; none where it is not told."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    told = dict(line.split("=", 1) for line in listed.splitlines() if "=" in line)
    config = configparser.ConfigParser(interpolation=None)
    config["global"] = {name.rpartition(".")[2]: value.strip("'") for name, value in told.items()}
    config["global"].pop("find-links", None)
    certificates = config["global"].pop("cert", None) or os.environ.get("SSL_CERT_FILE")
    secrets: list[str] = []
    if certificates:
        config["global"]["cert"] = "/run/pip-ca.pem"
        secrets.append(f"--secret=id=pip-ca,src={certificates}")
    with (work / "pip.conf").open("w") as file:
        config.write(file)
    return [*secrets, f"--secret=id=pip,src={work / 'pip.conf'}"]
