"""Where random input comes from: a new seed each run, said at its end, and more of it where somebody asks for more."""

import os
import secrets

SEED = int(os.environ.get("WATCHWORD_FUZZ_SEED") or secrets.randbits(32))
"""WATCHWORD_FUZZ_SEED=N repeats the run that said N."""

FACTOR = float(os.environ.get("WATCHWORD_FUZZ_FACTOR") or 1)
"""How many times as much as `make test` does."""


def times(count: int) -> int:
    """So many, by the factor."""
    return max(1, round(count * FACTOR))
