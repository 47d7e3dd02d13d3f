"""Addresses, URLs and networks as settings name them: what does not say one is refused with the reason."""

import ipaddress
import re
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DNS = "dns:///"
"""Before a peer's NAME:PORT: each address that the name has is a process of the peer's."""


class Address(NamedTuple):
    """Where to listen: HOST:PORT, or [HOST]:PORT for IPv6."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        return self.host in ("127.0.0.1", "::1", "localhost")


def _address(text: Any) -> Address:
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\[\]\s/]+)):(\d{1,5})", text if isinstance(text, str) else "")
    if match is None or int(match.group(3)) > 65535:
        raise ValueError("it is not HOST:PORT")
    return Address(match.group(1) or match.group(2), int(match.group(3)))


def _target(text: Any) -> str:
    return str(_address(text))


def _peer(text: Any) -> str:
    if isinstance(text, str) and text.startswith(DNS):
        return DNS + _target(text.removeprefix(DNS))
    peers = _brokers(text)
    addresses = [_literal(_address(peer).host) for peer in peers.split(",")]
    if len(addresses) > 1 and {one and one.version for one in addresses} not in ({4}, {6}):
        raise ValueError(f"several are listed by address, all IPv4 or all IPv6, or stand behind {DNS}NAME:PORT")
    return peers


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _brokers(text: Any) -> str:
    return ",".join(_target(part.strip()) for part in str(text).split(","))


def _origin(text: Any) -> str:
    parts = urlsplit(text if isinstance(text, str) else "")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("it is not an http or https URL without query and fragment")
    if text.endswith("/"):
        raise ValueError("it ends with a slash")
    return str(text)


def _networks(text: Any) -> tuple[Network, ...]:
    # Settings validate their defaults too.
    parts = text.split(",") if isinstance(text, str) else text
    return tuple(ipaddress.ip_network(part.strip()) for part in parts if part.strip())


ListenAt = Annotated[Address, NoDecode, BeforeValidator(_address)]
Target = Annotated[str, BeforeValidator(_peer)]
Url = Annotated[str, BeforeValidator(_origin)]
Brokers = Annotated[str, BeforeValidator(_brokers)]
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]
