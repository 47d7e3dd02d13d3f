"""Reads a service's log from its topic in Kafka, and checks its chain on the way (RULES 5)."""

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from suite.errors import Halt
from suite.reading import Chain
from watchword.kafka import BadRecord, Heartbeat, Kafka, Mechanism, Record, Security
from watchword.kafka.topic import CLUSTER_LOST, Found, TopicMissing, TopicReader, open_topic

QUIET = 10
"""Seconds. A topic whose relay runs has a record each second."""


class Opening(BaseSettings):
    """What opens a cluster: WATCHWORD_KAFKA_SECURITY and so on, as the services have them."""

    model_config = SettingsConfigDict(env_prefix="WATCHWORD_KAFKA_", hide_input_in_errors=True, env_ignore_empty=True)

    security: Security = "plaintext"
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    sasl: Mechanism | None = None
    username: str | None = None
    password: SecretStr | None = None


def cluster(servers: str, topics: str) -> Kafka:
    """The cluster at `servers`, opened as the environment says. Raises Halt where that makes no sense."""
    try:
        told = Opening()
    except ValidationError as wrong:
        (error, *_) = wrong.errors()
        raise Halt(f"WATCHWORD_KAFKA_{str(error['loc'][0]).upper()}: {error['msg']}") from None
    password = None if told.password is None else told.password.get_secret_value()
    kafka = Kafka(
        servers, told.security, told.ca, told.cert, told.key, told.sasl, told.username, password, topics=topics
    )
    if reason := kafka.wrong():
        raise Halt(f"WATCHWORD_KAFKA_SECURITY={told.security}: {reason}")
    return kafka


async def tail(kafka: Kafka, log: str, first: int | None, lines: int, follow: bool) -> AsyncIterator[Record]:
    """Events from position `first`, or the last `lines` ones, each once and in order, and each of which continues the
    chain; up to what is the last one now, or for ever.

    Says on stderr where the topic has no longer all of them. Raises Halt for a record that does not fit, and where the
    cluster does not answer.
    """
    try:
        async with open_topic(kafka, log) as topic:
            newest = await topic.last()
            head = newest.what.position if newest and not isinstance(newest.what, BadRecord) else 0
            begin = first or max(head - lines + 1, 1)
            until = None if follow else newest.offset if newest and begin <= head else -1
            await topic.seek(max(begin - 2, 0))  # the record before the first one wanted proves it
            reading = _Reading(kafka.topic(log), Chain(log), begin)
            async for found in _found(topic, until):
                record = reading.accept(found)
                if record is not None and record.position >= begin:
                    yield record
    except TopicMissing as missing:
        raise Halt(f"{missing} at {kafka.servers}; --kafka-topics PREFIX names others") from None
    except CLUSTER_LOST as error:
        raise Halt(f"Kafka at {kafka.servers} does not answer ({error or type(error).__name__})") from None


async def _found(topic: TopicReader, until: int | None) -> AsyncIterator[Found]:
    """What stands in the topic, to the offset `until`; for ever where that is None, and says when nothing comes."""
    offset, quiet = -1, 0
    while until is None or offset < until:
        page = await topic.read(1.0)
        quiet = 0 if page else quiet + 1
        if quiet == QUIET and until is not None:
            raise Halt(f"Kafka gives nothing for {QUIET} s, though offset {until} is there")
        if quiet == QUIET:
            sys.stderr.write(f"nothing for {QUIET} s, not even a heartbeat: does the relay run, and Kafka?\n")
        for one in page:
            offset = one.offset
            yield one


@dataclass(slots=True)
class _Reading:
    """How far a topic was read, and what may come next. `begin` is the first position that is wanted."""

    topic: str
    chain: Chain
    begin: int
    log_id: str | None = None

    def accept(self, found: Found) -> Record | None:
        """The record where it is new, None where it is no event or was seen before. Raises Halt where it is neither."""
        what = found.what
        if isinstance(what, BadRecord):
            raise self._broken(found, f"{what}: no relay of ours wrote it")
        if self.log_id not in (None, what.log_id):
            raise self._broken(found, f"it is of another log, {what.log_id} and not {self.log_id}")
        if self.log_id is None:
            self._begins(what)
        if isinstance(what, Heartbeat):
            self._heartbeat(found, what)
        elif what.position > self.chain.position:
            self.chain.accept(what)
            return what
        return None

    def _begins(self, what: Record | Heartbeat) -> None:
        self.log_id = what.log_id
        lacks = what.position - isinstance(what, Record)
        if lacks >= self.begin:
            sys.stderr.write(f"{self.topic} no longer has positions {self.begin} to {lacks}\n")

    def _heartbeat(self, found: Found, beat: Heartbeat) -> None:
        chain = self.chain
        if chain.chain_hash is None and beat.position:
            chain.position, chain.chain_hash = beat.position, beat.chain_hash
        elif beat.position > chain.position:
            raise self._broken(found, f"a heartbeat follows position {beat.position}, which is missing")
        elif beat.position == chain.position and beat.chain_hash != (chain.chain_hash or beat.chain_hash):
            raise self._broken(found, f"a heartbeat has another hash for position {beat.position}")

    def _broken(self, found: Found, reason: str) -> Halt:
        return Halt(f"offset {found.offset} of {self.topic} does not fit: {reason}")
