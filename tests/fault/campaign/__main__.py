"""`python -m tests.fault.campaign`: one campaign, from a seed, with what came of it."""

import argparse
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.fault.campaign import components, races, suites
from tests.fault.campaign.schedule import schedule

ABOUT = """\
Breaks Watchword from a seed, and checks what must hold after each fault: no acknowledged event is lost, none is
applied twice, streams are in order, the chain verifies, each refresh family has one lineage, no verifier accepts a
token after the bound that it states, nobody has to log in anew who did nothing wrong, and every projection equals a
fresh replay.

  suite       a whole suite under a mixed load, one fault after the other: processes killed and stopped, at random and
              at named points; the network cut, silent, slow, reset half-way; PostgreSQL and Kafka broken; a clock moved
  components  a token process without its doors, forked again and again and killed at a named point or a random moment,
              against a real PostgreSQL and Kafka. What is counted is lives that were ended by their kill, and looked at
  races       two to four uses at once of one refresh token, of its parent, or of both, over two real token processes
"""
EXAMPLES = """\
examples:
  python -m tests.fault.campaign suite --count 40 --minutes 10        a new seed, which is printed
  python -m tests.fault.campaign suite --seed 7 --count 40            the same faults in the same order as seed 7 had
  python -m tests.fault.campaign suite --seed 7 --count 40 --plan     says which, and does nothing
  python -m tests.fault.campaign components --count 10000 --minutes 90
  python -m tests.fault.campaign races --count 100000 --minutes 60

A seed gives the same schedule; what a process does at the same moment is not the seed's to say. The exit code is 1
where something was violated, and with --all where less was done than was asked for. Needs: `make setup-dev`, and
libfaketime for steps that move a clock (else missed).
"""


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.data and any(Path(asked.data).glob("*")):
        parser.error(f"{asked.data} is not empty")
    seed = asked.seed if asked.seed is not None else secrets.randbelow(2**31)
    if asked.plan:
        for step in schedule(seed, asked.count, not asked.without_kafka):
            print(step)
        return 0
    print(f"{asked.campaign}: seed {seed}, {asked.count} at most {asked.minutes:g} min", flush=True)
    with TemporaryDirectory(prefix="campaign-", ignore_cleanup_errors=True) as directory:
        place = Path(asked.data or directory)
        place.mkdir(parents=True, exist_ok=True)
        tally = _run(asked, seed, place / "campaign", lambda line: print(line, flush=True))
    print(tally, flush=True)
    short = tally.count < asked.count
    if short:
        print(f"{tally.count} of {asked.count} within {asked.minutes:g} min", flush=True)
    return 1 if tally.wrong or (short and asked.all) else 0


def _run(asked: argparse.Namespace, seed: int, data: Path, progress: Callable[[str], None]) -> Any:
    match asked.campaign:
        case "suite":
            kafka = not asked.without_kafka
            return suites.run(data, seed, asked.count, asked.minutes, kafka, progress)
        case "components":
            return components.run(data, seed, asked.count, asked.minutes, progress)
    return races.run(data, seed, asked.count, asked.minutes, progress)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fault.campaign",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("campaign", choices=("suite", "components", "races"))
    parser.add_argument(
        "--seed", type=int, help="what everything is drawn from; a new one is printed where none is given"
    )
    parser.add_argument("--count", type=int, default=30, help="faults, kill points or races (default: 30)")
    parser.add_argument("--minutes", type=float, default=10.0, help="after so long no further one begins (default: 10)")
    parser.add_argument("--all", action="store_true", help="fail where the time does not suffice for so many")
    parser.add_argument("--without-kafka", action="store_true", help="suite: the logs go over gRPC alone")
    parser.add_argument("--plan", action="store_true", help="suite: print the schedule of the seed, and do nothing")
    parser.add_argument("--data", help="a directory that is kept, with the logs of all processes: empty, or a new one")
    return parser


if __name__ == "__main__":
    sys.exit(main())
