"""Events: facts in the past tense, their registry, their two parts, and how old versions are read.

An event is a frozen struct with a decorator. A field of type `Sealed[T]` goes to the sealed part, which never leaves
the service; a field of type `Instant` is an integer of microseconds in code, and RFC 3339 with six decimals in the
body.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, ClassVar, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

import msgspec

T = TypeVar("T")
E = TypeVar("E", bound="Event")

_SEALED, _INSTANT = "sealed", "instant"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_HERE = _EPOCH.replace(tzinfo=None)  # isoformat would write +00:00, and strftime takes five times as long
_MICROSECOND = timedelta(microseconds=1)

Sealed = Annotated[T | None, _SEALED]
Instant = Annotated[int, _INSTANT]
Body = dict[str, Any]
Upcaster = Callable[[Body], Body]


def rfc3339(instant: int) -> str:
    """Microseconds since 1970 as RFC 3339 UTC with six decimals (RULES 2)."""
    return (_EPOCH_HERE + timedelta(microseconds=instant)).isoformat(timespec="microseconds") + "Z"


def parse_rfc3339(text: str) -> int:
    """RFC 3339 as microseconds since 1970. Raises ValueError."""
    return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The base of every event. What equals its default is left out of the body: absent rather than null."""

    type: ClassVar[str]
    sealed_for: ClassVar[str | None]
    sealed_fields: ClassVar[frozenset[str]]
    instant_fields: ClassVar[frozenset[str]]


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a log. `time` is in microseconds since 1970 by the log's clock; `sealed` is ciphertext."""

    position: int
    stream: str
    version: int
    type: str
    time: int
    command_id: str
    actor: str
    correlation_id: str
    body: bytes
    sealed_hash: bytes = b""
    sealed: bytes | None = None
    chain_hash: bytes = b""


class NewerVersion(Exception):
    """The event was written by a newer release than this one can read: park it."""


class Registry:
    """The event types of one service's log, as this code reads and writes them.

    A service that folds another's log declares, in a registry of its own, just the fields that it reads.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self._latest: dict[str, int] = {}
        self._classes: dict[str, type[Event]] = {}
        self._upcasters: dict[tuple[str, int], Upcaster] = {}
        self._direct: dict[str, msgspec.json.Decoder[Event]] = {}

    def event(self, name: str, *, version: int = 1, sealed_for: str | None = None) -> Callable[[type[E]], type[E]]:
        """Declares a struct as the event `name`. `sealed_for` is the field that names whose key seals it.

        Where that is absent, the service's own key does.
        """

        def declare(cls: type[E]) -> type[E]:
            cls.type = f"watchword.{self.service}.{name}.v{version}"
            cls.sealed_for = sealed_for
            hints = get_type_hints(cls, include_extras=True)
            cls.sealed_fields = frozenset(field for field, hint in hints.items() if _SEALED in _marks(hint))
            cls.instant_fields = frozenset(field for field, hint in hints.items() if _INSTANT in _marks(hint))
            self._latest[name] = version
            self._classes[name] = cls
            self._direct = _direct(self._classes.values())
            return cls

        return declare

    def upcast(self, name: str, *, from_version: int) -> Callable[[Upcaster], Upcaster]:
        """Declares how a body of `from_version` becomes one of the next.

        Sealed fields are in the body that it is given.
        """

        def declare(function: Upcaster) -> Upcaster:
            self._upcasters[name, from_version] = function
            return function

        return declare

    def only(self, *kinds: type[Event]) -> "Registry":
        """The same declarations for these events alone: what a projection does not fold, it has no need to read."""
        part = Registry(self.service)
        part._classes = {name: cls for name, cls in self._classes.items() if cls in kinds}
        part._latest = {name: self._latest[name] for name in part._classes}
        part._direct = _direct(part._classes.values())
        part._upcasters = self._upcasters
        return part

    def reads(self, type_: str) -> bool:
        """Whether it has the event, of whatever version."""
        return _split(self.service, type_)[0] in self._latest

    @property
    def types(self) -> tuple[type[Event], ...]:
        return tuple(self._classes.values())

    def decode(self, type_: str, body: bytes, sealed: bytes | None = None) -> Event | None:
        """The event; None where this registry does not have its type.

        Raises NewerVersion, and msgspec.ValidationError for what is not as its version says.
        """
        try:
            return self._decode(type_, body, sealed)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, msgspec.DecodeError) as error:
            raise msgspec.ValidationError(f"{type_[:100]}: {error}") from error

    def _decode(self, type_: str, body: bytes, sealed: bytes | None) -> Event | None:
        direct = self._direct.get(type_)
        if direct is not None and sealed is None:
            return direct.decode(body)
        name, version = _split(self.service, type_)
        latest = self._latest.get(name)
        if latest is None:
            return None
        if version > latest:
            raise NewerVersion(type_)
        fields: Body = msgspec.json.decode(body)
        if sealed is not None:
            fields |= msgspec.json.decode(sealed)
        for step in range(version, latest):
            fields = self._upcasters[name, step](fields)
        cls = self._classes[name]
        for field in cls.instant_fields & fields.keys():
            fields[field] = parse_rfc3339(fields[field])
        return msgspec.convert(fields, cls)


@lru_cache(maxsize=1024)
def _split(service: str, type_: str) -> tuple[str, int]:
    prefix, _, version = type_.rpartition(".v")
    return prefix.removeprefix(f"watchword.{service}."), int(version)


def _direct(kinds: Iterable[type[Event]]) -> dict[str, msgspec.json.Decoder[Event]]:
    """How bodies of the newest version are read whose fields are written as they are in code: in one step."""
    return {one.type: msgspec.json.Decoder(one) for one in kinds if not one.instant_fields}


def encode(event: Event) -> tuple[bytes, bytes | None]:
    """The body and the plaintext of the sealed part (None where there is none), both JSON."""
    fields: Body = msgspec.to_builtins(event)
    for field in event.instant_fields & fields.keys():
        fields[field] = rfc3339(fields[field])
    sealed = {field: fields.pop(field) for field in event.sealed_fields & fields.keys()}
    return msgspec.json.encode(fields), msgspec.json.encode(sealed) if sealed else None


def _marks(hint: Any) -> tuple[Any, ...]:
    """The marks of a field, also where it may be absent (`Instant | None`)."""
    if get_origin(hint) is Annotated:
        return get_args(hint)[1:]
    return tuple(mark for part in get_args(hint) for mark in _marks(part))
