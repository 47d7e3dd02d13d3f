"""What decisions cost by the size of the model, in processes of their own: policy, casbin, and Cedar alone."""

import subprocess
import sys

import msgspec

from bench.figures import Figure
from bench.house import House
from bench.machine import SERVICE, here
from bench.policy_size import Told

SIZES = (1_000, 10_000, 100_000, 1_000_000)
OTHERS = (1_000, 10_000, 100_000)
"""casbin looks at every assignment for every decision: a million would take seconds each."""


def model(house: House) -> list[Figure]:
    """A decision by the number of assignments: policy in memory, casbin beside it, and Cedar alone."""
    found = [_decision("policy", "policy", size) for size in SIZES]
    found += [_decision("casbin", "casbin, roles and hierarchies alone", size) for size in OTHERS]
    return [*found, _decision("cedarpy", "cedarpy alone, slices cut and encoded before", OTHERS[-1])]


def _decision(what: str, words: str, assignments: int) -> Figure:
    with here(SERVICE):  # what is started there stays there
        command = [sys.executable, "-m", "bench.policy_size", str(assignments), what]
        answer = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    told = msgspec.json.decode(answer, type=Told)
    held = f", {told.held:,.0f} MiB held, {told.peak:,.0f} at most while loading" if told.held else ""
    beside = f"of {told.facts:,} facts, loaded in {told.load:.2f} s of CPU{held}"
    return Figure(f"{words}: a decision at {assignments:,} assignments", told.decision, "µs", None, {}, beside)
