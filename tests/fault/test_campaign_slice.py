"""A short campaign of faults with a new seed each time: the longer ones are `make fault` and `make fault-long`.

`python -m tests.fault.campaign suite --seed SEED --count N --without-kafka` does the same faults again.
"""

import os
import secrets
from pathlib import Path

from tests.fault.campaign import suites
from tests.fault.campaign.schedule import schedule

SEED = "FAULT_SEED"
STEPS, MINUTES = 8, 0.4
"""As many as fit into the time; none begins later."""


def test_nothing_that_must_hold_is_violated_by_faults_from_a_new_seed(tmp_path: Path) -> None:
    seed = int(os.environ.get(SEED) or secrets.randbelow(2**31))
    print(f"seed {seed}: {SEED}={seed} does these faults again")
    steps = schedule(seed, STEPS, kafka=False)
    tally = suites.run(tmp_path / "data", seed, STEPS, MINUTES, False, print)
    print(tally)
    assert tally.wrong == [], f"seed {seed}, of {[str(step) for step in steps]}"
    assert tally.struck.faults > 0
    assert tally.events > 0
