"""index.html for people: the verdicts as a tree, the findings, and each conversation decrypted."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.record import CaseResult, Verdict, printable
from harness.report import often
from harness.report.journal import Run
from harness.report.matrix import Matrix, in_order
from harness.report.often import quiet
from harness.report.telling import matters, told_expectation, told_finding
from harness.requirements import load


def write_page(run: Run, path: Path) -> None:
    """Write the page of one run."""
    repeated = tuple(often.told(run)) if run.plays else ()
    _write(
        path,
        "index.html.j2",
        run=run,
        header=run.header,
        totals=run.totals,
        suites=tree(run.results),
        repeated=repeated,
        windows={case: quiet(rounds) for case, rounds in _repeated(run).items()},
    )


def write_matrix_page(matrix: Matrix, path: Path) -> None:
    """Write the page of several runs; each has its own page in the directory of its name."""
    _write(path, "matrix.html.j2", matrix=matrix, columns=tuple(zip(matrix.names, matrix.runs, strict=True)))


def _write(path: Path, template: str, **content: Any) -> None:
    """Write a page; every text that is put into it is made printable and escaped."""
    environment = Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if isinstance(value, str) else value,
    )
    path.write_text(environment.get_template(template).render(**content), encoding="utf-8")


def tree(results: Iterable[CaseResult]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """The results by suite and section."""
    grown: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for result in sorted(results, key=lambda each: in_order(each.id)):
        suite, section, name = _places(result.id)
        grown.setdefault(suite, {}).setdefault(section, []).append(_drawn(result, name))
    return grown


def _repeated(run: Run) -> dict[str, tuple[CaseResult, ...]]:
    return {result.id: run.rounds(result.id) for result in run.results} if run.plays else {}


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
