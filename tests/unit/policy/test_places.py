"""Where a resource lies, by what its stream and those of what it lies in say."""

from itertools import pairwise

import pytest

from services.policy.domain.facts import Known, Parent
from services.policy.domain.reach import MAX_DEPTH, TooDeep, places_of


def nested(deep: int) -> Known:
    """So many folders, the first in the second and so on."""
    names = [f"folder/{number}" for number in range(1, deep + 1)]
    inner = {f"resource/{one}": [Parent(one, outer)] for one, outer in pairwise(names)}
    return Known({**inner, f"resource/{names[-1]}": ()})


def test_places_are_found_as_deep_as_resources_may_lie() -> None:
    assert list(places_of(nested(MAX_DEPTH), "folder/1")) == [f"folder/{number}" for number in range(1, MAX_DEPTH + 1)]


def test_what_lies_deeper_than_may_be_written_is_not_seen_to_its_end() -> None:
    with pytest.raises(TooDeep):
        places_of(nested(MAX_DEPTH + 1), "folder/1")


def test_places_in_a_circle_are_found_once_each() -> None:
    circle = Known({"resource/folder/1": [Parent("folder/1", "folder/2")]})
    circle["resource/folder/2"] = [Parent("folder/2", "folder/1")]
    assert list(places_of(circle, "folder/1")) == ["folder/1", "folder/2"]
