"""What `make audit` passes: nothing that is known and not accepted, and no acceptance that is not needed."""

import json

import pytest

from audit.advisories import understood
from audit.findings import NOTHING, Accepted, Finding, Report, accepted, judge
from audit.pins import Pin

JINJA, REQUESTS = Pin("jinja2", "2.10"), Pin("requests", "2.34.2")
ESCAPE = Finding(JINJA, "PYSEC-2019-217", frozenset({"CVE-2019-10906"}), ("2.10.1",))
TAKEN = Accepted("jinja2", "CVE-2019-10906", "no template comes from outside")
PINS = (JINJA, REQUESTS)


def test_where_nothing_is_known_nothing_is_wrong() -> None:
    verdict = judge(Report(frozenset(), frozenset(PINS)), PINS, [])
    assert (verdict.wrong, verdict.unanswered) == ((), ())


def test_what_is_known_is_wrong() -> None:
    verdict = judge(Report(frozenset({ESCAPE}), frozenset(PINS)), PINS, [])
    assert verdict.wrong == ("known, and not accepted: jinja2 2.10: PYSEC-2019-217 = CVE-2019-10906, fixed in 2.10.1",)


def test_what_is_accepted_by_any_of_its_names_is_not() -> None:
    assert judge(Report(frozenset({ESCAPE}), frozenset(PINS)), PINS, [TAKEN]).wrong == ()


def test_accepted_for_another_package_it_is() -> None:
    other = Accepted("requests", "CVE-2019-10906", "of another package")
    wrong = judge(Report(frozenset({ESCAPE}), frozenset(PINS)), PINS, [other]).wrong
    assert [line.partition(":")[0] for line in wrong] == [
        "known, and not accepted",
        "accepted, and does not occur any more",
    ]


@pytest.mark.parametrize("pins", [PINS, (REQUESTS,)], ids=["still pinned", "not pinned any more"])
def test_an_accepted_finding_that_does_not_occur_is_wrong(pins: tuple[Pin, ...]) -> None:
    wrong = judge(Report(frozenset(), frozenset(pins)), pins, [TAKEN]).wrong
    assert wrong == ("accepted, and does not occur any more: jinja2: CVE-2019-10906",)


def test_where_no_advisories_were_read_nothing_is_known_of_anything() -> None:
    verdict = judge(NOTHING, PINS, [TAKEN])
    assert (verdict.wrong, verdict.unanswered) == ((), PINS)


def test_what_pip_audit_passes_over_is_not_answered() -> None:
    vulnerability = {
        "id": "PYSEC-2019-217",
        "aliases": ["CVE-2019-10906"],
        "fix_versions": ["2.10.1"],
        "description": "",
    }
    said = [
        {"name": "Jinja2", "version": "2.10", "vulns": [vulnerability]},
        {"name": "requests", "skip_reason": "Dependency not found on PyPI and could not be audited: requests (2.34.2)"},
    ]
    report = understood(json.dumps({"dependencies": said, "fixes": []}))
    assert report == Report(frozenset({ESCAPE}), frozenset({JINJA}))
    assert judge(report, PINS, [TAKEN]).unanswered == (REQUESTS,)


def test_an_acceptance_gives_its_reason() -> None:
    entry = '[[accepted]]\npackage = "jinja2"\nid = "CVE-2019-10906"\n'
    assert accepted(entry + 'reason = "no template comes from outside"') == [TAKEN]
    for bad in (entry, entry + 'reason = " "', entry + 'reason = "a"\nuntil = "2030"', 2 * (entry + 'reason = "a"\n')):
        with pytest.raises(ValueError, match=r"reason|twice"):
            accepted(bad)
