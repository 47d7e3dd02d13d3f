"""A client's certificate in a header: believed from a trusted proxy, taken away from everybody else."""

from base64 import b64encode
from ipaddress import ip_network
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.types import Receive, Scope, Send

from chassis.web.certificates import client_certificate
from chassis.web.edge import Edge
from eventlog.errors import Refusal
from tests.unit.token.certified import Signer, escaped

HEADER = b"x-client-certificate"
CERTIFICATE = Signer().client()
PROXY = (ip_network("10.0.0.0/8"),)


async def seen(peer: str, *headers: tuple[bytes, bytes], header: bytes = HEADER) -> Scope:
    """What an application sees of a request."""
    found: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(scope)

    async def nothing(*_: Any) -> Any:
        return {}

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": list(headers), "client": (peer, 1)}
    await Edge(app, PROXY, header)(scope, nothing, nothing)
    return found[0]


async def test_a_trusted_proxy_hands_on_the_certificate() -> None:
    byte_sequence = b":" + b64encode(CERTIFICATE.public_bytes(Encoding.DER)) + b":"
    for value in (escaped(CERTIFICATE), byte_sequence):
        scope = await seen("10.0.0.1", (b"accept", b"x"), (HEADER, value))
        assert client_certificate(scope) == CERTIFICATE
        assert scope["headers"] == [(b"accept", b"x")]


@pytest.mark.parametrize("peer", ["192.0.2.1", "127.0.0.1", "", "::1"])
async def test_from_everybody_else_it_is_taken_away(peer: str) -> None:
    forwarded = (b"x-forwarded-for", b"10.0.0.1")
    scope = await seen(peer, forwarded, (HEADER, escaped(CERTIFICATE)))
    assert client_certificate(scope) is None
    assert scope["headers"] == [forwarded]


async def test_where_no_header_is_named_none_is_read() -> None:
    assert client_certificate(await seen("10.0.0.1", (HEADER, escaped(CERTIFICATE)), header=b"")) is None


async def test_a_client_without_a_certificate_has_none() -> None:
    assert client_certificate(await seen("10.0.0.1")) is None
    assert client_certificate(await seen("10.0.0.1", (HEADER, b""))) is None


async def test_two_certificates_are_none() -> None:
    scope = await seen("10.0.0.1", (HEADER, escaped(CERTIFICATE)), (HEADER, escaped(CERTIFICATE)))
    with pytest.raises(Refusal, match="cannot be read"):
        client_certificate(scope)
