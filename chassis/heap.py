"""What the C library does with memory that was freed (mallopt(3), malloc_trim(3)). Where it is not glibc, nothing."""

import ctypes

_LIBRARY = ctypes.CDLL(None)
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
LARGEST = 32 * 2**20
"""Bytes: the largest that glibc keeps rather than map it anew each time, which is four times the work."""
KEPT = 2**30


def keep_freed() -> None:
    """What is freed from now on is kept for the next use until `give_back`. To be called before there are threads: each
    would have a heap of its own, of which glibc gives nothing back.
    """
    if hasattr(_LIBRARY, "mallopt"):
        for option, value in ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, LARGEST), (_TRIM_THRESHOLD, KEPT)):
            _LIBRARY.mallopt(option, value)


def give_back() -> None:
    """Gives the system back what is free."""
    if hasattr(_LIBRARY, "malloc_trim"):
        _LIBRARY.malloc_trim(0)
