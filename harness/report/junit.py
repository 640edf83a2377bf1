"""junit.xml for CI systems: requirement ids and the capture's path as properties."""

import xml.etree.ElementTree as ET
from pathlib import Path

from harness.record import CaseResult, Verdict, printable
from harness.report.journal import Run
from harness.report.summary import unexpected
from harness.report.telling import block


def write_junit(run: Run, path: Path) -> None:
    """Write the run; an inconclusive case is an error of type `inconclusive`."""
    suites = ET.Element("testsuites", name="ike-harness", tests=str(len(run.results)))
    for name in dict.fromkeys(_suite(result) for result in run.results):
        _add_suite(suites, run, name)
    ET.indent(suites)
    ET.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)


def _suite(result: CaseResult) -> str:
    return result.id.partition("/")[0]


def _add_suite(suites: ET.Element, run: Run, name: str) -> None:
    results = [result for result in run.results if _suite(result) == name]
    suite = ET.SubElement(suites, "testsuite", name=name, timestamp=run.header.started.rstrip("Z"))
    kinds = [kind for result in results for kind in [_outcome(ET.SubElement(suite, "testcase"), result)]]
    suite.set("tests", str(len(results)))
    suite.set("failures", str(kinds.count("failure")))
    suite.set("errors", str(kinds.count("error")))
    suite.set("skipped", str(kinds.count("skipped")))
    suite.set("time", f"{sum(result.duration_s for result in results):.3f}")


def _outcome(case: ET.Element, result: CaseResult) -> str:
    place, _, name = result.id.rpartition("/")
    case.set("classname", place.replace("/", "."))
    case.set("name", name)
    case.set("time", f"{result.duration_s:.3f}")
    properties = ET.SubElement(case, "properties")
    for what, value in _properties(result):
        ET.SubElement(properties, "property", name=what, value=printable(value))
    kind, of_type = _kind(result)
    if kind:
        told = block(result)
        if result.traceback:
            told += [printable(line) for line in result.traceback.splitlines()]
        message = printable(result.why or result.title)
        ET.SubElement(case, kind, type=of_type, message=message).text = "\n".join(told)
    return kind


def _properties(result: CaseResult) -> list[tuple[str, str]]:
    requirements = [("requirement", each) for each in result.requirements]
    return [*requirements, ("level", result.level), ("verdict", result.verdict), ("capture", result.capture)]


def _kind(result: CaseResult) -> tuple[str, str]:
    if unexpected(result):
        return "failure", "FAIL" if result.verdict is Verdict.FAIL else "unexpected PASS"
    if result.departures and result.as_expected:
        return "skipped", f"expected {result.verdict}"
    match result.verdict:
        case Verdict.INCONCLUSIVE:
            return "error", "inconclusive"
        case Verdict.ERROR:
            return "error", "error"
        case Verdict.NOT_APPLICABLE:
            return "skipped", "not applicable"
    return "", ""
