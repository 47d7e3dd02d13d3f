"""The keys that clients publish at their `jwks_uri`, remembered for a while."""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from services.token.ports import Fetch, Jwk, NotFetched, Wanted
from watchword.compact import decode_object

REMEMBERED = 1000
"""Addresses whose keys are remembered."""
MOST = 32
"""Keys of one set that are looked at."""
COOLDOWN = 5.0
"""Seconds between two questions to one address, whoever asks for whichever key."""
LIFE, SHORTEST, LONGEST = 300.0, 30.0, 3600.0
"""Seconds for which a set is good: without a word from the site, and whatever it says."""
OUTAGE = 86_400.0
"""Seconds for which an old set serves while its site cannot be asked."""


@dataclass(slots=True)
class _Site:
    keys: Sequence[Jwk] = ()
    due: float = 0.0
    ends: float = 0.0
    again: float = 0.0
    reason: str = ""
    fetch: asyncio.Task[None] | None = field(default=None, repr=False)

    def first(self, wanted: Wanted) -> Jwk | None:
        return next((key for key in self.keys if wanted(key)), None)


class PublishedKeys:
    """See ports.ClientKeys. What is not known is looked for at the site, but not again and again."""

    def __init__(self, fetch: Fetch, now: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._now = now
        self._sites: OrderedDict[str, _Site] = OrderedDict()

    async def find(self, url: str, wanted: Wanted) -> Jwk | None:
        """See ports.ClientKeys."""
        site = self._site(url)
        found = site.first(wanted) if self._now() < site.due else None
        if found is None:
            await self._asked(url, site)
            if self._now() >= site.ends:
                raise NotFetched(site.reason)
            found = site.first(wanted)
        return found

    def _site(self, url: str) -> _Site:
        site = self._sites.setdefault(url, _Site())
        self._sites.move_to_end(url)
        if len(self._sites) > REMEMBERED:
            self._sites.popitem(last=False)
        return site

    async def _asked(self, url: str, site: _Site) -> None:
        """Shares the question with all who have it."""
        if site.fetch is None or site.fetch.done():
            if self._now() < site.again:
                return
            site.again = self._now() + COOLDOWN
            site.fetch = asyncio.ensure_future(self._ask(url, site))
        await asyncio.shield(site.fetch)

    async def _ask(self, url: str, site: _Site) -> None:
        try:
            answer = await self._fetch.get(url)
            if answer.status != 200:
                raise NotFetched("its site does not answer 200")
            site.keys = read_set(answer.body)
        except NotFetched as refused:
            site.reason = str(refused)
            return
        site.due = self._now() + _life(answer.cache_control)
        site.ends = self._now() + OUTAGE


def read_set(body: bytes) -> list[Jwk]:
    """The keys of a set (RFC 7517 5). Raises NotFetched where it is none."""
    try:
        listed = decode_object(body).get("keys")
    except ValueError:
        listed = None
    if not isinstance(listed, list):
        raise NotFetched("it is not a set of keys")
    return [key for key in listed[:MOST] if isinstance(key, dict)]


def _life(cache_control: str) -> float:
    found = re.search(r"\bmax-age=(\d{1,9})\b", cache_control, re.IGNORECASE)
    return LIFE if found is None else min(max(float(found[1]), SHORTEST), LONGEST)
