"""Log → Kafka: one process of a service publishes its log to the service's topic (RULES 5).

`eventlog.relay.relay` does it; it alone needs a Kafka client, so it is imported only where there is a cluster.
"""

from eventlog.relay.service import Asked, RelayFeed
from eventlog.relay.state import SCHEMA, State, Status

__all__ = ["SCHEMA", "Asked", "RelayFeed", "State", "Status"]
