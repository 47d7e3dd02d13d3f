"""Messages of any contract, made up from its descriptor: random and boundary values, then broken on the wire."""

import random
from collections.abc import Sequence
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

DEEP = 3
LONG = 70_000
INTEGERS = (0, 1, 2, 4_400, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -1, -(2**31), -(2**63))
TEXTS = (
    "",
    " ",
    "x",
    "acc_x",
    "ses_" + "A" * 22,
    "fam_" + "A" * 16,
    "wr1.a.b.1." + "A" * 43,
    "a.b.c",
    "a\0b",
    "\u202e\ufeff\U0001f600",
    "../../../etc/passwd",
    "' OR 1=1 --",
    "{}",
    "%s%n",
    "spiffe://watchword/backend/x",
    "spiffe://watchword/service/token",
    "0" * 64,
    "x" * 129,
    "x" * LONG,
)
FLOATS = (0.0, -0.0, 1e308, float("inf"), float("nan"), -1.5)
_BITS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


class Forger:
    """Makes messages; the same seed makes the same ones. `words` are texts that mean something to whoever is asked."""

    def __init__(self, seed: int, words: Sequence[str]) -> None:
        self.random = random.Random(seed)
        self._words = tuple(words)

    def message(self, of: Descriptor, depth: int = 0) -> Message:
        """One that its contract allows."""
        made = message_factory.GetMessageClass(of)()
        fill = self.random.choice((0.0, 0.5, 0.9, 1.0))
        for field in of.fields:
            if self.random.random() < fill and depth <= DEEP:
                self._set(made, field, depth)
        return made

    def encoded(self, of: Descriptor) -> bytes:
        """One on the wire: as it is made, or broken there."""
        whole = self.message(of).SerializeToString()
        return self.random.choice(_BREAKING)(self.random, whole)

    def _set(self, made: Any, field: FieldDescriptor, depth: int) -> None:
        if not field.is_repeated:
            if field.message_type is None:
                setattr(made, field.name, self._value(field))
            else:
                getattr(made, field.name).CopyFrom(self.message(field.message_type, depth + 1))
            return
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return
        count = self.random.choice((0, 1, 2, 1_001))
        if field.message_type is None:
            value = self._value(field)
            getattr(made, field.name).extend([value] * (min(count, 70) if value == "x" * LONG else count))
        else:
            getattr(made, field.name).extend([self.message(field.message_type, DEEP)] * count)

    def _value(self, field: FieldDescriptor) -> Any:
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
                return self.random.randbytes(self.random.choice((0, 1, 32, 1_000)))
            case FieldDescriptor.CPPTYPE_STRING:
                return self._text()
            case FieldDescriptor.CPPTYPE_BOOL:
                return self.random.random() < 0.5
            case FieldDescriptor.CPPTYPE_FLOAT | FieldDescriptor.CPPTYPE_DOUBLE:
                return self.random.choice(FLOATS)
            case FieldDescriptor.CPPTYPE_ENUM:
                return self.random.choice((0, 1, 2**31 - 1))
        lowest, highest = _BITS[field.cpp_type]
        return min(max(self.random.choice((*INTEGERS, self.random.randint(lowest, highest))), lowest), highest)

    def _text(self) -> str:
        if self._words and self.random.random() < 0.6:
            return self.random.choice(self._words)
        if self.random.random() < 0.7:
            return self.random.choice(TEXTS)
        return "".join(chr(self.random.choice((self.random.randrange(1, 0xD7FF), 64))) for _ in range(12))


def _as_it_is(random_: random.Random, whole: bytes) -> bytes:
    return whole


def _unknown_fields(random_: random.Random, whole: bytes) -> bytes:
    """Numbers that no contract has, of every wire type; a newer peer's are to be passed over."""
    return whole + random_.choice(
        (b"\xfa\xff\x03\x03abc", b"\xf8\xff\x03\x01", b"\xfd\xff\x03abcd", b"\xfb\x03\xfc\x03")
    )


def _cut(random_: random.Random, whole: bytes) -> bytes:
    return whole[: random_.randrange(len(whole) + 1)]


def _flipped(random_: random.Random, whole: bytes) -> bytes:
    broken = bytearray(whole or b"\0")
    for _ in range(random_.randint(1, 8)):
        broken[random_.randrange(len(broken))] = random_.randrange(256)
    return bytes(broken)


def _garbage(random_: random.Random, whole: bytes) -> bytes:
    return random_.randbytes(random_.choice((1, 7, 200, LONG)))


def _twice(random_: random.Random, whole: bytes) -> bytes:
    return whole + whole


def _nested(random_: random.Random, whole: bytes) -> bytes:
    """A group within a group without end, and lengths that lie."""
    return random_.choice((b"\x0b" * 5_000, b"\x0a\xff\xff\xff\xff\x0f", b"\x0a" * 5_000, b"\xff" * 11))


_BREAKING = (_as_it_is, _as_it_is, _as_it_is, _as_it_is, _unknown_fields, _cut, _flipped, _garbage, _twice, _nested)
