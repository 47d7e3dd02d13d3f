"""What a process believes of callers, and when it must not rely on it (RULES 6, 11)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from chassis.rpc import Caller
from chassis.trust import (
    MAX_SILENCE,
    CallerGranted,
    CertificateRevoked,
    Trust,
    fold_trust,
    knows_callers,
    token_events,
)
from eventlog.events import Event, encode
from eventlog.feed import LocalFeed, revokes
from eventlog.projection import MemoryProjection, Projection, Put, foreign
from eventlog.readers import MemoryReaders
from eventlog.store import Command, MemoryStore, NewEvent, Write
from tests.unit.projection.notes import Table, running, until
from watchword.clock import boot_ns

TRUST = Projection("trust", "token", foreign(token_events), fold_trust)
DEMO = Caller("backend", "demo", "ab" * 32)
ADMIN = Caller("operator", "admin", "cd" * 32)


async def token_says(store: MemoryStore, stream: str, *events: Event, body: bytes | None = None) -> None:
    new = [NewEvent(event.type, encode(event)[0] if body is None else body) for event in events]
    await store.append(Command(stream, "operator/admin", "c", [Write(stream, 0, new)]))


def believing(store: MemoryStore) -> tuple[Trust, MemoryProjection, Callable[[Caller], bool]]:
    source, trust = LocalFeed("token", store, MemoryReaders(), lambda: boot_ns() // 1000), Trust()
    memory = MemoryProjection(TRUST, Table(), source, trust, "test/1")
    return trust, memory, knows_callers(memory)


def test_who_applied_what_ends_something_is_heard_at_once() -> None:
    """All that token says of certificates, tokens and what they hang from, but for what is granted."""
    ends = [event.type for event in token_events.types if event is not CallerGranted]
    assert len(ends) == 7
    assert all(revokes([one]) for one in ends)
    assert not revokes([CallerGranted.type, "watchword.token.token.issued.v1"])


async def test_a_process_that_has_not_read_tokens_log_yet_does_not_take_a_revoked_certificate_for_a_good_one() -> None:
    store = MemoryStore()
    await token_says(store, f"certificate/{ADMIN.fingerprint}", CertificateRevoked(fingerprint=ADMIN.fingerprint))
    trust, memory, knows = believing(store)
    assert not trust.is_revoked(ADMIN.fingerprint)
    assert not knows(ADMIN)
    async with running(memory.run):
        await until(lambda: knows(DEMO))
        assert trust.is_revoked(ADMIN.fingerprint)


def test_a_process_that_starts_from_a_table_knows_what_was_revoked_and_granted_before() -> None:
    trust = Trust()
    trust.reset([Put("certificate", ADMIN.fingerprint, {}), Put("caller", DEMO.uri, {"grants": ["introspect:any"]})])
    assert [trust.is_revoked(one.fingerprint) for one in (ADMIN, DEMO)] == [True, False]
    assert [trust.grants(one.uri) for one in (DEMO, ADMIN)] == [{"introspect:any"}, set()]


@pytest.mark.parametrize("stream", [f"certificate/{DEMO.fingerprint}", "caller/watchword/backend/demo"])
async def test_of_whom_something_could_not_be_read_is_not_let_in_and_all_others_are(stream: str) -> None:
    store = MemoryStore()
    event = CallerGranted(uri=DEMO.uri, grants=[])
    await token_says(store, stream, event, body=b"[]")
    _, memory, knows = believing(store)
    async with running(memory.run):
        await until(lambda: knows(ADMIN))
        assert not knows(DEMO)


@dataclass(frozen=True)
class Heard:
    """Somebody who heard from token so many seconds ago."""

    seconds: float | None
    parked: frozenset[str] = frozenset()

    def age(self) -> float | None:
        return self.seconds


def test_a_process_that_is_cut_off_from_token_lets_nobody_in_after_a_minute() -> None:
    heard = Heard(MAX_SILENCE)
    assert knows_callers(heard)(ADMIN)
    assert not knows_callers(replace(heard, seconds=MAX_SILENCE + 0.1))(ADMIN)
    assert not knows_callers(replace(heard, seconds=None))(ADMIN)
