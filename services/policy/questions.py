"""What was asked lately, for dry runs: in memory, and from time to time in a table that all processes share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

import asyncpg
import msgspec

from eventlog.postgres.connection import fetch
from services.policy.domain.entities import Question
from services.policy.domain.rules.dryrun import KEPT, Recent
from services.policy.domain.standing import Session

MAX_BYTES = 4096
"""Of one question; a larger one is not kept."""
DAYS = 7
DAY = 86_400_000_000

_KEEP = """
INSERT INTO asked_questions (digest, question, asked_at)
SELECT digest, question, $3 FROM unnest($1::bytea[], $2::bytea[]) AS new (digest, question) ORDER BY digest
ON CONFLICT (digest) DO UPDATE SET asked_at = excluded.asked_at
"""
# Locks that others hold are passed over: who waits for nobody holds nobody up.
_FORGET = """
DELETE FROM asked_questions WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM asked_questions
    WHERE asked_at < greatest($1, (SELECT asked_at FROM asked_questions ORDER BY asked_at DESC OFFSET $2 LIMIT 1))
    FOR UPDATE SKIP LOCKED
)) RETURNING 1
"""
_LATEST = "SELECT question FROM asked_questions ORDER BY asked_at DESC, digest LIMIT $1"


class Table(Protocol):
    """Where questions are kept for all processes."""

    async def keep(self, questions: Sequence[bytes], now: int) -> None:
        """Adds these, and forgets what is too old or too many. `now` is the log's time in µs."""
        ...

    async def latest(self) -> Sequence[bytes]: ...


@dataclass(frozen=True, slots=True)
class Questions:
    """`recent` holds what this process was asked."""

    table: Table
    recent: Recent[bytes] = field(default_factory=Recent)

    def add(self, question: Question, session: Session | None) -> None:
        """With the login of its session, in whose place that stands: sessions end before a dry run."""
        login = session or question
        kept = msgspec.structs.replace(
            question,
            session_id=None,
            token_position=None,
            acr=login.acr,
            amr=tuple(login.amr),
            auth_time=login.auth_time,
            vouched=False,
        )
        spelled = msgspec.json.encode(kept)
        if len(spelled) <= MAX_BYTES:
            self.recent.add(spelled)

    async def flush(self, now: int) -> None:
        """Shares what is new with the other processes."""
        if taken := self.recent.take():
            await self.table.keep(taken, now)

    async def all(self, now: int) -> list[Question]:
        """Of all processes, the newest first; of others up to their last flush."""
        await self.flush(now)
        return [msgspec.json.decode(one, type=Question) for one in await self.table.latest()]


@dataclass(frozen=True, slots=True)
class QuestionTable:
    """See Table; in the service's database."""

    pool: asyncpg.Pool

    async def keep(self, questions: Sequence[bytes], now: int) -> None:
        """See Table."""
        digests = [sha256(one).digest() for one in questions]
        await fetch(self.pool, _KEEP, digests, list(questions), now)
        await fetch(self.pool, _FORGET, now - DAYS * DAY, KEPT)

    async def latest(self) -> Sequence[bytes]:
        """See Table."""
        return [row["question"] for row in await fetch(self.pool, _LATEST, KEPT)]


class QuestionsInMemory:
    """See Table; for one process."""

    def __init__(self) -> None:
        self._kept: dict[bytes, int] = {}

    async def keep(self, questions: Sequence[bytes], now: int) -> None:
        """See Table."""
        self._kept.update(dict.fromkeys(questions, now))
        newest = sorted(self._kept.items(), key=lambda one: (-one[1], one[0]))[:KEPT]
        self._kept = {question: at for question, at in newest if at >= now - DAYS * DAY}

    async def latest(self) -> Sequence[bytes]:
        """See Table."""
        return sorted(self._kept, key=lambda one: (-self._kept[one], one))
