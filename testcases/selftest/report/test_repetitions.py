"""Cases that were played several times: the worst counts, what is not stable shows, and silence has its bound."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.record import CaseResult, Verdict
from harness.report import often
from harness.report.html import write_page
from harness.report.journal import NAME, Journal, Run, mend, read
from harness.report.summary import exit_status, summary


def _rounds(result: CaseResult, *verdicts: Verdict) -> list[CaseResult]:
    return [
        replace(result, verdict=verdict, round=number, window_s=30.0 + number, findings=())
        for number, verdict in enumerate(verdicts, 1)
    ]


@pytest.fixture
def repeated(run: Run, tmp_path: Path) -> Run:
    """A case that always passed, and one that did not, four times each, as the journal has them."""
    steady = _rounds(run.results[0], *[Verdict.PASS] * 4)
    shaky = _rounds(run.results[1], Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
    journal = Journal(tmp_path / NAME)
    journal.begin(replace(run.header, repeat=4))
    for result in (*shaky, *steady):
        journal.case(result)
    journal.end(2.0, interrupted=False)
    return read(tmp_path / NAME)


def test_the_worst_of_its_rounds_is_what_a_case_comes_to(repeated: Run) -> None:
    """One result for each case; one FAIL among passes fails the run."""
    assert {each.id: (each.verdict, each.round) for each in repeated.results} == {
        "ikev2/2.5/other": (Verdict.FAIL, 2),
        "ikev2/2.5/unknown-critical-payload": (Verdict.PASS, 1),
    }
    assert len(repeated.every) == 8
    assert exit_status(repeated) == 1


def test_cases_whose_verdicts_differ_are_unstable(repeated: Run) -> None:
    """They are listed with each verdict; who always came out alike is not."""
    plain = summary(repeated)
    cases = {case["id"]: case for case in plain["cases"]}

    assert plain["unstable"] == ["ikev2/2.5/other"]
    assert cases["ikev2/2.5/other"]["rounds"] == ["PASS", "FAIL", "INCONCLUSIVE", "PASS"]
    assert cases["ikev2/2.5/other"]["no_violation"] is None
    assert "unstable  ikev2/2.5/other: PASS, FAIL, INCONCLUSIVE, PASS" in list(often.told(repeated))


def test_silence_carries_its_bound(repeated: Run, tmp_path: Path) -> None:
    """No violation in n windows bounds one by 3/n, on the page and in report.json, with the seconds of the shortest."""
    cases = {case["id"]: case for case in summary(repeated)["cases"]}
    write_page(repeated, tmp_path / "index.html")

    assert cases["ikev2/2.5/unknown-critical-payload"]["no_violation"] == {
        "windows": 4,
        "seconds": 31.0,
        "upper_95": 0.75,
    }
    assert "no violation in 4 windows of 31.0 s: a violation in less than 75%" in (
        tmp_path / "index.html"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize(("windows", "bound"), [(1, 1.0), (3, 1.0), (5, 0.6), (100, 0.03)])
def test_few_windows_bound_nothing(run: Run, windows: int, bound: float) -> None:
    """Up to three the rule says no more than that a probability is one at most, and nothing is claimed."""
    found = often.quiet(_rounds(run.results[0], *[Verdict.PASS] * windows))

    assert found is not None
    assert found.upper_95 == pytest.approx(bound)
    assert ("confidence" in str(found)) is (bound < 1)


@pytest.mark.parametrize(
    ("windows", "ends"), [(2, "of 31.0 to 31.0 s"), (5, "below 60%, at 95 % confidence (3/n)")]
)
def test_the_console_tells_the_bound_of_all_that_were_quiet(run: Run, windows: int, ends: str) -> None:
    """One line for all of them; it claims a bound only where there is one."""
    rounds = _rounds(run.results[0], *[Verdict.PASS] * windows)
    (line,) = often.told(replace(run, results=(rounds[0],), plays=tuple(rounds)))

    assert line.startswith(f"1 case without a violation in {windows} windows each")
    assert line.endswith(ends)


def test_a_run_without_repetitions_says_nothing_of_them(run: Run) -> None:
    """Neither rounds nor bounds stand in its report."""
    assert list(often.told(run)) == []
    assert "rounds" not in summary(run)["cases"][0]


def test_a_run_that_was_cut_off_goes_on_in_its_journal(run: Run, tmp_path: Path) -> None:
    """A torn line is taken away; results, seconds and the last end are those of both parts."""
    path = tmp_path / NAME
    first = Journal(path)
    first.begin(run.header)
    first.case(run.results[0])
    first.end(2.0, interrupted=True)
    with path.open("a", encoding="utf-8") as torn:
        torn.write('{"event": "case", "id": "ikev2/2.5/oth')
    mend(path)
    more = Journal(path, goes_on=True)
    more.go_on("2026-11-24T00:00:00Z")
    more.case(run.results[1])
    unfinished = read(path)
    more.end(3.0, interrupted=False)

    assert unfinished.duration_s is None
    assert read(path) == replace(run, results=run.results[:2], duration_s=5.0, interrupted=False)
