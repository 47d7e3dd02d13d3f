"""Which way revocations come, for people and probes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Via = Literal["grpc", "kafka", "process"]


@dataclass(frozen=True, slots=True)
class Transport:
    """Revocations come over token's stream, from its topic, or from within the process that asks.

    `trouble` is a code that says why the topic is not relied on where it should be, None where all is as it should be.
    `noticed` counts by code what was wrong with records, and had no effect.
    """

    via: Via
    trouble: str | None = None
    noticed: Mapping[str, int] = field(default_factory=dict)
