"""What is read of logs, feeds and topics, and of what was stored under a key."""

from eventlog.events import Registry
from eventlog.feed.wire import to_row
from eventlog.sealing import MemorySealKeys, Sealer, Wrapping
from services.identity.domain.events import events as identity_events
from services.policy.domain.events import policy_events
from services.token.domain.events import events as token_events
from tests.fuzzing.inputs import LOOP, latin, text
from watchword.chain import GENESIS, link
from watchword.folding import fold
from watchword.kafka.records import Record, parse
from watchword.log.v1 import log_pb2
from watchword.token.v1 import token_pb2
from watchword.wire import from_message

REGISTRIES: tuple[Registry, ...] = (identity_events, token_events, policy_events)


def record(data: bytes) -> None:
    key, value, *rest = [*data.split(b"\n"), b""]
    headers = [(latin(line.partition(b":")[0]), line.partition(b":")[2]) for line in rest if line]
    read = parse(key or None, value, headers)
    if isinstance(read, Record):
        assert len(link(GENESIS, read)) == 32
        fold(read)


def feed(data: bytes) -> None:
    fold(to_row(log_pb2.Event.FromString(data)))


def revocation(data: bytes) -> None:
    message = token_pb2.WatchRevocationsResponse.FromString(data)
    for one in message.revocations:
        from_message(one)


def stored(data: bytes) -> None:
    type_, _, both = data.partition(b"\n")
    public, _, sealed = both.partition(b"\n")
    for registry in REGISTRIES:
        registry.decode(text(type_), public, sealed or None)


def wrapped(data: bytes) -> None:
    Wrapping(bytes(32)).unwrap("k", data)


_SEALER = Sealer(Wrapping(bytes(32)), MemorySealKeys())
SEALED = LOOP.run_until_complete(_SEALER.seal("k", "account/x", 1, b"a secret"))


def sealed(data: bytes) -> None:
    LOOP.run_until_complete(_SEALER.open("k", "account/x", 1, data))
