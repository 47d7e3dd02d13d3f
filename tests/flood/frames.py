"""A caller over gRPC that speaks HTTP/2 by hand, with a backend's certificate, and does what no library would."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from suite.authority import Authority
from tests.harness.running import Running

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PING, SETTINGS, RST_STREAM, HEADERS = 0x6, 0x4, 0x3, 0x1
END_HEADERS = 0x4


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """RFC 9113 4.1"""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def headers(path: str) -> bytes:
    """A call's headers, as HPACK literals that are not indexed (RFC 7541 6.2.2)."""
    named = {":method": "POST", ":scheme": "https", ":path": path, ":authority": "token"}
    named |= {"te": "trailers", "content-type": "application/grpc"}
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in named.items())


def _text(text: str) -> bytes:
    return bytes((len(text),)) + text.encode()


@asynccontextmanager
async def spoken(suite: Running, name: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a service's gRPC port after the preface, as the backend `demo`."""
    issued = Authority(suite.place).keep("backend", "demo")
    tls = ssl.create_default_context(cafile=suite.place.ca / "ca.pem")
    tls.load_cert_chain(issued.cert, issued.key)
    tls.check_hostname = False
    tls.set_alpn_protocols(["h2"])
    address = suite.fleet.grpc[name]
    reader, writer = await asyncio.open_connection(address.host, address.port, ssl=tls)
    try:
        writer.write(PREFACE + frame(SETTINGS, 0, 0, b""))
        await writer.drain()
        yield reader, writer
    finally:
        writer.transport.abort()


async def written(writer: asyncio.StreamWriter, piece: bytes, times: int) -> None:
    """Writes a piece so many times, or until the other side takes no more."""
    with suppress(OSError, TimeoutError):
        for _ in range(times):
            writer.write(piece)
            await asyncio.wait_for(writer.drain(), 3)
