"""How a Kafka cluster is reached."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Security = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

PREFIX = "watchword"
PATIENCE_MS = 5_000


@dataclass(frozen=True, slots=True)
class Kafka:
    """A cluster by its first brokers, `HOST:PORT` joined by commas, and what opens it.

    `ca`, `cert` and `key` are PEM files, for `ssl` and `sasl_ssl`; without `ca` the system's authorities are trusted.
    `topics` is what the names of the topics begin with.
    """

    servers: str
    security: Security = "plaintext"
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    mechanism: Mechanism | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    topics: str = PREFIX

    def topic(self, service: str) -> str:
        """The topic of a service's log."""
        return f"{self.topics}.{service}.events.v1"

    def wrong(self) -> str | None:
        """Why these do not fit together; None where they do."""
        if (self.cert is None) != (self.key is None):
            return "a client certificate and its key go together"
        sasl = (self.mechanism, self.username, self.password)
        if self.security.startswith("sasl") and None in sasl:
            return "SASL needs a mechanism, a username and a password"
        if not self.security.startswith("sasl") and sasl != (None, None, None):
            return "a mechanism, username or password is only used with sasl_plaintext or sasl_ssl"
        if not self.security.endswith("ssl") and (self.ca, self.cert) != (None, None):
            return "certificates are only used with ssl or sasl_ssl"
        return None

    def client(self) -> dict[str, Any]:
        """The arguments that every client of aiokafka takes. Raises OSError where a file cannot be read."""
        arguments: dict[str, Any] = {
            "bootstrap_servers": self.servers,
            "security_protocol": self.security.upper(),
            "request_timeout_ms": PATIENCE_MS,
        }
        if self.security.endswith("ssl"):
            arguments["ssl_context"] = self._tls()
        if self.security.startswith("sasl"):
            arguments |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return arguments

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.cert is not None:
            context.load_cert_chain(self.cert, self.key)
        return context
