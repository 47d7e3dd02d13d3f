"""What clients asked and what they were answered, as it is checked afterwards."""

from collections import Counter, defaultdict
from collections.abc import Awaitable
from dataclasses import dataclass, field

import httpx2

from tests.fault.campaign.check import Acknowledged
from tests.fault.campaign.endings import AccessToken, Denied, Use
from tests.fault.campaign.judge import Refused

NOBODY_WELL = (500, 502, 504)


@dataclass
class History:
    """`told` is by log. `wished` are sessions, families and subjects that somebody asked to end; `provoked` families in
    which an old token was replayed, `replayed` those of them where it was refused, with the key that had derived it.
    `odd` are answers that nothing excuses."""

    told: dict[str, list[Acknowledged]] = field(default_factory=lambda: defaultdict(list))
    uses: list[Use] = field(default_factory=list)
    denials: list[Denied] = field(default_factory=list)
    given_back: list[AccessToken] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    wished: set[str] = field(default_factory=set)
    provoked: set[str] = field(default_factory=set)
    replayed: dict[str, str] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    async def heard(self, what: str, request: Awaitable[httpx2.Response]) -> httpx2.Response | None:
        """The answer; None where none came, or where the service said that it cannot answer now."""
        try:
            answer = await request
        except httpx2.TransportError:
            self.counts[f"{what}: no answer"] += 1
            return None
        self.counts[f"{what}: {answer.status_code}"] += 1
        if answer.status_code in NOBODY_WELL:
            self.odd.append(f"{what}: {answer.status_code} {answer.text[:200]}")
        return None if answer.status_code in (429, 503, *NOBODY_WELL) else answer

    def acknowledge(self, log: str, event: str, id_: str, position: int | None = None) -> None:
        self.told[log].append(Acknowledged(event, id_, position))

    def used(self, by: str, sent: float, token: str, bound: float) -> None:
        """A token was accepted."""
        self.counts[f"accepted by {by}"] += 1
        self.uses.append(Use(by, sent, AccessToken.of(token), bound))

    def denied(self, by: str, word: str, token: str) -> None:
        """A token was not taken."""
        self.denials.append(Denied(by, word, AccessToken.of(token)))
