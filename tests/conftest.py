"""What every test may ask for."""

from tests.harness.kafka import kafka, kafka_topics, own_kafka

__all__ = ["kafka", "kafka_topics", "own_kafka"]
