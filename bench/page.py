"""RESULTS.md: what was measured, on what, and why what was missed was missed."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Figure
from bench.machine import described

HERE = Path(__file__).parent
RESULTS, REASONS = HERE / "RESULTS.md", HERE / "REASONS.md"
HEAD = """# What was measured

Written by `make bench`; [README.md](README.md) says how each row is measured. The service under load and its PostgreSQL
(fsync on) have one core, the load and all else the other; 16 connections that are kept, embedded default, after a
warm-up. Beside each figure: the CPU that one of them costs in each process, in milliseconds. A ratio of 1 or more is a
target that was met.

"""
TABLE = "| what | measured | target | ratio | CPU ms each | beside |\n|-|-|-|-|-|-|\n"


def page(rows: Mapping[str, Sequence[Figure]], seconds: float) -> str:
    """The whole page."""
    facts = [*described(), f"{datetime.now(UTC):%Y-%m-%d}, {seconds:g} s a row"]
    lines = "".join(f"{figure.line()}\n" for figures in rows.values() for figure in figures)
    return HEAD + "".join(f"- {fact}\n" for fact in facts) + f"\n{TABLE}{lines}" + _missed(rows)


def _missed(rows: Mapping[str, Sequence[Figure]]) -> str:
    reasons = _reasons()
    missed = {name: [one.what for one in figures if one.missed] for name, figures in rows.items()}
    parts = [
        f"\n### {name}: {'; '.join(whats)}\n{reasons.get(name, 'No profile of it has been read yet.')}\n"
        for name, whats in missed.items()
        if whats
    ]
    return "\n## Where the time goes where a target was missed\n" + "".join(parts) if parts else ""


def _reasons() -> dict[str, str]:
    """What people read from profiles (`make bench ARGS="--profile NAME"`), by row."""
    if not REASONS.exists():
        return {}
    parts = re.split(r"^## (\S+)\n", REASONS.read_text(), flags=re.MULTILINE)
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}
