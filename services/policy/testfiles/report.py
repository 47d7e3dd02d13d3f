"""Results for people, for scripts, and for what shows tests (JUnit XML)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from services.policy.testfiles.trial import Result

Results = Mapping[str, Sequence[Result]]
"""By file."""


def in_words(results: Results) -> Iterator[str]:
    """A line a file, and some for each case that is not as expected."""
    for file, found in results.items():
        failed = [one for one in found if not one.as_expected]
        cases = f"{len(found)} case{'s' if len(found) != 1 else ''}"
        yield f"{file}: {cases}, {f'{len(failed)} not as expected' if failed else 'all as expected'}"
        for one in failed:
            yield f"\n{file}:{one.line}: {one.title}"
            yield from (f"    {line}" for line in why(one))


def why(one: Result) -> Iterator[str]:
    """What was expected, what was decided, and the facts and policies behind it."""
    yield f"expected  {one.case.expect}"
    decision = one.decision
    yield f"decided   {decision.code}{f' (a login with acr {decision.acr} would lift it)' if decision.acr else ''}"
    yield from (f"because   {chain}" for chain in decision.because)
    if decision.policies:
        yield f"by        {', '.join(decision.policies)}"
    yield from (f"missing   {line}" for line in one.missing)


def as_data(results: Results) -> list[dict[str, Any]]:
    """An object a file."""
    return [{"file": file, "cases": [_case(one) for one in found]} for file, found in results.items()]


def _case(one: Result) -> dict[str, Any]:
    decision, case = one.decision, one.case
    said = {"line": one.line, "name": case.name, "subject": case.subject, "action": case.action}
    said |= {"resource": case.resource, "session": case.session, "expect": case.expect, "as_expected": one.as_expected}
    said |= {"code": decision.code, "because": decision.because, "policies": decision.policies, "missing": one.missing}
    return {name: value for name, value in said.items() if value not in (None, "")}


def junit(results: Results) -> bytes:
    """A test suite a file, a test case a case."""
    root = ET.Element("testsuites")
    for file, found in results.items():
        failures = sum(not one.as_expected for one in found)
        suite = ET.SubElement(root, "testsuite", name=file, tests=str(len(found)), failures=str(failures))
        for one in found:
            case = ET.SubElement(suite, "testcase", classname=file, name=one.title, line=str(one.line))
            if not one.as_expected:
                message = f"expected {one.case.expect}, decided {one.decision.code}"
                ET.SubElement(case, "failure", message=message).text = "\n".join(why(one))
    shown: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return shown
