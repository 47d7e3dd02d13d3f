"""What every test may ask for."""

import sys

import structlog
from hypothesis import settings

from tests.harness.kafka import kafka, kafka_topics, own_kafka

__all__ = ["kafka", "kafka_topics", "own_kafka"]

# As in every service: what is logged is nobody's output, also where a command and a service share a test's process.
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

# An example may take as long as the machine makes it take: no test asserts a speed. `@settings` of a test keeps it so.
settings.register_profile("unhurried", deadline=None, print_blob=True)
settings.load_profile("unhurried")
