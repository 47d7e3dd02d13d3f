"""The changes of a page, written together, come to what they come to one by one (RULES 6)."""

from hypothesis import example, given
from hypothesis import strategies as st

from eventlog.projection import Change, Drop, DropGroup, MemoryRows, Patch, Put
from eventlog.projection.bundle import Bundle, bundles

KINDS, KEYS, GROUPS = st.sampled_from("ab"), st.sampled_from("123"), st.sampled_from(["", "x", "y"])
VALUES = st.dictionaries(st.sampled_from("mn"), st.integers(0, 9))
CHANGES = st.one_of(
    st.builds(Put, KINDS, KEYS, VALUES, GROUPS),
    st.builds(Patch, KINDS, KEYS, VALUES),
    st.builds(Drop, KINDS, KEYS),
    st.builds(DropGroup, KINDS, GROUPS, st.one_of(st.just(""), KEYS)),
)


def shown(rows: MemoryRows) -> dict[str, dict[str, tuple[dict[str, int], str]]]:
    found = {kind: {key: rows.find(kind, key) for key in rows.all(kind)} for kind in "ab"}
    return {kind: {key: (put.value, put.belongs) for key, put in of.items() if put} for kind, of in found.items()}


def written(rows: MemoryRows, bundle: Bundle) -> None:
    """As eventlog.projection.bundle.write does it: groups first, then rows of one sort after the other."""
    for kind in (Put, Patch, Drop):
        for change in (*bundle.groups.values(), *bundle.rows.values()):
            if isinstance(change, DropGroup if kind is Put else kind):
                rows.apply(change)
        if kind is Put:
            for change in bundle.rows.values():
                if isinstance(change, Put):
                    rows.apply(change)


@given(st.lists(CHANGES, max_size=30))
@example([DropGroup("a", "x"), Put("a", "1", {}, "x"), DropGroup("a", "x")])
@example([Put("a", "1", {}, "x"), DropGroup("a", "x"), Put("a", "1", {}, "x")])
@example([Put("a", "1", {}, "x"), Patch("a", "1", {"m": 1}), Put("a", "1", {}, "y"), DropGroup("a", "x")])
def test_changes_that_are_written_together_come_to_the_same_as_one_by_one(changes: list[Change]) -> None:
    one_by_one, together = MemoryRows(), MemoryRows()
    for change in changes:
        one_by_one.apply(change)
    for bundle in bundles(changes):
        written(together, bundle)
    assert shown(together) == shown(one_by_one)


def test_a_page_of_sessions_is_one_bundle_though_each_drops_those_of_a_day_long_past() -> None:
    page: list[Change] = []
    for number in range(500):
        page += [Put("session", str(number), {}, "day/2"), DropGroup("session", "day/1")]
    (bundle,) = bundles(page)
    assert (len(bundle.rows), len(bundle.groups)) == (500, 1)
