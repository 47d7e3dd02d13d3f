"""Failed logins become events: a name's first in a minute at once, that minute's others as one event with a count."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from eventlog.log import Attempt, By, Log
from services.identity.domain.events import LoginFailed
from services.identity.domain.failures import FAILED, MINUTE, month, stream_key

DAY = 24 * 60 * MINUTE
YEAR = 400


@dataclass(slots=True)
class _Tally:
    name_key: str
    account_id: str | None
    by: By
    count: int = 0
    command_id: str = field(default_factory=lambda: secrets.token_hex(16))


class Failures:
    """The failures that this process has counted and not yet written."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._tallies: dict[str, _Tally] = {}
        self._due: list[tuple[str, _Tally]] = []
        self._forgot_in = ""

    async def record(self, by: By, name: str, account_id: str | None, address: str) -> None:
        """Counts a failure of a name, known or not: what is done is the same."""
        now = self._log.now()
        name_key = await self._name_key(name, now)
        key = stream_key(name_key, now)
        if key in self._tallies:
            self._tallies[key].count += 1
            return
        tally = self._tallies[key] = _Tally(name_key, account_id, by)
        failed = LoginFailed(name_key=name_key, count=1, account_id=account_id, address=address)

        async def decision(attempt: Attempt) -> bool:
            another_process_was_first = await attempt.exists(FAILED, key)
            if not another_process_was_first:
                await attempt.write(FAILED, key, failed)
            return another_process_was_first

        if (await self._log.decide(by, decision)).value:
            tally.count += 1

    async def flush(self, everything: bool = False) -> None:
        """Writes what was counted in minutes that are over; at the end of the process, everything.

        What the log does not take is kept for the next time, under its own command id: twice is once.
        """
        minute = self._log.now() // MINUTE
        for key in list(self._tallies):
            if everything or int(key.rpartition("/")[2]) < minute:
                self._due.append((key, self._tallies.pop(key)))
        for one in list(self._due):
            await self._write(*one)
            self._due.remove(one)

    async def _write(self, key: str, tally: _Tally) -> None:
        if not tally.count:
            return
        failed = LoginFailed(name_key=tally.name_key, count=tally.count, account_id=tally.account_id)

        async def decision(attempt: Attempt) -> None:
            await attempt.write(FAILED, key, failed)

        await self._log.decide(tally.by, decision, tally.command_id)

    async def forget_old_keys(self) -> None:
        """Erases the keys of all months but this and the last: nobody can tell any more whose failures those were."""
        now = self._log.now()
        if self._forgot_in == month(now):
            return
        kept = {month(now - ago * DAY) for ago in range(32)}
        for gone in {month(now - ago * DAY) for ago in range(31, YEAR, 27)} - kept:
            await self._log.sealer.erase(_key_of(gone))
        self._forgot_in = month(now)

    async def _name_key(self, name: str, now: int) -> str:
        key = await self._log.sealer.secret(_key_of(month(now)))
        return hmac.digest(key, name.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()


def _key_of(name_of_month: str) -> str:
    return f"service/failures/{name_of_month}"
