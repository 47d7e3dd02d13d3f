"""What happens to an organization's rules."""

from eventlog.events import Event
from services.policy.domain.events import policy_events


@policy_events.event("policy.written")
class PolicyWritten(Event):
    """A version of the organization's policies was written. It decides nothing before `policy.changed` names it."""

    version: int
    """1 for the first, and one more for each."""
    policies: str
    """All policies, in Cedar; the shipped ones are not among them."""
    schema: str = ""
    """What is added to the shipped schema, in Cedar's schema language. Absent: nothing."""
    note: str = ""
    """What this version is for, in the administrator's words. Absent: nothing was said."""


@policy_events.event("policy.changed")
class PolicyChanged(Event):
    """Another version decides from here on, in every process at this position."""

    version: int
    """Which; 0: the shipped policies alone."""
    rolled_back: bool = False
    """Whether it was the one before. Absent: it was chosen by its number."""
