"""Alerts when a stolen refresh token is used: python alert_on_reuse.py HOST:PORT [TOPIC [STATE]] (needs aiokafka).

Copy it, and add to the consumer what opens your cluster (security_protocol, ssl_context, sasl_…). STATE remembers how
far it came, so that nothing is missed while it does not run. docs/events says what else there is to watch for.
"""

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

REUSE, HEARTBEAT = "watchword.token.refresh.reuse_detected.", "watchword.heartbeat.v1"


async def watch(servers: str, topic: str = "watchword.token.events.v1", state: str = "alert_on_reuse.json") -> None:
    kept, partition = Path(state), TopicPartition(topic, 0)
    last, offset = json.loads(kept.read_text()) if kept.exists() else (0, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False, auto_offset_reset="earliest")
    consumer.assign([partition])  # never a consumer group: the topic is a log, in order
    async with consumer:
        consumer.seek(partition, offset)
        async for record in consumer:
            headers = {name: value.decode() for name, value in record.headers}
            if not headers.get("ce_type", "").startswith("watchword."):
                print(f"STRANGER wrote offset {record.offset} of {topic}", flush=True)
                continue
            position, type_ = int(headers["ce_position"]), headers["ce_type"]
            if (before := position - (type_ != HEARTBEAT)) > last:  # a heartbeat names the last event's position
                print(f"GAP positions {last + 1} to {before} are not in {topic}", flush=True)
            if type_.startswith(REUSE) and position > last:
                said, when = json.loads(record.value), headers["ce_time"]
                names = f"family {said['family_id']} client {said['client_id']} account {said['subject']}"
                print(f"ALERT {when} refresh token reused: {names} by {said['presented_by']}", flush=True)
            last = max(last, position)
            kept.write_text(json.dumps([last, record.offset + 1]))


with suppress(KeyboardInterrupt):
    asyncio.run(watch(*sys.argv[1:]))
