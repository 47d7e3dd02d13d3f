"""A real nginx before the services, as deploy/nginx/watchword.conf says, on addresses of a test's own."""

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.harness.running import until

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx" / "watchword.conf"
AROUND = """daemon off;
pid {directory}/pid;
error_log {directory}/error.log notice;
{user}
worker_processes 2;
events {{ worker_connections 1024; }}
http {{
    access_log {directory}/access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/watchword.conf;
}}
"""


@dataclass
class Nginx:
    """`places` says where what the configuration names really is, HOST:PORT; `out` which of it is taken out."""

    directory: Path
    places: Mapping[str, str]
    url: str
    out: set[str] = field(default_factory=set)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin")
        assert program is not None, "these tests need nginx: apt-get install nginx-light"
        self.write()
        log = (self.directory / "start.log").open("wb")
        with log:
            command = [program, "-p", str(self.directory), "-c", "nginx.conf", "-e", "error.log"]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self._listens, f"nginx listens; see {self.directory}")

    def write(self) -> None:
        """The configuration, as things stand."""
        self.directory.mkdir(exist_ok=True)
        user = "user root;" if os.geteuid() == 0 else ""
        (self.directory / "nginx.conf").write_text(AROUND.format(directory=self.directory, user=user))
        text = CONFIGURATION.read_text()
        for named in re.findall(r"(?:server|listen) (127\.0\.0\.1:\d+)", text):
            mark = " down" if named in self.out else ""
            text = re.sub(rf"(server|listen) {re.escape(named)}\b", rf"\1 {self.places[named]}{mark}", text)
        (self.directory / "watchword.conf").write_text(text)

    def reload(self) -> None:
        """Takes the configuration over; returns when nobody works by the former one any more."""
        assert self.process is not None
        former = self._workers()
        self.write()
        self.process.send_signal(signal.SIGHUP)
        until(lambda: self._workers() and not self._workers() & former, "nginx has taken its configuration over", 30)

    def _workers(self) -> set[int]:
        assert self.process is not None
        return {child.pid for child in psutil.Process(self.process.pid).children()}

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.directory / "start.log").read_text()
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        with suppress(OSError), closing(socket.create_connection((host, int(port)), 1)):
            return True
        return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)


@contextmanager
def nginx(directory: Path, places: Mapping[str, str]) -> Iterator[Nginx]:
    """nginx with files in a directory of its own, while the context lasts."""
    front = Nginx(directory, places, f"http://{places[LISTENS]}")
    front.start()
    try:
        yield front
    finally:
        front.stop()


LISTENS = "127.0.0.1:8400"
NAMED = {
    name: (f"127.0.0.1:{port}", f"127.0.0.1:{port + 10}")
    for name, port in (("identity", 8401), ("token", 8402), ("policy", 8403))
}
"""What the configuration calls the first and the second process of each service."""
