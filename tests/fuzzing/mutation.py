"""Bytes that are nearly right, made from such as are right. The same random numbers make the same ones."""

import random
from collections.abc import Sequence

WORDS: tuple[bytes, ...] = (
    b"",
    b"\0",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\xf0\x9f\x98\x80",
    b"%00",
    b"%ff",
    b"%",
    b"&",
    b"=",
    b".",
    b"..",
    b"-",
    b"_",
    b"+",
    b"/",
    b",",
    b";",
    b":",
    b'"',
    b"\\",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"[" * 2_000,
    b'{"a":' * 1_500,
    b"9" * 5_000,
    b"-1",
    b"-0",
    b"0.1e1",
    b'"sub":"x",',
    b',"pos":1',
    b'"s\\u0075b":"x",',
    b"0",
    b"00",
    b"1e308",
    b"1e999",
    b"NaN",
    b"18446744073709551616",
    b"9999999999999999999",
    b"0001-01-01T00:00:00.000000Z",
    b"9999-12-31T23:59:60.000000Z",
    b"2024-01-01T00:00:00.000000+99:99",
    b".v99",
    b".v",
    b".v-1",
    "\u0661".encode(),
    "\u202e".encode(),
    "\u1e9e".encode(),
    "\u0345".encode(),
)


def mutated(random_: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds after one to six changes."""
    data = bytearray(random_.choice(seeds))
    for _ in range(random_.randint(1, 6)):
        _change(random_, data, seeds)
    return bytes(data)


def _change(random_: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    start = random_.randrange(len(data) + 1)
    end = min(len(data), start + random_.choice((1, 1, 2, 8, 64)))
    match random_.randrange(7):
        case 0:
            data[start:start] = random_.choice(WORDS)
        case 1:
            data[start:end] = random_.choice(WORDS)
        case 2:
            del data[start:end]
        case 3:
            data[start:end] = data[start:end] * 2
        case 4:
            data[start:end] = random_.randbytes(end - start)
        case 5 if start < end:
            data[start] ^= 1 << random_.randrange(8)
        case _:
            other = random_.choice(seeds)
            cut = random_.randrange(len(other) + 1)
            data[start:] = other[cut:]
