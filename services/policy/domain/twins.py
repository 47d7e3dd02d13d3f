"""Types that are two here and one in Cedar: a policy about things of the one would speak of the other's, too."""

from collections.abc import Collection, Iterable, Sequence

from eventlog.errors import Kind, Refusal
from services.policy.domain.facts import Fact
from services.policy.domain.pointers import OF_TYPE, pointers
from services.policy.domain.rules.engine import cedar_type


def types_of(fact: Fact) -> Sequence[str]:
    """The types of the resources, and of what has a label, that a fact speaks of."""
    return [target.removeprefix(OF_TYPE) for target, _ in pointers(fact) if target.startswith(OF_TYPE)]


def first_of_its_type(facts: Iterable[Fact], known: Collection[str]) -> bool:
    """Whether one of them speaks of a type that is not known."""
    return any(one not in known for fact in facts for one in types_of(fact))


def refuse_twins(fact: Fact, known: Collection[str]) -> None:
    """Raises Refusal `type_ambiguous` where a type is new, and Cedar has the name of a known one for it."""
    for new in types_of(fact):
        twin = None if new in known else next((one for one in known if cedar_type(one) == cedar_type(new)), None)
        if twin is not None:
            reason = (
                f"{new} would be {twin}, of which there is something, for policies: Cedar calls both {cedar_type(new)}"
            )
            raise Refusal(Kind.PRECONDITION, "type_ambiguous", reason)
