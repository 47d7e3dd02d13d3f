"""The example that security teams copy alerts once on each reuse, on what is missing, and on what a stranger wrote."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness.kafka import Broker
from tests.harness.published import Published, published
from tests.harness.running import until
from watchword.kafka import Kafka

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "alert_on_reuse.py"
REUSE = {
    "family_id": "fam_1",
    "subject": "acc_1",
    "client_id": "app",
    "session_id": "ses_1",
    "presented_generation": 1,
    "presented_by": "other",
}
ALERT = "refresh token reused: family fam_1 client app account acc_1 by other"


@pytest.fixture
def topics(kafka: Broker, kafka_topics: str) -> Kafka:
    return Kafka(kafka.bootstrap, topics=kafka_topics)


def given(topics: Kafka, write: Callable[[Published], Awaitable[object]]) -> None:
    async def made() -> None:
        async with published(topics, "token") as topic:
            await write(topic)

    asyncio.run(made())


@contextmanager
def watching(topics: Kafka, directory: Path) -> Iterator[Callable[[], list[str]]]:
    """The example as a process; what it has said so far, a line each."""
    out, state = directory / "out", directory / "state.json"
    with out.open("wb") as said:
        command = [sys.executable, str(EXAMPLE), topics.servers, topics.topic("token"), str(state)]
        process = subprocess.Popen(command, stdout=said, stderr=said)
    try:
        yield lambda: out.read_text().splitlines()
    finally:
        process.terminate()
        process.wait(20)


async def reuse(topic: Published) -> None:
    await topic.event("refresh.rotated", "family/fam_1", family_id="fam_1", generation=2)
    await topic.heartbeat()
    await topic.event("refresh.reuse_detected", "family/fam_1", **REUSE)
    await topic.heartbeat()


async def missing(topic: Published) -> None:
    topic.next("family.revoked", "family/fam_1", family_id="fam_1")
    topic.next("session.revoked", "session/ses_1", session_id="ses_1")
    await topic.heartbeat()


async def stranger(topic: Published) -> None:
    await topic.write(None, b"hello", [])
    await reuse(topic)


def test_it_alerts_on_a_reuse_once_with_whom_it_hit(topics: Kafka, tmp_path: Path) -> None:
    given(topics, reuse)
    with watching(topics, tmp_path) as said:
        until(said, "it alerts on what was there", 30)
        given(topics, reuse)
        until(lambda: len(said()) == 2, "it alerts on what comes", 30)
        assert said() == [f"ALERT 2030-03-17T17:46:40.00000{position}Z {ALERT}" for position in (2, 4)]


def test_it_goes_on_where_it_stopped(topics: Kafka, tmp_path: Path) -> None:
    given(topics, reuse)
    with watching(topics, tmp_path) as said:
        state = tmp_path / "state.json"
        until(lambda: state.exists() and state.read_text() == "[2, 4]", "it has alerted on the first, and kept it", 30)
    given(topics, reuse)
    with watching(topics, tmp_path) as said:
        until(said, "it alerts on the one that came meanwhile", 30)
        given(topics, missing)
        until(lambda: len(said()) == 2, "it names what is missing", 30)
        assert said() == [
            f"ALERT 2030-03-17T17:46:40.000004Z {ALERT}",
            f"GAP positions 5 to 6 are not in {topics.topic('token')}",
        ]


def test_it_names_what_a_stranger_wrote_and_goes_on(topics: Kafka, tmp_path: Path) -> None:
    given(topics, stranger)
    with watching(topics, tmp_path) as said:
        until(lambda: len(said()) == 2, "it has read past it", 30)
        assert said()[0] == f"STRANGER wrote offset 0 of {topics.topic('token')}"
        assert said()[1].endswith(ALERT)
