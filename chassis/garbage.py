"""When Python looks for garbage in cycles."""

import gc

from chassis.heap import give_back

YOUNG = 20_000
"""Objects that are made before it looks at them (Python's own: 700)."""


def collect_seldom() -> None:
    """Once a process has started: what was loaded stays, and a request leaves hardly a cycle.

    At Python's own pace looking took 7 % of a busy service's time, and made its longest pauses (perf, by samples).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
    give_back()
