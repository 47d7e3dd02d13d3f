"""A real nginx before the services, as deploy/nginx/watchword.conf says, on addresses of a test's own."""

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.harness.running import until

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx" / "watchword.conf"
STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
LISTENS = "127.0.0.1:8400"
NAMED = {
    name: (f"127.0.0.1:{port}", f"127.0.0.1:{port + 10}")
    for name, port in (("identity", 8401), ("token", 8402), ("policy", 8403))
}
"""What the configuration calls the first and the second process of each service."""
AROUND = """{user}
daemon off;
pid pid;
error_log error.log notice;
{inside}
events {{ worker_connections 1024; }}
"""
HTTP = """worker_processes 2;
http {
    access_log access.log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include watchword.conf;
}
"""


def found() -> str | None:
    """The program, where there is one."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def lacks() -> str | None:
    """Why nginx cannot run here as tests want it; None where it can."""
    return None if found() and STREAM.exists() else "apt-get install nginx-light libnginx-mod-stream"


def launch(directory: Path, inside: str, listens: str) -> "subprocess.Popen[bytes]":
    """nginx with all its files in a directory of its own; returns once it listens at HOST:PORT."""
    program = found()
    assert program is not None, "there is no nginx"
    directory.mkdir(exist_ok=True)
    user = "user root;" if os.geteuid() == 0 else ""
    (directory / "nginx.conf").write_text(AROUND.format(user=user, inside=inside))
    said = directory / "start.log"
    command = [program, "-p", f"{directory}/", "-c", "nginx.conf", "-e", "error.log"]
    with said.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    host, _, port = listens.rpartition(":")

    def listening() -> bool:
        assert process.poll() is None, said.read_text()
        with suppress(OSError), closing(socket.create_connection((host, int(port)), 1)):
            return True
        return False

    until(listening, f"nginx listens at {listens}")
    return process


@dataclass
class Nginx:
    """`places` says where what the configuration names really is, HOST:PORT; `out` which of it is taken out."""

    directory: Path
    places: Mapping[str, str]
    process: "subprocess.Popen[bytes]"
    out: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The one origin."""
        return f"http://{self.places[LISTENS]}"

    def reload(self) -> None:
        """Takes the configuration over; returns when nobody works by the former one any more."""
        former = self._workers()
        write(self.directory, self.places, self.out)
        self.process.send_signal(signal.SIGHUP)
        until(lambda: self._workers() and not self._workers() & former, "nginx has taken its configuration over", 30)

    def _workers(self) -> set[int]:
        return {child.pid for child in psutil.Process(self.process.pid).children()}


def write(directory: Path, places: Mapping[str, str], out: set[str]) -> None:
    """The configuration that is delivered, at a test's own addresses."""
    text = CONFIGURATION.read_text()
    for named, place in places.items():
        text = re.sub(rf"{re.escape(named)}\b", place + (" down" if named in out else ""), text)
    (directory / "watchword.conf").write_text(text)


@contextmanager
def nginx(directory: Path, places: Mapping[str, str]) -> Iterator[Nginx]:
    """nginx before the services, while the context lasts."""
    directory.mkdir()
    write(directory, places, set())
    process = launch(directory, HTTP, places[LISTENS])
    try:
        yield Nginx(directory, places, process)
    finally:
        _stop(process)


@contextmanager
def passing(directory: Path, ways: Mapping[str, Sequence[str]]) -> Iterator[None]:
    """nginx that passes TCP on, as one address for several: from each HOST:PORT to those behind it in turn."""
    servers = [
        f"upstream way{number} {{ {' '.join(f'server {one} max_fails=0;' for one in behind)} }}\n"
        f"server {{ listen {listens}; proxy_pass way{number}; proxy_connect_timeout 1s; proxy_timeout 1h; }}\n"
        for number, (listens, behind) in enumerate(ways.items())
    ]
    process = launch(directory, f"load_module {STREAM};\nstream {{\n{''.join(servers)}}}", next(iter(ways)))
    try:
        yield
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(10)
