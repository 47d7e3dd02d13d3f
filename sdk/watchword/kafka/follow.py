"""Reads token's topic into what a verifier knows. Needs aiokafka, like `watchword.kafka.topic`."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from watchword.clock import boot_ns
from watchword.kafka.connection import Kafka
from watchword.kafka.tail import SILENCE
from watchword.kafka.topic import CLUSTER_LOST, Found, TopicMissing, open_topic
from watchword.knowledge import Knowledge

LOG = "token"
READ_S = 0.25
FIRST_PAUSE_S, LAST_PAUSE_S = 0.1, 2.0

_log = logging.getLogger(__name__)


class TopicSilent(Exception):
    """Nothing came for as long as a relay that lives is never silent."""


class Topic(Protocol):
    """The records of a topic, from wherever it was told to seek (see `TopicReader`)."""

    async def seek(self, position: int, hint: int | None = None) -> None: ...

    async def read(self, timeout: float) -> list[Found]: ...


Opens = Callable[[], AbstractAsyncContextManager[Topic]]


async def follow(kafka: Kafka, knowledge: Knowledge) -> None:
    """Reads the topic of token's log for ever, from wherever the owner's snapshot ends."""
    await follow_topic(lambda: open_topic(kafka, LOG), knowledge)


async def follow_topic(opens: Opens, knowledge: Knowledge) -> None:
    """As `follow`, with a topic of one's own. A cluster that is lost is tried again with back-off."""
    pause = FIRST_PAUSE_S
    while True:
        try:
            async with opens() as topic:
                pause = FIRST_PAUSE_S
                await _read(topic, knowledge)
        except TopicMissing:
            knowledge.lost("topic_missing")
        except (TopicSilent, *CLUSTER_LOST) as error:
            _log.debug("the topic was lost: %r", error)
            knowledge.lost("topic_lost")
        except Exception:  # noqa: BLE001  whatever it is, the stream must go on
            _log.exception("reading the topic broke")
            knowledge.lost("topic_lost")
        await asyncio.sleep(pause)
        pause = min(2 * pause, LAST_PAUSE_S)


async def _read(topic: Topic, knowledge: Knowledge) -> None:
    while True:
        place = await knowledge.place()
        await topic.seek(place.position, place.offset)
        heard = boot_ns()
        while knowledge.reads_from(place):
            page = await topic.read(READ_S)
            if page:
                heard = boot_ns()
            elif boot_ns() - heard > SILENCE:
                raise TopicSilent
            for found in page:
                if knowledge.reads_from(place):
                    knowledge.record(found.offset, found.what)
