"""The issuer's keys over HTTP, kept until they are out of date or something unknown is asked for."""

import asyncio
import ipaddress
import logging
import re
from collections.abc import Callable, Mapping
from datetime import timedelta

import httpx2

from watchword.clock import boot_ns
from watchword.compact import decode_object
from watchword.errors import Unavailable, UnusableKey
from watchword.keys import VerificationKey, read_jwk

MAX_BYTES = 256 * 1024
MIN_LIFE = timedelta(seconds=30)
DEFAULT_LIFE = timedelta(minutes=5)
MAX_LIFE = timedelta(hours=1)
FETCH_TIMEOUT_S = 3.0

_log = logging.getLogger(__name__)


class JwksKeys:
    """A `KeySource` over a JWKS (RFC 7517 section 5).

    An unknown `kid` is looked for at the issuer at once, but no fetch follows another within `cooldown`; callers share
    a fetch. A key at hand is answered at once, also while an out-of-date set is fetched anew, and an outage keeps the
    old set. Cache-Control's max-age is honoured between 30 s and an hour. Plain http is taken from this machine only,
    unless `allow_http` says that the network between is trusted. `client` stays the caller's to close.
    """

    def __init__(
        self,
        url: str,
        client: httpx2.AsyncClient,
        *,
        cooldown: timedelta = timedelta(seconds=2),
        allow_http: bool = False,
        monotonic_ns: Callable[[], int] = boot_ns,
    ) -> None:
        if not (allow_http or _is_trustworthy(httpx2.URL(url))):
            raise ValueError("keys over plain http can be forged on the way: use https, or allow_http")
        self._url = url
        self._client = client
        self._cooldown_ns = _nanoseconds(cooldown)
        self._monotonic_ns = monotonic_ns
        self._keys: Mapping[str, VerificationKey] = {}
        self._due_ns = 0
        self._tried_ns: int | None = None
        self._failed = True
        self._fetch: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> VerificationKey | None:
        """The key named `kid`; None where the issuer has none; `Unavailable` where it did not say."""
        key = self._keys.get(kid)
        if key is None:
            await self._fetched()
            key = self._keys.get(kid)
        elif self._monotonic_ns() >= self._due_ns:
            self._fetching()
        if key is None and self._failed:  # it may be one that the issuer has made since
            raise Unavailable("the issuer's keys could not be fetched")
        return key

    async def close(self) -> None:
        """End a fetch that is under way."""
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.gather(self._fetch, return_exceptions=True)

    async def _fetched(self) -> None:
        fetch = self._fetching()
        if fetch is not None:
            await asyncio.shield(fetch)

    def _fetching(self) -> asyncio.Task[None] | None:
        now = self._monotonic_ns()
        if self._fetch is not None and not self._fetch.done():
            return self._fetch
        if self._tried_ns is not None and now - self._tried_ns < self._cooldown_ns:
            return None
        self._tried_ns = now
        self._fetch = asyncio.create_task(self._refresh())
        return self._fetch

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                body, life = await self._get()
            self._keys = read_key_set(body)
        except (httpx2.HTTPError, TimeoutError, ValueError, UnusableKey) as error:
            _log.warning("the issuer's keys could not be fetched: %s", type(error).__name__)
            self._failed = True
            return
        self._failed = False
        self._due_ns = self._monotonic_ns() + _nanoseconds(life)

    async def _get(self) -> tuple[bytes, timedelta]:
        async with self._client.stream("GET", self._url, follow_redirects=False) as response:
            if response.status_code != httpx2.codes.OK:
                raise ValueError("the issuer answered something else than its keys")
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise ValueError("the key set is too long")
            return bytes(body), _life(response.headers.get("cache-control", ""))


def read_key_set(body: bytes) -> dict[str, VerificationKey]:
    """The usable keys of a JWK set by `kid`; ValueError where it is no set, `UnusableKey` where it has none.

    A key that cannot be used is passed over (RFC 7517 section 5); a `kid` that two keys claim names neither.
    """
    listed = decode_object(body).get("keys")
    if not isinstance(listed, list):
        raise ValueError("not a JWK set")
    kids = [jwk.get("kid") for jwk in listed if isinstance(jwk, dict)]
    keys = {}
    for jwk in listed:
        try:
            if isinstance(jwk, dict) and kids.count(jwk.get("kid")) == 1:
                key = read_jwk(jwk)
                keys[key.kid] = key
        except UnusableKey as error:
            _log.warning("a key of the issuer is passed over: %s", error)
    if not keys:
        raise UnusableKey("the set has no key that can be used")
    return keys


def _life(cache_control: str) -> timedelta:
    if re.search(r"\bno-(store|cache)\b", cache_control, re.IGNORECASE):
        return MIN_LIFE
    found = re.search(r"\bmax-age=(\d{1,9})\b", cache_control, re.IGNORECASE)
    return min(max(timedelta(seconds=int(found[1])), MIN_LIFE), MAX_LIFE) if found else DEFAULT_LIFE


def _is_trustworthy(url: httpx2.URL) -> bool:
    if url.scheme == "https" or url.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return False


def _nanoseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1) * 1000
