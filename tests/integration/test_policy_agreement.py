"""Whatever two processes of policy are told, in whatever order, memory, tables and a replay decide as the reference."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.policy.migrate import SCHEMA
from services.policy.queries import Moment
from tests.harness.database import Database
from tests.harness.policy_histories import Heard, Step, Told, beginnings, histories
from tests.harness.policy_models import EVERY_QUESTION, NOW_US
from tests.harness.policy_process import Neighbours, PolicyProcess, policy_process
from tests.harness.policy_reference import Asked
from tests.harness.policy_story import Alone, Replay, Story
from tests.unit.policy.world import SetClock

END = NOW_US + 2
"""When all that ends has ended."""


@asynccontextmanager
async def two_processes(
    database: Database, neighbours: Neighbours, clock: SetClock
) -> AsyncIterator[Sequence[PolicyProcess]]:
    await database.migrate(SCHEMA)
    async with policy_process(database, neighbours, clock) as one, policy_process(database, neighbours, clock) as two:
        yield one, two


async def test_any_history_is_decided_alike_by_memory_by_tables_by_a_replay_and_by_the_reference(
    database: Database,
) -> None:
    loop, neighbours, clock, stories = asyncio.get_running_loop(), Neighbours(), SetClock(), list[Story]()
    async with two_processes(database, neighbours, clock) as processes:

        @settings(max_examples=20, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(beginnings(), histories(), st.integers(0, 4))
        def agree(beginning: list[Told], history: list[Step], first: int) -> None:
            stories.append(Story(len(stories), processes, neighbours, clock))
            told = _agree(stories[-1], beginning, history, EVERY_QUESTION[first::5])
            asyncio.run_coroutine_threadsafe(told, loop).result(60)

        await asyncio.to_thread(agree)
        async with policy_process(database, neighbours, clock) as third:
            for story in stories:
                assert await story.answers(third, EVERY_QUESTION) == story.expected(EVERY_QUESTION)


async def _agree(story: Story, beginning: Sequence[Told], history: Sequence[Step], questions: Sequence[Asked]) -> None:
    start, alone = await story.begin(), Alone(story)
    for told in beginning:
        assert await story.step(told) == await alone.step(told)
    await _agree_now(story, EVERY_QUESTION)
    for step in history:
        assert await story.step(step) == await alone.step(step)
        await _agree_now(story, questions)
        if isinstance(step, Heard):
            await _agree_in_sessions(story, questions)
    await _agree_now(story, EVERY_QUESTION)
    await story.kept()
    await _agree_as_time_passes(story, questions)
    await _agree_about_the_past(story, questions, Replay(story, start))


async def _agree_now(story: Story, questions: Sequence[Asked]) -> None:
    for process in story.processes:
        assert await story.answers(process, questions) == story.expected(questions)


async def _agree_in_sessions(story: Story, questions: Sequence[Asked]) -> None:
    for session in ("ses_0", "ses_1", "ses_2"):
        for process in story.processes:
            assert await story.answers(process, questions, session) == story.expected(questions, session)


async def _agree_as_time_passes(story: Story, questions: Sequence[Asked]) -> None:
    while story.clock.time < END:
        story.clock.time += 1
        expected = story.expected(questions)
        for process in story.processes:
            assert await story.answers(process, questions) == expected
            assert await story.answers(process, questions, then=Moment(story.clock.time)) == expected


async def _agree_about_the_past(story: Story, questions: Sequence[Asked], replay: Replay) -> None:
    for number, was in enumerate(story.was[:: max(1, len(story.was) // 5)]):
        process = story.processes[number % 2]
        expected = story.expected_then(questions, was.facts, was.time)
        assert await replay.answers(questions, was) == expected
        for moment in (Moment(0, was.position), Moment(was.time)):
            assert await story.answers(process, questions, then=moment) == expected
    for time in sorted(story.ends):
        for now in (time - 1, time):
            expected = story.expected_then(questions, story.facts_at(now), now)
            assert await story.answers(story.processes[0], questions, then=Moment(now)) == expected
