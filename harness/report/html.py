"""index.html for people: the verdicts as a tree, the findings, and each conversation decrypted."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.record import CaseResult, Verdict, printable
from harness.report.journal import Run
from harness.report.telling import matters, told_expectation, told_finding
from harness.requirements import load


def write_page(run: Run, path: Path) -> None:
    """Write the page; every text that is put into it is made printable and escaped."""
    environment = Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if isinstance(value, str) else value,
    )
    page = environment.get_template("index.html.j2").render(
        run=run, header=run.header, totals=run.totals, suites=tree(run.results)
    )
    path.write_text(page, encoding="utf-8")


def tree(results: Iterable[CaseResult]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """The results by suite and section, in the order of the run."""
    grown: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for result in results:
        suite, section, name = _places(result.id)
        grown.setdefault(suite, {}).setdefault(section, []).append(_drawn(result, name))
    return grown


def _places(case: str) -> tuple[str, str, str]:
    suite, _, rest = case.partition("/")
    section, _, name = rest.rpartition("/")
    return suite, section, name


def _drawn(result: CaseResult, name: str) -> dict[str, Any]:
    named = {number for finding in result.findings if matters(finding) for number in finding.frames}
    registry = load()
    return {
        "result": result,
        "name": name,
        "open": result.verdict in (Verdict.FAIL, Verdict.ERROR) and not result.as_expected,
        "expected": list(told_expectation(result)),
        "rows": [(row, row.frame in named) for row in result.conversation],
        "findings": [(finding, told_finding(finding)) for finding in result.findings],
        "requirements": [
            (each, registry[each].statement if each in registry else "") for each in result.requirements
        ],
    }
