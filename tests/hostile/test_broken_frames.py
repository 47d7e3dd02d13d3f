"""HTTP/2 and gRPC framing that no client would send: the connection or the call ends, and the service goes on.

Written by hand, since a library would refuse to write it.
"""

import contextlib
import socket
import ssl
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import psutil

from suite.authority import Authority
from tests.harness.running import Running, until
from tests.harness.seeds import times

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS = 1, 4
PATH = b"/watchword.token.v1.TokenService/Introspect"
PATIENCE = 4.0
GROWTH = 64 * 1024 * 1024


def frame(kind: int, flags: int, stream: int, payload: bytes, length: int | None = None) -> bytes:
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name: bytes, value: bytes) -> bytes:
    """RFC 7541 6.2.2, without Huffman; both shorter than 127."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


HEAD = b"".join(
    literal(*one)
    for one in (
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":path", PATH),
        (b":authority", b"token.watchword"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
        (b"grpc-timeout", b"1S"),
    )
)
OPENED = frame(HEADERS, END_HEADERS, 1, HEAD)
WHOLE = b"\0\0\0\0\x03\x0a\x01x"

BROKEN: dict[str, bytes] = {
    "a message that says it has 4 GiB": OPENED + frame(DATA, END_STREAM, 1, b"\0\xff\xff\xff\xffabc"),
    "a message that says it has 4 GiB, and goes on": OPENED + frame(DATA, 0, 1, b"\0\xff\xff\xff\xff" + b"a" * 9000),
    "a message cut short": OPENED + frame(DATA, END_STREAM, 1, WHOLE[:-2]),
    "a prefix cut short": OPENED + frame(DATA, END_STREAM, 1, b"\0\0"),
    "compressed, it says": OPENED + frame(DATA, END_STREAM, 1, b"\1" + WHOLE[1:]),
    "a compression flag of 255": OPENED + frame(DATA, END_STREAM, 1, b"\xff" + WHOLE[1:]),
    "no message": OPENED + frame(DATA, END_STREAM, 1, b""),
    "two messages": OPENED + frame(DATA, END_STREAM, 1, WHOLE + WHOLE),
    "a call that is taken back": OPENED + frame(RST, 0, 1, b"\0\0\0\x08") + frame(DATA, END_STREAM, 1, WHOLE),
    "data of no call": frame(DATA, END_STREAM, 7, WHOLE),
    "data of stream 0": frame(DATA, END_STREAM, 0, WHOLE),
    "headers of an even stream": frame(HEADERS, END_HEADERS | END_STREAM, 2, HEAD),
    "a frame of 16 MiB, it says": frame(DATA, 0, 1, b"abc", length=2**24 - 1),
    "headers without end": frame(HEADERS, 0, 1, HEAD) + frame(CONTINUATION, 0, 1, literal(b"a", b"b" * 100)) * 20_000,
    "headers that are no HPACK": frame(HEADERS, END_HEADERS, 1, b"\xff" * 200),
    "an index beyond every table": frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\x0f"),
    "no path": frame(HEADERS, END_HEADERS | END_STREAM, 1, literal(b":method", b"POST")),
    "settings that are none": frame(SETTINGS, 0, 0, b"abc"),
    "settings again and again": frame(SETTINGS, 0, 0, struct.pack(">HI", 1, 4096)) * 5_000,
    "pings without end": frame(PING, 0, 0, b"12345678") * 5_000,
    "an unknown frame": frame(0xEE, 0xFF, 1, b"abc"),
    "calls that are taken back at once": b"".join(
        frame(HEADERS, END_HEADERS, number, HEAD) + frame(RST, 0, number, b"\0\0\0\x08") for number in range(1, 1001, 2)
    ),
    "goodbye": frame(GOAWAY, 0, 0, b"\0" * 8),
    "not HTTP/2": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
}


def connection(suite: Running, name: str = "token") -> ssl.SSLSocket:
    """Of a backend, past TLS, before the first byte of HTTP/2."""
    issued = Authority(suite.place).keep("backend", "fuzz")
    context = ssl.create_default_context(cafile=str(suite.place.ca / "ca.pem"))
    context.load_cert_chain(issued.cert, issued.key)
    context.set_alpn_protocols(["h2"])
    address = suite.fleet.grpc[name]
    plain = socket.create_connection((address.host, address.port), PATIENCE)
    return context.wrap_socket(plain, server_hostname=f"{name}.watchword")


def ended(line: ssl.SSLSocket, sent: bytes) -> str:
    """Sends, and reads until the service has ended the call or the connection, or this end has waited long enough.

    A call of its own that follows is how a service shows that it goes on.
    """
    read = b""
    try:
        line.sendall(sent)
        line.settimeout(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            more = line.recv(65536)
            if not more:
                return "closed"
            read += more
            if any(kind in (RST, GOAWAY) or (kind == HEADERS and flags & END_STREAM) for kind, flags in frames(read)):
                return "ended"
    except TimeoutError:
        return "waits"
    except OSError:
        return "closed"
    return "talks on"


def frames(read: bytes) -> list[tuple[int, int]]:
    """Kind and flags of each whole frame."""
    found = []
    while len(read) >= 9:
        size = int.from_bytes(read[:3], "big")
        found.append((read[3], read[4]))
        read = read[9 + size :]
    return found


# Nobody waits for an answer here, and more may come: so the connection stays open, until its end or ours.
MAY_GO_ON = frozenset(
    {
        "data of no call",
        "data of stream 0",
        "headers of an even stream",
        "headers without end",
        "an unknown frame",
        "settings again and again",
        "pings without end",
        "goodbye",
        "a call that is taken back",
        "calls that are taken back at once",
        "a frame of 16 MiB, it says",
    }
)


def whole(what: str) -> bytes:
    return BROKEN[what] if what == "not HTTP/2" else PREFACE + frame(SETTINGS, 0, 0, b"") + BROKEN[what]


def test_broken_frames_end_the_call_and_nothing_else(suite: Running) -> None:
    assert goes_on(suite)

    def send(what: str) -> tuple[str, str]:
        with connection(suite) as line:
            return what, ended(line, whole(what))

    with ThreadPoolExecutor(len(BROKEN)) as threads:
        found = dict(threads.map(send, BROKEN))
    print(found)
    assert not {what for what, how in found.items() if how not in ("closed", "ended")} - MAY_GO_ON
    assert goes_on(suite)


def goes_on(suite: Running) -> bool:
    """Whether a call that is in order is answered."""
    with connection(suite) as line:
        return ended(line, PREFACE + frame(SETTINGS, 0, 0, b"") + OPENED + frame(DATA, END_STREAM, 1, WHOLE)) == "ended"


def test_broken_frames_leave_nothing_behind(suite: Running) -> None:
    process = psutil.Process(suite.pid("token"))
    before, opened = process.memory_info().rss, process.num_fds()
    for what in [*BROKEN] * times(2):
        with connection(suite) as line, contextlib.suppress(OSError):
            line.sendall(whole(what))
    until(lambda: process.num_fds() <= opened + 2, "the connections are gone")
    assert process.memory_info().rss - before < GROWTH
    assert goes_on(suite)
