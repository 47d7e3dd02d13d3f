"""nginx before one service, ending TLS as a site does: one worker, a P-256 certificate, connections inwards kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.harness.nginx import found, launch
from tests.harness.ports import free_ports
from tests.unit.chassis.authority import Authority

INSIDE = """worker_processes 1;
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream service {{ server {inner}; keepalive 64; keepalive_timeout 2s; }}
    server {{
        listen {listens} ssl;
        ssl_certificate cert.pem;
        ssl_certificate_key key.pem;
        ssl_session_tickets off;
        location / {{
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_pass http://service;
        }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where it is, what its certificate is proven by, and its process."""

    url: str
    ca: Path
    pid: int


@contextmanager
def tls_proxy(directory: Path, url: str) -> Iterator[Proxy]:
    """Serves what is at `url` over TLS while the context lasts."""
    if found() is None:
        raise SystemExit("this row needs nginx: apt-get install nginx-light")
    directory.mkdir()
    tls = Authority().issue()
    for name, text in (("ca.pem", tls.ca), ("cert.pem", tls.cert), ("key.pem", tls.key)):
        (directory / name).write_bytes(text)
    listens = f"127.0.0.1:{free_ports(1)[0]}"
    process = launch(directory, INSIDE.format(inner=urlsplit(url).netloc, listens=listens), listens)
    try:
        yield Proxy(f"https://{listens}", directory / "ca.pem", process.pid)
    finally:
        process.terminate()
        process.wait(10)
