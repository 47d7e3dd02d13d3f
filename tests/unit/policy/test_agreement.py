"""On any facts whatever, the service decides as the reference does that was written from docs/policy.md alone."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.policy.domain.decision import decide
from services.policy.domain.entities import Entity, Question
from services.policy.domain.rules.engine import Rules
from services.policy.queries import Moment
from services.policy.queries.search import Wanted
from tests.harness.policy_models import (
    EVERY_QUESTION,
    GROUPS,
    LATER,
    NOW_US,
    PEOPLE,
    QUESTIONS,
    STRANGERS,
    SUBJECTS,
    Write,
    histories,
    models,
)
from tests.harness.policy_reference import Asked, Fact, at, changed, decided, name_of
from tests.unit.policy.told import Told, answers, replayed, told

pytestmark = pytest.mark.timeout(600)  # tens of thousands of decisions each, on a machine that may be busy

SECOND = 1_000_000
SHIPPED = Rules.of()
ANYBODY = {*SUBJECTS, *STRANGERS, *(f"group/{name}" for name in GROUPS)}
SOME_QUESTIONS = st.lists(QUESTIONS, min_size=1, max_size=8)


@settings(max_examples=300)
@given(models(), SOME_QUESTIONS)
def test_the_service_decides_as_the_reference_code_by_code(facts: Sequence[Fact], questions: Sequence[Asked]) -> None:
    service = Told.of(facts)
    for one in (*questions, *EVERY_QUESTION):
        assert answers(service, [one]) == _reference(facts, [one]), (one, facts)


@settings(max_examples=150)
@given(models(), SOME_QUESTIONS)
def test_what_is_remembered_of_the_shipped_policies_is_what_cedar_says_of_the_question_itself(
    facts: Sequence[Fact], questions: Sequence[Asked]
) -> None:
    """A policy of the organization that matches everything and says nothing has each question evaluated for itself."""
    service, heard = Told.of(facts), Rules.of("forbid (principal, action, resource) when { context.now < 0 };")
    for one in questions:
        asked = service.question(one)
        remembered, evaluated = (decide(asked, service.memory, rules, NOW_US) for rules in (SHIPPED, heard))
        assert remembered == evaluated


@settings(max_examples=100)
@given(histories(), models(), st.randoms(use_true_random=False), SOME_QUESTIONS)
def test_any_way_to_the_same_facts_gives_the_same_decisions_now_replayed_and_as_of_now(
    before: Sequence[Write], facts: Sequence[Fact], chance: Any, questions: Sequence[Asked]
) -> None:
    async def run() -> None:
        service = Told.of([])
        stand: Sequence[Fact] = []
        for write, remove in before:
            await told(service, write, remove)
            stand = changed(stand, write, remove)
            if chance.random() < 0.5:
                await service.settle()
        wanted = {name_of(fact) for fact in facts}
        leaving = [fact for fact in stand if name_of(fact) not in wanted]
        steps: list[Write] = [([fact], []) for fact in facts] + [([], [fact]) for fact in leaving]
        chance.shuffle(steps)
        for write, remove in steps:
            await told(service, write, remove)
        await service.settle()
        expected = _reference(facts, questions)
        assert answers(service, questions) == expected
        assert answers(await replayed(service), questions) == expected
        for moment in (Moment(NOW_US, service.policy.applied), Moment(NOW_US)):
            assert await _then(service, questions, moment) == expected

    asyncio.run(run())


@settings(max_examples=100)
@given(histories(), st.integers(0, 4))
def test_each_earlier_position_is_answered_as_it_was_answered_then(history: Sequence[Write], first: int) -> None:
    questions = EVERY_QUESTION[first::5]

    async def run() -> None:
        service = Told.of([])
        were: list[tuple[Moment, Any]] = []
        for write, remove in history:
            service.clock.time += 1
            await told(service, write, remove)
            await service.settle()
            were.append((Moment(service.clock.time, service.policy.applied), answers(service, questions)))
        service.clock.time += 3600 * SECOND
        for moment, answered in were[:: max(1, len(were) // 4)]:
            assert await _then(service, questions, Moment(moment.time)) == answered
            written = next(one for one in were if one[0].position == moment.position)
            assert await _then(service, questions, Moment(0, moment.position)) == written[1]

    asyncio.run(run())


@settings(max_examples=60)
@given(histories(), st.integers(0, 6), st.randoms(use_true_random=False))
def test_what_is_remembered_of_a_subject_is_what_is_found_anew_after_any_write_at_any_time(
    history: Sequence[Write], first: int, chance: Any
) -> None:
    """A clock may be behind another by which something was remembered; ends are exact on both sides."""
    questions = EVERY_QUESTION[first::7]
    service = Told.of([])
    stand: Sequence[Fact] = []
    for write, remove in history:
        service.tell(write, remove)
        stand = changed(stand, write, remove)
        anew = Told.of(stand)
        for _ in range(2):
            service.clock.time = anew.clock.time = NOW_US + chance.randrange(-2, 3)
            assert answers(service, questions) == answers(anew, questions), (stand, anew.clock.time)


@settings(max_examples=150)
@given(models(), st.sampled_from(SUBJECTS))
def test_no_role_no_ownership_and_no_share_overrides_a_label(facts: Sequence[Fact], subject: str) -> None:
    everything: list[Fact] = [
        {"kind": "role", "name": "root", "actions": ["*"]},
        {"kind": "assignment", "holder": subject, "role": "root"},
    ]
    for resource in {asked.resource for asked in EVERY_QUESTION if asked.resource}:
        everything += [
            {"kind": "owner", "resource": resource, "owner": subject},
            {"kind": "share", "resource": resource, "id": "all", "by": subject, "to": subject, "actions": ["*"]},
        ]
    forbidden = [one for one in EVERY_QUESTION if one.subject == subject and _code(facts, one) == "label_forbids"]
    given_all = answers(Told.of(changed(facts, everything)), forbidden)
    assert given_all == [(False, "label_forbids")] * len(forbidden)


@settings(max_examples=150)
@given(models(), st.data())
def test_taking_back_a_share_takes_back_all_that_came_of_it(facts: Sequence[Fact], data: st.DataObject) -> None:
    shares = [fact for fact in facts if fact["kind"] == "share"]
    if not shares:
        return
    back = data.draw(st.sampled_from(shares))
    came_of_it = _came_of([back], shares)
    without = [fact for fact in facts if fact not in came_of_it]
    assert answers(Told.of(changed(facts, remove=[back])), EVERY_QUESTION) == answers(Told.of(without), EVERY_QUESTION)


def _came_of(found: list[Fact], shares: Sequence[Fact]) -> Collection[Fact]:
    for share in shares:
        rests = [one for one in found if (share["resource"], share.get("under")) == (one["resource"], one["id"])]
        if rests and share not in found:
            return _came_of([*found, share], shares)
    return found


@settings(max_examples=150)
@given(models(), st.sampled_from([-1, 0, 1, 2]))
def test_what_has_ended_is_as_if_it_were_not_there_though_nobody_cleaned_up(facts: Sequence[Fact], after: int) -> None:
    now = NOW_US + after
    service, clean = Told.of(facts), Told.of(at(facts, now))
    service.clock.time = clean.clock.time = now
    assert answers(service, EVERY_QUESTION) == answers(clean, EVERY_QUESTION)


@settings(max_examples=100)
@given(models(), st.lists(QUESTIONS, min_size=6, max_size=6))
def test_searches_find_all_that_facts_name_and_the_reference_allows_and_nothing_else(
    facts: Sequence[Fact], questions: Sequence[Asked]
) -> None:
    named = {str(fact[place]) for fact in facts for place in ("of", "resource", "parent") if place in fact}

    async def run() -> None:
        service = Told.of(facts)
        for asked in questions:
            await _agree(service, asked, facts, named)

    asyncio.run(run())


async def _agree(service: Told, asked: Asked, facts: Sequence[Fact], named: Iterable[str]) -> None:
    question = service.question(asked)
    for type_ in ("account", "client", "service", "group"):
        found = (await service.searches.subjects(type_, question, Wanted())).found
        assert list(found) == [one for one in _among(ANYBODY, type_) if _allows(facts, replace(asked, subject=one))]
    for type_ in ("folder", "document", "my-document", "group", "account"):
        found = (await service.searches.resources(type_, question, Wanted())).found
        assert list(found) == [one for one in _among(named, type_) if _allows(facts, replace(asked, resource=one))]
    for action in (await service.searches.actions(question, Wanted())).found:
        assert _allows(facts, replace(asked, action=action))


def _among(things: Iterable[str], type_: str) -> list[str]:
    return sorted(one for one in things if one.partition("/")[0] == type_)


def _allows(facts: Sequence[Fact], asked: Asked) -> bool:
    return decided(facts, PEOPLE, asked, NOW_US)[0]


NONSENSE: st.SearchStrategy[Any] = st.one_of(
    st.text(max_size=6),
    st.text("\x00\n\ud800\u202e*./:", max_size=3),
    st.sampled_from(["a" * 257, "é" * 200, "\U0001f600" * 200, "*", "..", "a..b", "document.*", "acc_1", "account"]),
    st.none(),
    st.integers(),
    st.binary(max_size=3),
    st.lists(st.text(max_size=2), max_size=2),
)
GOOD = {"type": st.just("account"), "id": st.just("acc_1"), "action": st.just("document.read")}


@settings(max_examples=500)
@given(st.data())
def test_nonsense_is_never_allowed_and_never_raises(data: st.DataObject) -> None:
    def some(what: str) -> Any:
        return data.draw(st.one_of(GOOD[what], NONSENSE), label=what)

    subject, action = Entity(some("type"), some("id")), some("action")
    resource = data.draw(st.one_of(st.none(), st.builds(Entity, st.just("document"), NONSENSE), NONSENSE))
    with capture_logs():
        answer = ALL_OPEN.decisions.answer(Question(subject, action, resource))
    named = None if resource is None else str(resource)
    texts = all(isinstance(one, str) for one in (subject.type, subject.id, action, named or ""))
    sensible = texts and (resource is None or (isinstance(resource, Entity) and isinstance(resource.id, str)))
    asked = Asked(f"{subject.type}/{subject.id}", action, named)
    if sensible:
        assert (answer.allowed, answer.code) == decided(OPEN, PEOPLE, asked, NOW_US)
    else:
        assert answer.code in ("malformed", "failed", "subject_unknown")
        assert not answer.allowed


OPEN: list[Fact] = [
    {"kind": "role", "name": "root", "actions": ["*"]},
    {"kind": "assignment", "holder": "account/acc_1", "role": "root", "expires_at": LATER},
]
ALL_OPEN = Told.of(OPEN)


def _reference(facts: Sequence[Fact], questions: Sequence[Asked]) -> list[tuple[bool, str]]:
    return [decided(facts, PEOPLE, one, NOW_US) for one in questions]


def _code(facts: Sequence[Fact], asked: Asked) -> str:
    return decided(facts, PEOPLE, asked, NOW_US)[1]


async def _then(service: Told, questions: Sequence[Asked], moment: Moment) -> list[tuple[bool, str]]:
    found = await service.decisions.answers([service.question(one) for one in questions], moment)
    return [(one.allowed, one.code) for one in found]
