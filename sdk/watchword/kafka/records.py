"""A log's records in Kafka: CloudEvents 1.0 in the binary binding, written and read strictly (RULES 5)."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

HEARTBEAT = "watchword.heartbeat.v1"
CONTENT_TYPE = "application/json"
SPEC = "1.0"

Headers = Sequence[tuple[str, bytes]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_HERE = _EPOCH.replace(tzinfo=None)
_SOURCE = re.compile(r"urn:watchword:([0-9a-f-]{36}):([a-z]+)")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_HASH = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class BadRecord(Exception):
    """A record that no relay of ours wrote, or that was damaged since. The message says what is wrong with it."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a log as a topic carries it, with all that its chain hash is made of.

    `time` in µs since 1970 UTC by the log's clock; `sealed_hash` is empty where the event has no sealed part.
    """

    log_id: str
    service: str
    position: int
    stream: str
    version: int
    type: str
    time: int
    command_id: str
    actor: str
    correlation_id: str
    body: bytes
    sealed_hash: bytes
    chain_hash: bytes


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """At `time` (µs since 1970 UTC, by the log's clock) the log ended at `position`, all of which is in the topic."""

    log_id: str
    service: str
    position: int
    time: int
    chain_hash: bytes


def headers_of(record: Record, traceparent: str | None = None) -> list[tuple[str, bytes]]:
    """The headers of an event's record. Its key is the stream, its value the body."""
    headers = {
        "ce_specversion": SPEC,
        "ce_id": str(record.position),
        "ce_source": _source(record.log_id, record.service),
        "ce_type": record.type,
        "ce_time": _rfc3339(record.time),
        "ce_subject": record.stream,
        "ce_position": str(record.position),
        "ce_streamversion": str(record.version),
        "ce_commandid": record.command_id,
        "ce_actor": record.actor,
        "ce_correlationid": record.correlation_id,
        "ce_sealedhash": record.sealed_hash.hex(),
        "ce_chainhash": record.chain_hash.hex(),
        "content-type": CONTENT_TYPE,
    }
    if traceparent is not None:
        headers["traceparent"] = traceparent
    return _encoded(headers)


def heartbeat_headers(beat: Heartbeat) -> list[tuple[str, bytes]]:
    """The headers of a heartbeat. It has no key, and the value `{}`."""
    return _encoded(
        {
            "ce_specversion": SPEC,
            # Not the position, which is the id of an event: CloudEvents wants source and id unique together.
            "ce_id": f"heartbeat-{beat.time}",
            "ce_source": _source(beat.log_id, beat.service),
            "ce_type": HEARTBEAT,
            "ce_time": _rfc3339(beat.time),
            "ce_position": str(beat.position),
            "ce_chainhash": beat.chain_hash.hex(),
            "content-type": CONTENT_TYPE,
        }
    )


def parse(key: bytes | None, value: bytes | None, headers: Headers) -> Record | Heartbeat:
    """What a record says. Raises BadRecord for anything but what `headers_of` and `heartbeat_headers` write."""
    read = _Read(headers)
    if read.text("ce_specversion") != SPEC or read.text("content-type") != CONTENT_TYPE:
        raise BadRecord("it is no CloudEvent of version 1.0 with a JSON body")
    log_id, service = read.source()
    if read.text("ce_type") == HEARTBEAT:
        return Heartbeat(
            log_id=log_id,
            service=service,
            position=read.number("ce_position"),
            time=read.time(),
            chain_hash=read.hash("ce_chainhash"),
        )
    record = Record(
        log_id=log_id,
        service=service,
        position=read.number("ce_position"),
        stream=read.text("ce_subject"),
        version=read.number("ce_streamversion"),
        type=read.text("ce_type"),
        time=read.time(),
        command_id=read.text("ce_commandid"),
        actor=read.text("ce_actor"),
        correlation_id=read.text("ce_correlationid"),
        body=value or b"",
        sealed_hash=read.hash("ce_sealedhash", empty=True),
        chain_hash=read.hash("ce_chainhash"),
    )
    if read.text("ce_id") != str(record.position) or key != record.stream.encode() or record.position == 0:
        raise BadRecord("its id, its key and its headers do not name one event")
    return record


class _Read:
    """Headers, each of which may stand there once."""

    def __init__(self, headers: Headers) -> None:
        self._headers = dict(headers)
        if len(self._headers) != len(headers):
            raise BadRecord("a header stands there twice")

    def text(self, name: str) -> str:
        try:
            return self._headers[name].decode()
        except (KeyError, UnicodeDecodeError, AttributeError):
            raise BadRecord(f"its header {name} is missing or no text") from None

    def number(self, name: str) -> int:
        text = self.text(name)
        if not _NUMBER.fullmatch(text):
            raise BadRecord(f"its header {name} is no decimal number")
        return int(text)

    def hash(self, name: str, *, empty: bool = False) -> bytes:
        text = self.text(name)
        if not _HASH.fullmatch(text) and not (empty and text == ""):
            raise BadRecord(f"its header {name} is not 64 lowercase hex digits")
        return bytes.fromhex(text)

    def time(self) -> int:
        text = self.text("ce_time")
        try:
            if not _TIME.fullmatch(text):
                raise ValueError
            time = (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)
            if time < 0:
                raise ValueError
            return time
        except ValueError:
            raise BadRecord("its header ce_time is no time since 1970 in RFC 3339, UTC, with six decimals") from None

    def source(self) -> tuple[str, str]:
        match = _SOURCE.fullmatch(self.text("ce_source"))
        if match is None:
            raise BadRecord("its header ce_source is not urn:watchword:<log id>:<service>")
        return match.group(1), match.group(2)


def _source(log_id: str, service: str) -> str:
    return f"urn:watchword:{log_id}:{service}"


def _rfc3339(time_us: int) -> str:
    # strftime takes five times as long, and isoformat of an aware time would write +00:00.
    return (_EPOCH_HERE + timedelta(microseconds=time_us)).isoformat(timespec="microseconds") + "Z"


def _encoded(headers: dict[str, str]) -> list[tuple[str, bytes]]:
    return [(name, text.encode()) for name, text in headers.items()]
