"""The files of mutual TLS."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import grpc


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificate authority, and this process's own certificate and key, all PEM."""

    ca: bytes
    cert: bytes
    key: bytes = field(repr=False)

    @classmethod
    def load(cls, ca: Path, cert: Path, key: Path) -> Self:
        """Reads the three files."""
        return cls(ca.read_bytes(), cert.read_bytes(), key.read_bytes())

    def for_server(self) -> grpc.ServerCredentials:
        """Wants a client certificate of the same authority."""
        return grpc.ssl_server_credentials([(self.key, self.cert)], self.ca, require_client_auth=True)

    def for_client(self) -> grpc.ChannelCredentials:
        """Presents this process's certificate."""
        return grpc.ssl_channel_credentials(self.ca, self.key, self.cert)
