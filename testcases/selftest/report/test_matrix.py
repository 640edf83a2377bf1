"""Runs side by side: what is alike, what differs, and what fails anew."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from harness.record import CaseResult, Departure, Finding, Verdict, Weight
from harness.report.console import Teller
from harness.report.draw import below, draw_matrix
from harness.report.journal import NAME, Journal, Run
from harness.report.matrix import Matrix, answer, in_order, table, told


def _passes(result: CaseResult) -> CaseResult:
    return replace(result, verdict=Verdict.PASS, findings=())


def _matrix(run: Run, *others: Run) -> Matrix:
    runs = (run, *others)
    return Matrix(tuple(f"device-{number}" for number in range(1, 1 + len(runs))), runs)


def _with(run: Run, **cases: CaseResult | None) -> Run:
    """The run with other results for the cases of these names; None: it was not played."""
    kept = [cases.get(each.id.rpartition("/")[2], each) for each in run.results]
    return replace(run, results=tuple(each for each in kept if each is not None))


def test_every_case_of_any_run_has_a_line(run: Run) -> None:
    """In the order of their sections as numbers; who did not play a case has nothing there."""
    matrix = _matrix(run, _with(run, other=None))
    lines = {line.case: line for line in matrix.lines}

    assert list(lines) == sorted(lines, key=in_order)
    assert lines["ikev2/2.5/other"].results[1] is None
    assert in_order("ikev2/2.5/x") < in_order("ikev2/2.10/a")


def test_only_other_answers_differ(run: Run) -> None:
    """Another verdict and another rule differ; other words of the same rule do not, nor what can't be played there."""
    failed, missing = run.results[1], run.results[4]
    reworded = replace(failed, findings=(replace(failed.findings[0], says="elsewhere", frames=(9,)),))
    by_another_rule = replace(failed, findings=(replace(failed.findings[0], rule="INV-16"),))

    assert _matrix(run, _with(run, other=reworded)).differing == ()
    assert _matrix(run, _with(run, missing=_passes(missing))).differing == ()
    assert [each.case for each in _matrix(run, _with(run, other=by_another_rule)).differing] == [failed.id]
    assert [each.case for each in _matrix(run, _with(run, other=_passes(failed))).differing] == [failed.id]


def test_an_answer_names_the_rules_that_decided(run: Run) -> None:
    """Each once; a NOTE decided nothing."""
    failed = run.results[1]
    note = Finding("INV-15", Verdict.FAIL, "x", weight=Weight.NOTE)

    assert str(answer(replace(failed, findings=(*failed.findings * 2, note)))) == "FAIL: that RFC7296-2.5-12"


def test_who_answers_alike_is_told_together(run: Run) -> None:
    """A block for each case, a line for each answer."""
    matrix = _matrix(run, run, _with(run, other=_passes(run.results[1])))

    assert list(told(matrix.differing, matrix.names)) == [
        "ikev2/2.5/other",
        "      device-1, device-2: FAIL: that RFC7296-2.5-12",
        "      device-3: PASS",
    ]


def test_the_table_has_a_column_for_each_device(run: Run) -> None:
    """A row for each case; where they differ it has a mark."""
    matrix = _matrix(run, _with(run, other=_passes(run.results[1])))
    head, *rows = table(matrix)
    (marked,) = (row for row in rows if row.endswith("<>"))

    assert head.split() == ["device-1", "device-2"]
    assert len(rows) == len(run.results)
    assert marked.split() == ["ikev2/2.5/other", "FAIL", "PASS", "<>"]


@pytest.mark.parametrize(
    ("before", "after", "anew"), [("PASS", "FAIL", 1), ("FAIL", "FAIL", 0), ("FAIL", "PASS", 0)]
)
def test_a_failure_is_new_if_the_first_run_did_not_fail_so(
    run: Run, before: str, after: str, anew: int
) -> None:
    """What failed by the same rules before, and what does not fail any more, is nothing new."""
    failed = run.results[1]
    runs = [_with(run, other=failed if verdict == "FAIL" else _passes(failed)) for verdict in (before, after)]

    assert len(_matrix(*runs).new_failures) == anew


def test_an_expected_failure_is_not_new(run: Run) -> None:
    """What was foreseen with its reason fails nobody's comparison."""
    failed = run.results[1]
    known = Departure(failed.id, "that", "FAIL", "so it is", "2026-01-31")
    foreseen = replace(failed, expected=Verdict.FAIL, departures=(known,))

    assert _matrix(_with(run, other=None), _with(run, other=foreseen)).new_failures == ()


def test_a_matrix_is_drawn_with_links_to_the_pages_of_its_runs(run: Run, tmp_path: Path) -> None:
    """matrix.json for machines; index.html escapes what devices say and leads to each case's own page."""
    other = replace(run, header=replace(run.header, target={"name": "deviant:x", "version": "<b>1</b>"}))
    draw_matrix(tmp_path, {"reference": run, "deviant:x": _with(other, other=_passes(run.results[1]))})
    plain = json.loads((tmp_path / "matrix.json").read_text(encoding="utf-8"))
    page = (tmp_path / "index.html").read_text(encoding="utf-8")

    assert plain["format"] == 1
    assert plain["differing"] == ["ikev2/2.5/other"]
    assert {each["id"]: each["answers"]["deviant-x"] for each in plain["cases"]}["ikev2/2.5/other"] == {
        "verdict": "PASS",
        "rules": [],
    }
    assert 'href="deviant-x/index.html#ikev2/2.5/other"' in page
    assert "<b>1</b>" not in page


def test_a_run_of_several_targets_is_found_by_its_name(run: Run, tmp_path: Path) -> None:
    """Directories of other runs that lie beside each other are no matrix."""
    for name in ("a", "b"):
        journal = Journal(tmp_path / "together" / name / NAME)
        journal.begin(replace(run.header, run="together"))
        journal.end(0.0, interrupted=False)

    assert sorted(below(tmp_path / "together")) == ["a", "b"]
    assert below(tmp_path) == {}


def test_the_console_tells_targets_apart(run: Run) -> None:
    """Each line names its target, each total too; the table and the differences come at the end."""
    file = io.StringIO()
    teller = Teller(Console(file=file, width=200, highlight=False))
    other = replace(run, header=replace(run.header, target={"name": "x", "version": ""}))
    teller.begin(run.header, other.header)
    teller.case(run.results[0], "x")
    teller.side_by_side(_matrix(run, _with(other, other=_passes(run.results[1]))))
    teller.end("index.html", run, other)
    lines = file.getvalue().splitlines()

    assert lines[0].startswith("7 cases against reference 0.1.0 (virtual) and x (virtual), judged strict")
    assert lines[1].split() == ["PASS", "ikev2/2.5/unknown-critical-payload", "MUST", "x"]
    assert "1 of 7 cases differs" in lines
    assert lines[-2].startswith("x: 2 PASS, 2 FAIL")
