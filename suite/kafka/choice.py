"""What `--kafka` means."""

import re
from dataclasses import dataclass

from suite.errors import Halt
from suite.ports import Address
from watchword.kafka.connection import PREFIX

DEFAULT = Address("127.0.0.1", 19_092)
EMBEDDED = "embedded"
EXAMPLE = "embedded, embedded:19092 or broker-1:9092,broker-2:9092"
_TOPICS = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
"""What the services take too."""


@dataclass(frozen=True, slots=True)
class Kafka:
    """The brokers that carry the logs, and what the topics' names begin with."""

    brokers: tuple[Address, ...]
    topics: str = PREFIX
    embedded: bool = False
    """The one broker is ours to run."""

    @classmethod
    def parse(cls, brokers: str, topics: str = PREFIX) -> "Kafka":
        """Reads `embedded`, `embedded:PORT` or HOST:PORT[,HOST:PORT]. Raises Halt, with an example, for all else."""
        if not _TOPICS.fullmatch(topics):
            raise Halt(f"--kafka-topics {topics!r}: letters, digits, dots, _ and - begin a topic, such as {PREFIX}")
        try:
            if brokers == EMBEDDED:
                return cls((DEFAULT,), topics, embedded=True)
            if brokers.startswith(f"{EMBEDDED}:"):
                return cls((_ours(brokers.removeprefix(f"{EMBEDDED}:")),), topics, embedded=True)
            return cls(tuple(Address.parse(part.strip()) for part in brokers.split(",")), topics)
        except Halt:
            raise Halt(f"--kafka {brokers!r}: neither brokers nor `embedded`; such as {EXAMPLE}") from None

    def __str__(self) -> str:
        """HOST:PORT[,HOST:PORT]"""
        return ",".join(str(broker) for broker in self.brokers)

    def listeners(self) -> list[tuple[str, Address]]:
        """Every address that a broker of ours listens on, each with the option of `up` that moves it."""
        return listeners("--kafka embedded:PORT", self.brokers[0]) if self.embedded else []


def listeners(option: str, broker: Address) -> list[tuple[str, Address]]:
    """Where a broker of ours listens: for clients, and one port higher for its own controller."""
    return [(option, broker), (option, controller(broker))]


def controller(broker: Address) -> Address:
    """Where the broker at that address reaches its own controller."""
    return Address(broker.host, broker.port + 1)


def _ours(port: str) -> Address:
    controller_of = Address.parse(f"{DEFAULT.host}:{port}")
    Address.parse(str(controller(controller_of)))
    return controller_of
