"""What a client's address can and cannot make this service do: no private network, no redirect, no endless answer."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from chassis.addresses import Network
from services.token.adapters.fetch import AT_ONCE, OF_ONE, Fetcher, resolve
from services.token.ports import NotFetched
from tests.unit.chassis.authority import Authority

NAME = "client.example"
HERE: tuple[Network, ...] = (ip_network("127.0.0.1/32"),)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: max-age=60\r\n\r\n{}"
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Site:
    """A server on this machine that keeps what it was asked."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)


def says(answer: bytes) -> Answer:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return write


@asynccontextmanager
async def site(
    answer: Answer, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Site]:
    served = Site()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            served.heads.append(await reader.readuntil(b"\r\n\r\n"))
            await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, port, ssl=tls)
    served.port = server.sockets[0].getsockname()[1]
    yield served
    server.close()


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for NAME by an authority that SSL_CERT_FILE names."""
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.ca)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    made = authority.issue(dns=(NAME,))
    (tmp_path / "site.pem").write_bytes(made.cert + made.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "site.pem")
    return context


class Names:
    """A resolver that answers each time with the next of its answers."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def refused(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(NotFetched) as refusal:
        await fetcher.get(url)
    return str(refusal.value)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "localhost", "0.0.0.0", "10.1.2.3",
        "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254", "192.0.0.1", "192.0.2.1", "198.18.0.1",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.88.99.1", "[::1]", "[::]", "[::ffff:127.0.0.1]",
        "[::ffff:8.8.8.8]", "[::7f00:1]", "[fe80::1]", "[fc00::1]", "[ff02::1]", "[64:ff9b::7f00:1]",
        "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:0:1::]", "[2001:db8::1]", "[fec0::1]",
    ],
)  # fmt: skip
async def test_no_address_leads_into_a_network_that_is_not_public(host: str) -> None:
    async with site(says(OK)) as served:
        assert "network" in await refused(Fetcher(), f"https://{host}:{served.port}/jwks")
        assert "network" in await refused(Fetcher(), f"http://{host}:{served.port}/jwks")
    assert served.heads == []


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:127.0.0.1"], ["fe80::1%1"], []])
async def test_a_name_that_leads_there_is_refused_also_if_only_one_of_its_addresses_does(addresses: list[str]) -> None:
    assert "network" in await refused(Fetcher(resolve=Names(addresses)), f"https://{NAME}/jwks")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://client.example/", "file:///etc/passwd", "//client.example/", "client.example", "https:///x", "",
        "https://user:password@client.example/", "https://client.example/\r\nX: y", "https://client.example/ x",
        "https://cli\u0451nt.example/", "https://client.example/" + "x" * 2048, "https://[::1",
        "https://a:99999/", "https://a:-1/", "https://a:0/", "https://0177.0.0.1/",
    ],
)  # fmt: skip
async def test_what_is_no_https_url_is_not_asked_for(url: str) -> None:
    names = Names(["127.0.0.1"])
    await refused(Fetcher(HERE, names), url)
    assert names.asked == []


async def test_the_address_that_was_checked_is_the_one_that_is_asked(tls: ssl.SSLContext) -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with site(says(OK), tls) as good, site(says(OK), tls, "127.0.0.2", good.port) as other:
        found = await Fetcher(HERE, names).get(f"https://{NAME}:{good.port}/jwks?a=b#c")
        assert (found.status, found.cache_control, found.body) == (200, "max-age=60", b"{}")
        assert names.asked == [NAME]
        assert (len(good.heads), other.heads) == (1, [])
        assert good.heads[0].startswith(b"GET /jwks?a=b HTTP/1.1\r\n")
        assert f"host: {NAME}:{good.port}\r\n".encode() in good.heads[0].lower()


async def test_a_certificate_of_another_name_is_not_believed(tls: ssl.SSLContext) -> None:
    async with site(says(OK), tls) as served:
        await refused(Fetcher(HERE, Names(["127.0.0.1"])), f"https://other.example:{served.port}/")
        await refused(Fetcher(HERE), f"https://127.0.0.2:{served.port}/")
    assert served.heads == []


async def test_a_certificate_that_nobody_here_trusts_is_not_believed(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with site(says(OK), tls) as served:
        await refused(Fetcher(HERE, Names(["127.0.0.1"])), f"https://{NAME}:{served.port}/")
    assert served.heads == []


async def test_a_network_that_the_operator_names_is_reached_also_over_http() -> None:
    async with site(says(OK)) as served:
        assert (await Fetcher(HERE).get(f"http://127.0.0.1:{served.port}/")).body == b"{}"
        assert "network" in await refused(Fetcher(), f"http://127.0.0.1:{served.port}/")


async def test_plain_http_is_not_for_the_public_network() -> None:
    assert "http" in await refused(Fetcher(HERE, Names(["8.8.8.8"])), f"http://{NAME}/")


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    async with site(says(OK)) as inner:
        there = f"http://127.0.0.1:{inner.port}/".encode()
        moved = b"HTTP/1.1 302 Found\r\nLocation: " + there + b"\r\nContent-Length: 0\r\n\r\n"
        async with site(says(moved)) as served:
            assert (await Fetcher(HERE).get(f"http://127.0.0.1:{served.port}/")).status == 302
    assert inner.heads == []


async def test_a_body_without_end_is_left() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with site(endless) as served:
        assert "long" in await refused(Fetcher(HERE), f"http://127.0.0.1:{served.port}/")


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\nx"])
async def test_an_answer_that_comes_slowly_has_one_time_for_all_of_it(beginning: bytes) -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        while not writer.is_closing():
            writer.write(b"x" if beginning else b"")
            await asyncio.sleep(0.01)

    async with site(slow) as served:
        assert "too much time" in await refused(Fetcher(HERE, timeout=0.3), f"http://127.0.0.1:{served.port}/")


async def test_what_is_compressed_is_not_unpacked() -> None:
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"
    async with site(says(packed)) as served:
        assert "compressed" in await refused(Fetcher(HERE), f"http://127.0.0.1:{served.port}/")


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with site(says(OK)) as proxy, site(says(OK)) as served:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        await Fetcher(HERE).get(f"http://127.0.0.1:{served.port}/")
    assert (len(served.heads), proxy.heads) == (1, [])


async def test_nobody_answers_there() -> None:
    async with site(says(OK)) as served:
        port = served.port
    await refused(Fetcher(HERE), f"http://127.0.0.1:{port}/")


async def test_a_form_is_posted() -> None:
    async with site(says(OK)) as served:
        assert (await Fetcher(HERE).post(f"http://127.0.0.1:{served.port}/", {"a": "b"})).status == 200
    assert served.heads[0].startswith(b"POST / HTTP/1.1\r\n")


async def test_a_site_that_keeps_silent_holds_up_nobody_elsewhere() -> None:
    """However often it is asked: there is room for few at once to one address."""
    silent, there = asyncio.Event(), ip_network("127.0.0.2/32")

    async def keeps_silent(writer: asyncio.StreamWriter) -> None:
        await silent.wait()

    fetcher = Fetcher((*HERE, there), timeout=30)
    async with site(keeps_silent) as dead, site(says(OK), host="127.0.0.2") as well:
        asking = [asyncio.ensure_future(fetcher.get(f"http://127.0.0.1:{dead.port}/")) for _ in range(2 * AT_ONCE)]
        async with asyncio.timeout(20):
            while len(dead.heads) < OF_ONE:
                await asyncio.sleep(0.01)
            assert (await fetcher.get(f"http://127.0.0.2:{well.port}/")).status == 200
        assert len(dead.heads) == OF_ONE
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        silent.set()
        assert (await fetcher.get(f"http://127.0.0.2:{well.port}/")).status == 200


async def test_a_name_that_nobody_answers_for_holds_up_nothing_but_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as connecting to the database anew, which resolves a name, too."""
    answered, waiting = threading.Event(), threading.Semaphore(0)

    def keeps_silent(*asked: Any, **how: Any) -> list[Any]:
        waiting.release()
        answered.wait(30)
        return []

    monkeypatch.setattr("services.token.adapters.fetch.socket.getaddrinfo", keeps_silent)
    asking = [asyncio.ensure_future(resolve(NAME, 443)) for _ in range(64)]
    async with asyncio.timeout(20):
        while not waiting.acquire(blocking=False):
            await asyncio.sleep(0.01)
        assert await asyncio.to_thread(int, "7") == 7
    answered.set()
    assert await asyncio.gather(*asking) == [[]] * 64
