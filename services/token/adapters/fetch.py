"""What clients publish at addresses that they name, fetched so that nobody sends this service where it alone may go.

A client's address reaches public networks only, besides those that the operator names. The address that is connected
to is the one that was checked: a name is resolved once. No redirect is followed, no proxy is asked, and size and time
are bounded. Over https, the certificate is judged by the name, against the system's certificates or `SSL_CERT_FILE`.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property, partial

import httpx2

from chassis.addresses import Network
from services.token.ports import Fetched, NotFetched

MAX_BYTES = 256 * 1024
TIMEOUT_S = 5.0
AT_ONCE = 32
"""Fetches of a process at once; others wait, within their time."""
OF_ONE = 4
"""How many of them go to one address: one that answers slowly holds up those who ask there, and few others."""
MAX_URL = 2048
TRIED = 3
"""Addresses of one name that are tried, where the first do not answer."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# What `is_global` of some Python calls public, though it leads to IPv4 by another name or to no host of the network:
# IPv4-compatible, NAT64 (RFC 6052, 8215), Teredo and its block (RFC 2928), 6to4 (RFC 3056, 7526), SRv6 (RFC 9602).
_SPECIAL = tuple(
    ipaddress.ip_network(block)
    for block in (
        *("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/23", "2002::/16", "192.88.99.0/24"),
        *("5f00::/16", "fec0::/10"),
    )
)


# Threads of its own: a name whose servers keep silent occupies one for many seconds, however soon nobody waits for it.
_RESOLVING = ThreadPoolExecutor(8, "resolve")


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as the system knows it."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_RESOLVING, ask)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def public(address: Address) -> bool:
    """Whether an address is one of the public network, which anybody could reach from anywhere."""
    if isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped is not None or address.scope_id):
        return False
    special = address.is_multicast or address.is_reserved or address.is_unspecified or not address.is_global
    return not special and not any(address in network for network in _SPECIAL)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where to connect, and under which name."""

    url: httpx2.URL
    addresses: Sequence[Address]


class Fetcher:
    """Fetches for clients. `allowed` are the networks besides the public one; plain http is taken from these only."""

    def __init__(self, allowed: Sequence[Network] = (), resolve: Resolve = resolve, timeout: float = TIMEOUT_S) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._timeout = timeout
        self._places = asyncio.Semaphore(AT_ONCE)
        self._turns: dict[Address, asyncio.Semaphore] = {}
        self._bound_for: Counter[Address] = Counter()

    async def get(self, url: str, limit: int = MAX_BYTES) -> Fetched:
        """See ports.Fetch."""
        return await self._bounded("GET", url, None, limit)

    async def post(self, url: str, form: Mapping[str, str], limit: int = MAX_BYTES) -> Fetched:
        """See ports.Fetch."""
        return await self._bounded("POST", url, form, limit)

    async def _bounded(self, method: str, url: str, form: Mapping[str, str] | None, limit: int) -> Fetched:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._ask(method, await self._judged(url), form, limit)
        except TimeoutError:
            raise NotFetched("it took too much time") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise NotFetched(f"it could not be fetched ({type(error).__name__})") from None

    @asynccontextmanager
    async def _turn(self, address: Address) -> AsyncIterator[None]:
        """Waits until few enough others ask there."""
        self._bound_for[address] += 1
        try:
            async with self._turns.setdefault(address, asyncio.Semaphore(OF_ONE)):
                yield
        finally:
            self._bound_for[address] -= 1
            if not self._bound_for[address]:
                del self._bound_for[address], self._turns[address]

    async def _judged(self, text: str) -> _Target:
        url = _read(text)
        port = url.port or (443 if url.scheme == "https" else 80)
        found = [ipaddress.ip_address(address) for address in await self._resolve(url.host, port)]
        if not found or not all(public(address) or self._is_allowed(address) for address in found):
            raise NotFetched("it leads into a network that the operator has not named")
        if url.scheme != "https" and not all(map(self._is_allowed, found)):
            raise NotFetched("plain http is for networks that the operator has named")
        return _Target(url, found[:TRIED])

    def _is_allowed(self, address: Address) -> bool:
        return any(address in network for network in self._allowed)

    async def _ask(self, method: str, target: _Target, form: Mapping[str, str] | None, limit: int) -> Fetched:
        # A client of its own for each: a connection that is kept would be another name's at the same address.
        async with httpx2.AsyncClient(verify=self._trusted, trust_env=False, timeout=self._timeout) as client:
            for address in target.addresses[:-1]:
                try:
                    return await self._at(address, client, method, target.url, form, limit)
                except (httpx2.ConnectError, httpx2.ConnectTimeout):
                    continue
            return await self._at(target.addresses[-1], client, method, target.url, form, limit)

    async def _at(
        self,
        address: Address,
        client: httpx2.AsyncClient,
        method: str,
        url: httpx2.URL,
        form: Mapping[str, str] | None,
        limit: int,
    ) -> Fetched:
        async with self._turn(address), self._places:
            return await _exchange(client, method, url, address, form, limit)

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        # Reads the certificates once, at the first fetch. OpenSSL looks at SSL_CERT_FILE for itself.
        return ssl.create_default_context()


def _read(text: str) -> httpx2.URL:
    """Raises NotFetched where it is no address that could be fetched."""
    if len(text) > MAX_URL or not text.isascii() or not text.isprintable() or " " in text:
        raise NotFetched("it is not an https URL")
    url = httpx2.URL(text)
    if url.scheme not in ("https", "http") or not url.host or url.userinfo:
        raise NotFetched("it is not an https URL")
    if url.port is not None and not 0 < url.port < 65536:
        raise NotFetched("it is not an https URL")
    return url.copy_with(fragment=None)


async def _exchange(
    client: httpx2.AsyncClient,
    method: str,
    url: httpx2.URL,
    address: Address,
    form: Mapping[str, str] | None,
    limit: int,
) -> Fetched:
    headers = {"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity", "Accept": "*/*"}
    request = client.build_request(
        method,
        url.copy_with(host=str(address)),
        headers=headers,
        data=form,
        extensions={"sni_hostname": url.host},
    )
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise NotFetched("it is compressed, which nobody asked for")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > limit:
                raise NotFetched("it is too long")
    finally:
        await response.aclose()
    return Fetched(response.status_code, response.headers.get("cache-control", ""), bytes(body))
