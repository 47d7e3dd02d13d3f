"""Every check of a campaign fails where the history is broken in the way that it is there for."""

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from eventlog.events import Recorded
from eventlog.projection import Projection, Put, foreign
from services.identity import projections as identity_projections
from services.policy import projections as policy_projections
from services.token import entitlements
from services.token import projections as token_projections
from services.token.domain.events import events
from services.token.projections import FAMILIES
from tests.fault.campaign.check import (
    REFRESHED,
    SECOND,
    Acknowledged,
    LogWatch,
    Published,
    TableWatch,
    TopicWatch,
)
from tests.fault.campaign.components import ENOUGH, Tally
from tests.fault.campaign.judge import (
    Refused,
    Use,
    judge_refusals,
    late_uses,
    left_at_token,
    unforeseen_reuse,
)
from tests.fault.campaign.suites import TABLES
from watchword.chain import GENESIS, link

START = 1_000_000 * SECOND
ISSUED = {
    "client_id": "app",
    "subject": "acc_a",
    "audience": ["x"],
    "scope": "",
    "expires_at": "2030-01-01T00:00:00.000000Z",
}


class Story:
    """A log that is well as long as nothing is done to it; each event a second after the one before."""

    def __init__(self) -> None:
        self.rows: list[Recorded] = []

    def add(self, stream: str, name: str, command: str = "", /, **body: Any) -> "Story":
        before = self.rows[-1] if self.rows else None
        row = Recorded(
            position=len(self.rows) + 1,
            stream=stream,
            version=1 + sum(one.stream == stream for one in self.rows),
            type=f"watchword.token.{name}.v1",
            time=START + len(self.rows) * SECOND,
            command_id=command or f"command-{len(self.rows)}",
            actor="test",
            correlation_id="test",
            body=msgspec.json.encode(body),
            sealed_hash=b"",
            chain_hash=b"",
        )
        self.rows.append(chained(row, GENESIS if before is None else before.chain_hash))
        return self

    def family(self) -> "Story":
        """A family with two generations, at 1 to 3."""
        self.add("family/f", "family.started", "one", family_id="f", session_id="ses_s", **STARTED)
        self.add("family/f", "token.issued", "one", token_id="t1", family_id="f", session_id="ses_s", **ISSUED)
        return self.rotated(2)

    def rotated(self, generation: int) -> "Story":
        said = ISSUED | {"family_id": "f", "generation": generation, "refresh_key": "k"}
        return self.add("family/f", "refresh.rotated", token_id=f"t{generation}", session_id="ses_s", **said)


STARTED = {
    "client_id": "app",
    "subject": "acc_a",
    "session_position": 1,
    "seen": 1,
    "scope": "",
    "refresh_key": "k",
    "auth_time": "2026-01-01T00:00:00.000000Z",
    "acr": "pw",
    "amr": ["pwd"],
    "expires_at": "2030-01-01T00:00:00.000000Z",
}


def chained(row: Recorded, before: bytes) -> Recorded:
    return msgspec.structs.replace(row, chain_hash=link(before, row))


def taken(rows: Iterable[Recorded]) -> tuple[LogWatch, list[str]]:
    watch = LogWatch("token")
    return watch, watch.take(list(rows))


def test_a_log_that_is_well_breaks_nothing() -> None:
    watch, wrong = taken(Story().family().rotated(3).rows)
    assert wrong == []
    told = [Acknowledged("token.issued", "t1", 2), Acknowledged(REFRESHED, "t2", 3), Acknowledged(REFRESHED, "t3", 4)]
    assert watch.lost(told) == []


def test_a_row_that_is_missing_is_seen() -> None:
    rows = Story().family().rotated(3).rows
    assert any("follows 2" in one for one in taken(rows[:2] + rows[3:])[1])


def test_rows_that_changed_places_are_seen() -> None:
    rows = Story().family().rows
    assert taken([rows[1], rows[0], rows[2]])[1]


def test_a_row_that_was_changed_is_seen() -> None:
    rows = Story().family().rows
    changed = msgspec.structs.replace(rows[1], body=b'{"token_id":"another"}')
    assert any("hash" in one for one in taken([rows[0], changed, rows[2]])[1])


def test_a_version_that_stands_twice_is_seen() -> None:
    first, second = Story().add("client/a", "client.x").add("client/a", "client.x").rows
    again = chained(msgspec.structs.replace(second, version=1), first.chain_hash)
    assert any("version 1" in one for one in taken([first, again])[1])


def test_time_that_goes_back_is_seen() -> None:
    first, second = Story().add("client/a", "client.x").add("client/a", "client.x").rows
    earlier = chained(msgspec.structs.replace(second, time=first.time - 1), first.chain_hash)
    assert any("its time" in one for one in taken([first, earlier])[1])


def test_a_command_that_was_applied_twice_is_seen() -> None:
    story = Story().add("a/1", "x", "one").add("a/2", "x", "two").add("a/3", "x", "one")
    assert any("applied before" in one for one in taken(story.rows)[1])


def test_a_fact_that_stands_twice_is_seen() -> None:
    story = (
        Story().add("session/s", "session.revoked", session_id="s").add("session/s", "session.revoked", session_id="s")
    )
    assert any("stands at 1 already" in one for one in taken(story.rows)[1])


def test_two_lineages_are_seen() -> None:
    assert any("generation 2 of f follows 2" in one for one in taken(Story().family().rotated(2).rows)[1])


def test_an_answer_given_again_that_is_not_the_last_is_seen() -> None:
    story = Story().family().rotated(3)
    story.add("token/t9", "refresh.retried", token_id="t9", generation=2, family_id="f", **ISSUED)
    assert any("not its last" in one for one in taken(story.rows)[1])


def test_an_acknowledged_event_that_is_lost_or_stands_elsewhere_is_seen() -> None:
    watch, _ = taken(Story().family().rows)
    assert watch.lost([Acknowledged("token.issued", "t1", 2)]) == []
    assert len(watch.lost([Acknowledged("token.issued", "t1", 1), Acknowledged(REFRESHED, "t9", 3)])) == 2


def test_reuse_that_nobody_provoked_is_seen() -> None:
    watch, _ = taken(Story().family().add("family/f", "refresh.reuse_detected", family_id="f").rows)
    assert unforeseen_reuse(watch, ["f"], []) == []
    assert unforeseen_reuse(watch, ["g"], [])


async def test_a_table_that_is_not_its_replay_is_seen() -> None:
    rows = Story().family().rows
    watch = TableWatch(FAMILIES)
    await watch.take(rows)
    ((kind, key), (belongs, value)) = next(iter(watch.rows.items()))
    whole = [Put(kind, key, value, belongs)]
    assert watch.differs(whole, START) == []
    assert watch.differs([], START)
    assert watch.differs([msgspec.structs.replace(whole[0], belongs="another")], START)
    assert watch.differs([msgspec.structs.replace(whole[0], value={"forget_at_us": value["forget_at_us"] + 1})], START)
    assert watch.differs([*whole, Put(kind, "another", value)], START)
    assert watch.differs([], value["forget_at_us"] + 1) == [], "what may be forgotten may be gone"


async def test_a_table_that_only_its_service_can_fill_is_compared_without_what_was_sealed() -> None:
    def fold(event: object, row: Recorded) -> list[Put]:
        return [Put("seen", "one", {"address": "", "at": 1})]

    watch = TableWatch(Projection("seen", "token", foreign(events), fold), frozenset({"address"}))
    await watch.take(Story().family().rows[:1])
    assert watch.differs([Put("seen", "one", {"address": "10.0.0.1", "at": 1})], START) == []
    assert watch.differs([Put("seen", "one", {"address": "10.0.0.1", "at": 2})], START)


HASHES = {n: sha256(bytes([n])).digest() for n in range(1, 6)}


def test_a_topic_that_repeats_is_well_and_one_with_a_gap_is_not() -> None:
    records = [Published(n, position, HASHES[position]) for n, position in enumerate((1, 2, 1, 2, 3))]
    assert TopicWatch("token").take(records, HASHES) == []
    assert TopicWatch("token").take([Published(0, 1, HASHES[1]), Published(1, 3, HASHES[3])], HASHES)


def test_a_record_of_what_never_committed_is_seen() -> None:
    forged = [Published(0, 1, HASHES[2])]
    assert TopicWatch("token").take(forged, HASHES)
    assert TopicWatch("token").take([Published(0, 9, HASHES[2])], HASHES)
    assert TopicWatch("token", strangers=True).take(forged, HASHES) == []


def test_a_topic_that_lost_its_beginning_begins_anywhere_and_then_has_no_gap() -> None:
    topic = TopicWatch("token")
    topic.begins_anywhere()
    assert topic.take([Published(0, 3, HASHES[3])], HASHES) == []
    assert topic.take([Published(1, 5, HASHES[5])], HASHES)


def use(after: float) -> Use:
    """Of the token at 2, so long after the session was revoked at 4."""
    return Use("verifier", START / SECOND + 3 + after, "ses_s", "f", "acc_a", 2, 7, 5.0)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("session.revoked", {"session_id": "ses_s"}),
        ("family.revoked", {"family_id": "f"}),
        ("subject.revoked", {"subject": "acc_a"}),
    ],
)
def test_an_accepted_use_after_the_bound_is_seen(name: str, body: dict[str, str]) -> None:
    watch, _ = taken(Story().family().add("x/1", name, **body).rows)
    assert late_uses([use(-2.0), use(0.1), use(4.9)], watch) == []
    assert len(late_uses([use(5.1)], watch)) == 1
    assert late_uses([replace(use(9.0), position=9)], watch) == [], "it ends nothing that was given later"
    assert late_uses([replace(use(9.0), session_id="o", family_id="o", subject="o")], watch) == []


def test_an_accepted_use_of_what_a_password_change_or_a_disabled_account_ended_is_seen() -> None:
    def late(**body: Any) -> list[str]:
        watch, _ = taken(Story().family().add("x/1", "subject.revoked", subject="acc_a", **body).rows)
        return late_uses([use(5.1)], watch)

    assert len(late(before_session_position=8)) == 1
    assert len(late(before_session_position=8, spared_session_id="ses_o")) == 1
    assert late(before_session_position=7) == [], "the session began after it"
    assert late(before_session_position=8, spared_session_id="ses_s") == []


@pytest.mark.parametrize(
    ("event", "body", "ended", "by"),
    [
        ("session.ended", {"session_id": "ses_s"}, "session.revoked", {"session_id": "ses_s"}),
        (
            "account.disabled",
            {"account_id": "acc_a"},
            "subject.revoked",
            {"subject": "acc_a", "before_session_position": 1},
        ),
        (
            "credential.changed",
            {"account_id": "acc_a"},
            "subject.revoked",
            {"subject": "acc_a", "before_session_position": 1},
        ),
    ],
)
def test_what_identity_ended_and_token_did_not_is_seen(
    event: str, body: dict[str, Any], ended: str, by: dict[str, Any]
) -> None:
    identity, _ = taken(Story().add("x/1", event, **body).rows)
    token, _ = taken(Story().add("x/1", ended, **by).rows)
    another, _ = taken(Story().add("x/1", ended, **by | {"subject": "acc_o", "session_id": "ses_o"}).rows)
    policy, _ = taken([])
    assert left_at_token(identity, policy, token) == []
    assert len(left_at_token(identity, policy, another)) == 1


def test_access_that_was_recalled_and_goes_on_is_seen() -> None:
    identity, _ = taken([])
    policy, _ = taken(Story().add("group/g", "access.recalled", subjects=["acc_a", "acc_b"]).rows)
    token, _ = taken(Story().add("x/1", "subject.revoked", subject="acc_a").rows)
    assert len(left_at_token(identity, policy, token)) == 1


def test_every_table_of_the_services_is_compared() -> None:
    found = {
        (module.__name__.split(".")[1], one.name)
        for module in (identity_projections, token_projections, entitlements, policy_projections)
        for one in vars(module).values()
        if isinstance(one, Projection)
    }
    assert {(service, one.name) for service, some in TABLES.items() for one in some} == found | {
        ("identity", "sessions")
    }


def refusal(after: float, ready: float = 0.0, presented: int = 1) -> Refused:
    """So long after generation 2 was given."""
    return Refused("f", "ses_s", "acc_a", presented, "token.0", START / SECOND + 2 + after, ready)


def test_a_user_who_is_refused_within_the_leeway_is_seen() -> None:
    watch, _ = taken(Story().family().rows)
    judged = judge_refusals([refusal(3.0)], watch, frozenset(), [(0.0, 1e12)], 10.0)
    assert (judged.cost, len(judged.wrong)) == (0, 1)


def test_a_user_who_is_refused_soon_after_the_process_became_ready_is_seen() -> None:
    watch, _ = taken(Story().family().rows)
    late = refusal(30.0, ready=START / SECOND + 2 + 25.0)
    assert judge_refusals([late], watch, frozenset(), [(0.0, 1e12)], 10.0).wrong


def test_a_user_whose_current_token_is_refused_is_seen() -> None:
    watch, _ = taken(Story().family().rows)
    assert judge_refusals([refusal(3.0, presented=2)], watch, frozenset(), [], 10.0).wrong


def test_a_login_is_the_cost_of_a_long_cut_and_of_nothing_else() -> None:
    watch, _ = taken(Story().family().rows)
    begun = START / SECOND
    during = judge_refusals([refusal(15.0)], watch, frozenset(), [(begun, begun + 14)], 10.0)
    assert (during.cost, during.wrong) == (1, [])
    assert judge_refusals([refusal(15.0)], watch, frozenset(), [(begun + 100, begun + 114)], 10.0).wrong


@pytest.mark.parametrize("wished", ["f", "ses_s", "acc_a"])
def test_who_was_asked_to_go_is_refused_rightly(wished: str) -> None:
    watch, _ = taken(Story().family().rows)
    judged = judge_refusals([refusal(3.0)], watch, frozenset({wished}), [], 10.0)
    assert (judged.wished, judged.wrong) == (1, [])


def test_a_point_that_nothing_passes_any_more_is_named() -> None:
    tally = Tally(seed=1)
    tally.meant.update({"append.sent": ENOUGH, "append.known": ENOUGH, "publish.sent": ENOUGH - 1})
    tally.kills.update({"append.sent": 1})
    assert tally.never_passed() == ["append.known"]
