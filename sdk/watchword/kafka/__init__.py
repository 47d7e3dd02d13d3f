"""A log's topic in Kafka, for readers: how to reach it, and what its records say.

`watchword.kafka.topic` reads it. That needs aiokafka, which is the extra `watchword[kafka]`.
"""

from watchword.kafka.connection import PREFIX, Kafka, Mechanism, Security
from watchword.kafka.records import HEARTBEAT, BadRecord, Heartbeat, Record, headers_of, heartbeat_headers, parse

__all__ = [
    "HEARTBEAT",
    "PREFIX",
    "BadRecord",
    "Heartbeat",
    "Kafka",
    "Mechanism",
    "Record",
    "Security",
    "headers_of",
    "heartbeat_headers",
    "parse",
]
