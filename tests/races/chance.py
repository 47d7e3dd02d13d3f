"""Random ids that are the same each time a schedule is run: each operation draws its own, in its own order."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha512

from tests.races.loop import drawing


def _token_bytes(nbytes: int | None = None) -> bytes:
    return sha512(drawing().encode()).digest()[: 32 if nbytes is None else nbytes]


@contextmanager
def chance() -> Iterator[None]:
    """Everything that `secrets` gives, hexadecimal or URL-safe, is made of its token_bytes."""
    real = secrets.token_bytes
    secrets.token_bytes = _token_bytes
    try:
        yield
    finally:
        secrets.token_bytes = real
