"""`python -m bench.growth 10000 100000 …`: fills a suite with so many events, measures it, and prints a table."""

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.figures import percentile
from bench.growth import measure
from bench.growth.fill import Filled, fill
from suite.account import database_account, make_data
from suite.databases import SERVICES
from suite.place import Place
from tests.harness.running import Running, running_suite

SIZES = [10_000, 100_000, 1_000_000, 10_000_000]
LOGINS, REFRESHES, CHECKS, BESIDE = 64, 2000, 1000, 4000
ALONE = 200
"""How many of each are timed, one at a time."""
REBUILT = [("token", "families"), ("token", "trust"), ("identity", "sessions"), ("policy", "accounts")]


def main() -> None:
    """One size after the other, each with a suite of its own that is gone afterwards."""
    parser = argparse.ArgumentParser(prog="bench.growth", description=__doc__)
    parser.add_argument("events", nargs="*", type=int, default=SIZES, help="how many events, over the three logs")
    parser.add_argument("--keep", type=Path, help="keep the filled suites there, and take those that are")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="watchword-growth-") as made:
        where = asked.keep or Path(made)
        where.chmod(0o755)
        for events in asked.events:
            one(where / str(events), events)


def one(data: Path, events: int) -> None:
    """Fills where nothing is filled yet, and measures."""
    filled = _filled(data, events)
    lines = Lines(f"{filled.events['all']:,}")
    begun = time.monotonic()
    with running_suite(data) as suite:
        ready = time.monotonic() - begun
        asyncio.run(_measured(suite, filled, ready, lines))
    for service, name in REBUILT:  # a rebuild is not called back: the suite is stopped
        with running_suite(data) as suite:
            asyncio.run(_rebuild(suite, service, name, lines))


def _filled(data: Path, events: int) -> Filled:
    note = data.with_suffix(".filled")
    if not note.exists():
        make_data(data, database_account(Place(data).cluster))
        with running_suite(data):
            _say(f"{events:,} events: the suite has run once")
        found = asyncio.run(fill(data, events, _say))
        note.write_text(f"{found.accounts} {sum(found.events.values())} {found.seconds:.0f}")
    accounts, written, seconds = note.read_text().split()
    return Filled({"all": int(written)}, int(accounts), float(seconds))


@dataclass
class Lines:
    """A size's lines, printed as they are known."""

    size: str

    def say(self, what: str, figures: str) -> None:
        print(f"| {self.size} | {what} | {figures} |", flush=True)


async def _measured(suite: Running, filled: Filled, ready: float, lines: Lines) -> None:
    lines.say("accounts; s to fill", f"{filled.accounts:,}; {filled.seconds:.0f}")
    spent, held = measure.cpu(suite), measure.memory(suite)
    lines.say("start: CPU s of identity · token · policy; s by the clock", f"{_by(spent, 2)}; {ready:.1f}")
    lines.say("memory after start, MiB: identity · token · policy", _by(held, 0))
    lines.say("token's log, MiB: rows · by position · by stream", await measure.log_sizes(suite, suite.place.data))
    async with measure.Visitors.of(suite, filled.accounts) as visitors:
        await _requests(suite, visitors, lines)
        appended = await measure.append(suite)
        figures = f"{appended.microseconds:.0f} · {appended.wal:.0f}; {appended.rate:.0f}"
        lines.say("append: µs CPU of PostgreSQL · WAL bytes an event; a second", figures)
        found = await measure.verified(suite)
        figures = f"{found.here:.1f} · {found.postgres:.1f} ({found.rows:,} rows)"
        lines.say("chain verification: µs CPU a row here · in PostgreSQL", figures)
        slowed = await measure.slowed(suite, visitors, BESIDE)
        figures = f"{slowed.alone:.0f} · {slowed.beside:.0f}: {slowed.share:.0%} (up to {slowed.events:,})"
        lines.say("refreshes a CPU s of token and PostgreSQL: alone · beside a rebuild", figures)
    lines.say("memory at the end, MiB: identity · token · policy", _by(measure.memory(suite), 0))


async def _requests(suite: Running, visitors: measure.Visitors, lines: Lines) -> None:
    for what, count, request in (
        ("login", LOGINS, visitors.log_in),
        ("refresh", REFRESHES, visitors.refresh),
        ("a decision of policy, asked by identity", CHECKS, visitors.ask_policy),
    ):
        found = await measure.each(suite, count, request)
        figures = " · ".join(f"{found.ms[name]:.2f}" for name in measure.PROCESSES)
        lines.say(f"{what}: CPU ms of identity · token · policy · PostgreSQL", figures)
        took = await measure.timed(ALONE, request)
        lines.say(f"{what}, one at a time: p50 · p99 ms", f"{percentile(took, 50):.1f} · {percentile(took, 99):.1f}")


async def _rebuild(suite: Running, service: str, name: str, lines: Lines) -> None:
    found = await measure.rebuild(suite, service, name)
    figures = f"{found.service:.1f} · {found.postgres:.1f}; {found.events:,} events in {found.seconds:.1f} s"
    lines.say(f"rebuild of {service}'s {name}, idle: µs CPU an event there · in PostgreSQL", figures)


def _by(figures: dict[str, float], digits: int) -> str:
    return " · ".join(f"{figures[name]:.{digits}f}" for name in SERVICES)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
