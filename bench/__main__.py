"""`python -m bench`: measures every row, or those that are named, and writes RESULTS.md where it measured all."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from bench.figures import Figure
from bench.house import House
from bench.machine import LOAD
from bench.page import RESULTS, page
from bench.profiles import Profile
from bench.table import ROWS

EPILOG = """rows:
{rows}

examples:
  make bench                                              everything, about ten minutes; writes bench/RESULTS.md
  make bench ARGS="--only refresh --only baseline"        some rows, and shows them
  make bench ARGS="--only refresh --seconds 3"            a quick look
  make bench ARGS="--profile refresh"                     where the time of the service under load goes (py-spy)

CPU time beside a figure is what to compare where the machine is not quiet.
"""


def main() -> None:
    """Measures."""
    asked = _asked()
    names = (asked.profile and [asked.profile]) or asked.only or list(ROWS)
    os.sched_setaffinity(0, LOAD)  # what this starts begins there, and is moved to the other core where it is measured
    begun = time.perf_counter()
    rows: dict[str, list[Figure]] = {}
    with tempfile.TemporaryDirectory(prefix="watchword-bench-") as directory:
        Path(directory).chmod(0o755)
        profile = Profile() if asked.profile else None
        house = House(Path(directory), asked.seconds, asked.warm_up, profile)
        try:
            for number, name in enumerate(names, 1):
                _say(f"[{number}/{len(names)}, {time.perf_counter() - begun:.0f} s] {name}: {_first_line(name)}")
                rows[name] = ROWS[name](house)
                for figure in rows[name]:
                    house.rates[figure.what] = figure.value
                    _say(f"    {figure.line()}")
        finally:
            house.close()
    if profile is not None:
        sys.stdout.write("\n".join(profile.told()) + "\n")
    elif names == list(ROWS):
        RESULTS.write_text(page(rows, asked.seconds))
        _say(f"written to {RESULTS}")


def _asked() -> argparse.Namespace:
    rows = "\n".join(f"  {name:<20}{_first_line(name)}" for name in ROWS)
    parser = argparse.ArgumentParser(
        prog="make bench",
        description="Measures Watchword on one core, with its PostgreSQL, under load from another.",
        epilog=EPILOG.format(rows=rows),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", action="append", choices=ROWS, metavar="ROW", help="this row; may be given again")
    parser.add_argument("--profile", choices=ROWS, metavar="ROW", help="say where the time of this row goes")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each is measured (10)")
    parser.add_argument("--warm-up", type=float, default=4.0, help="how long each is loaded before that (4)")
    asked: argparse.Namespace = parser.parse_args()
    return asked


def _first_line(name: str) -> str:
    return (ROWS[name].__doc__ or "").partition("\n")[0]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
