"""Which of several facts a refusal is about, and what a fact is called there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from eventlog.errors import Kind, Refusal
from services.policy.domain.facts import Assignment, Fact, Membership, Share


@contextmanager
def naming(one: object, among: Sequence[object], what: str = "write") -> Iterator[None]:
    """What is refused within is said of `one`, by its number from 1, as in `write 3: …`; of a single one not."""
    try:
        yield
    except Refusal as refusal:
        if len(among) == 1:
            raise
        number = list(among).index(one) + 1
        detail = f"{what} {number}: {refusal.detail}"
        raise Refusal(refusal.kind, refusal.code, detail, refusal.retry_after) from None


def missing(fact: Fact) -> Refusal:
    """Of what is to be removed, and is not there."""
    if isinstance(fact, Assignment):
        return Refusal(Kind.NOT_FOUND, "not_assigned", "the subject does not hold this role there")
    return Refusal(Kind.NOT_FOUND, "not_there", f"there is no {named(fact)} to remove")


def named(fact: Fact) -> str:
    """Its kind, and what names it."""
    names = {
        Membership: ("member", "group"),
        Assignment: ("holder", "role", "resource"),
        Share: ("resource", "id"),
    }.get(type(fact), fact.__struct_fields__[:1])
    said = " ".join(str(getattr(fact, name)) for name in names if getattr(fact, name) is not None)
    return f"{fact.__struct_config__.tag} {said}"[:300]
