"""report.json, junit.xml, index.html and the console: drawn from a run, safe whatever is in it."""

import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Task, TaskID

from harness.record import CaseResult, Row, Verdict
from harness.report.console import Teller, TimeLeft
from harness.report.html import write_page
from harness.report.journal import Run
from harness.report.junit import write_junit
from harness.report.measured import measured
from harness.report.naming import run_name
from harness.report.summary import exit_status, summary, write_summary
from harness.report.telling import MOST_ROWS, block, of_interest, told_seconds


def results(run: Run, *names: str) -> Run:
    """The run with only the cases of these names."""
    kept = tuple(each for each in run.results if each.id.rpartition("/")[2] in names)
    return replace(run, results=kept)


def test_report_json_has_the_shape_that_others_read(run: Run) -> None:
    """The keys that CI systems rely on are there, with format 1."""
    told = json.loads(json.dumps(summary(run)))
    promised = {"format", "run", "target", "profile", "configured_as", "seed", "started", "duration_s"}

    assert promised | {"totals", "cases"} <= set(told)
    assert told["format"] == 1
    assert told["totals"] == {
        "PASS": 2, "FAIL": 2, "INCONCLUSIVE": 1, "NOT_APPLICABLE": 1, "ERROR": 1, "should": 1,
    }  # fmt: skip
    assert {"id", "verdict", "expected", "level", "findings", "capture", "duration_s", "again"} <= set(
        told["cases"][1]
    )
    assert told["cases"][1]["findings"][0]["frames"] == [3]


@pytest.mark.parametrize(("requirement", "named"), [("CISCO-RO-39", True), ("CISCO-RO-02", False)])
def test_a_verdict_by_analogy_says_so(run: Run, requirement: str, named: bool) -> None:
    """What the vendor's text says of version 1 alone and is read into version 2 is told as such, in text and JSON."""
    result = results(run, "other").results[0]
    read_into = replace(result, findings=(replace(result.findings[0], requirement=requirement),))
    (case,) = summary(replace(run, results=(read_into,)))["cases"]

    assert any(f"{requirement}, by analogy" in line for line in block(read_into)) is named
    assert case["findings"][0].get("by_analogy", False) is named


@pytest.mark.parametrize(
    ("names", "status"),
    [
        (("unknown-critical-payload",), 0),
        (("should",), 0),
        (("unknown-critical-payload", "missing"), 0),
        (("missing",), 2),
        (("unclear", "unknown-critical-payload"), 2),
        (("broken", "unclear"), 3),
        (("other", "broken", "unclear"), 1),
        ((), 2),
    ],
)
def test_the_exit_status_is_the_worst_that_happened(run: Run, names: tuple[str, ...], status: int) -> None:
    """1 before 3 before 2 before 0; nothing but NOT_APPLICABLE is 2."""
    assert exit_status(results(run, *names)) == status


def test_an_interrupted_run_says_so(run: Run) -> None:
    """130 comes before everything else."""
    assert exit_status(replace(run, interrupted=True)) == 130


@pytest.mark.parametrize(("verdict", "status"), [(Verdict.FAIL, 0), (Verdict.PASS, 1)])
def test_an_expected_fail_is_as_expected_and_its_pass_is_not(run: Run, verdict: Verdict, status: int) -> None:
    """A departure that was written down counts when it goes away."""
    departure = replace(run.results[1], verdict=verdict, expected=Verdict.FAIL)

    assert exit_status(replace(run, results=(departure,))) == status


@pytest.fixture
def junit(run: Run, tmp_path: Path) -> ET.Element:
    """The run as JUnit XML."""
    write_junit(run, tmp_path / "junit.xml")
    return ET.parse(tmp_path / "junit.xml").getroot()


@pytest.mark.parametrize(
    ("case", "kind", "of_type"),
    [
        ("unknown-critical-payload", None, None),
        ("other", "failure", "FAIL"),
        ("unclear", "error", "inconclusive"),
        ("missing", "skipped", "not applicable"),
        ("broken", "error", "error"),
    ],
)
def test_junit_tells_each_verdict_apart(
    junit: ET.Element, case: str, kind: str | None, of_type: str | None
) -> None:
    """FAIL is a failure, INCONCLUSIVE an error of that type, ERROR an error, NOT_APPLICABLE skipped."""
    (found,) = junit.iterfind(f".//testcase[@name='{case}']")
    outcome = next((each for each in found if each.tag != "properties"), None)

    assert (outcome.tag if outcome is not None else None) == kind
    assert (outcome.get("type") if outcome is not None else None) == of_type


def test_junit_counts_each_suite(junit: ET.Element) -> None:
    """The counters are those of the cases below."""
    counts = {
        suite.get("name"): tuple(suite.get(key) for key in ("tests", "failures", "errors", "skipped"))
        for suite in junit
    }

    assert counts == {
        "ikev2": ("4", "2", "0", "0"),
        "ikev1": ("2", "0", "1", "1"),
        "fuzz": ("1", "0", "1", "0"),
    }


def test_junit_names_requirements_and_capture(junit: ET.Element) -> None:
    """They are properties of the case."""
    found = junit.find(".//testcase[@name='other']/properties")

    assert found is not None
    assert {(each.get("name"), each.get("value")) for each in found} >= {
        ("requirement", "RFC7296-2.5-12"),
        ("capture", "pcaps/run/ikev2/2.5/unknown-critical-payload.pcapng"),
    }


class Tags(HTMLParser):
    """What tags a page has, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def page(run: Run, tmp_path: Path) -> Tags:
    """The run as a page."""
    write_page(run, tmp_path / "index.html")
    found = Tags()
    found.feed((tmp_path / "index.html").read_text(encoding="utf-8"))
    return found


def test_the_page_escapes_what_the_wire_said(page: Tags) -> None:
    """Markup and control characters from outside are text."""
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.text
    assert not {"\x1b", "\u202e", "\x00"} & set(page.text)


def test_the_page_tells_what_a_reader_needs(page: Tags) -> None:
    """Verdict, requirement in words, finding with frames, conversation and the command to repeat."""
    for wanted in (
        "the refusal never came (frame 3)",
        "IKE_AUTH request 1 { AUTH, 201! }",
        "ike-harness run ikev2/2.5/unknown-critical-payload --target reference --seed 42",
        "ike-harness judge pcaps/run/ikev2/2.5/unknown-critical-payload.pcapng",
        "it has no wings",
        "RFC7296-2.5-12",
    ):
        assert wanted in page.text


def told(*run_results: CaseResult, run: Run, terminal: bool = False) -> str:
    """What the console shows of these results."""
    file = io.StringIO()
    teller = Teller(
        Console(file=file, force_terminal=terminal, width=200, highlight=False, color_system=None)
    )
    teller.begin(run.header)
    for result in run_results:
        teller.case(result)
    teller.end("reports/run/index.html", replace(run, results=run_results))
    return file.getvalue()


def test_a_case_that_passed_is_one_line(run: Run) -> None:
    """Verdict, id and level."""
    lines = told(run.results[0], run=run).splitlines()

    assert lines[1].split() == ["PASS", "ikev2/2.5/unknown-critical-payload", "MUST"]
    assert lines[2].startswith("1 PASS in 1.5 s")


def test_a_case_that_failed_is_a_block(run: Run) -> None:
    """It shows title, conversation with marks, finding with frames, and the two commands."""
    assert block(run.results[1]) == [
        "FAIL  ikev2/2.5/other" + " " * 63 + " MUST",
        "      A request with an unknown critical payload is refused.",
        "        3  alice  -> IKE_AUTH request 1 { AUTH, 201! }                             probe",
        "        4  target <- IKE_AUTH response 1 { AUTH, SA, TSi, TSr }",
        "      FAIL: the refusal never came (frame 3)  [RFC7296-2.5-12]",
        "      again   ike-harness run ikev2/2.5/unknown-critical-payload --target reference --seed 42",
        "      judge   ike-harness judge pcaps/run/ikev2/2.5/unknown-critical-payload.pcapng",
    ]


def test_nothing_from_the_wire_moves_the_cursor(run: Run) -> None:
    """Control characters reach no terminal."""
    shown = told(*run.results, run=run)

    assert not {"\x1b", "\u202e", "\x00"} & set(shown)
    assert "\\x1b[2J" in shown


def test_markup_of_the_console_is_not_read_from_outside(run: Run) -> None:
    """Square brackets in a title are text."""
    odd = replace(run.results[1], title="[bold red]gone[/bold red] [/]")

    assert "[bold red]gone[/bold red] [/]" in told(odd, run=run)


def test_a_long_conversation_is_cut_to_what_matters(run: Run) -> None:
    """The frames of findings, their neighbours and marked ones stay; what is left out shows."""
    rows = tuple(Row(number, 0.0, "alice", "target", False, "x") for number in range(1, MOST_ROWS + 20))
    shown = list(of_interest(replace(run.results[1], conversation=rows)))

    assert [row.frame if row else None for row in shown] == [None, 2, 3, 4, None]


def test_an_error_ends_with_its_reason(run: Run) -> None:
    """The last line of the traceback stands in the block."""
    assert any("ValueError: ours" in line for line in block(run.results[5]))


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("reference", "reference"),
        ("lab/edge 1.toml", "edge-1"),
        ("../..", "target"),
        ("deviant:mute", "deviant-mute"),
    ],
)
def test_a_run_is_named_by_moment_and_target(target: str, name: str) -> None:
    """The name is a plain directory name, whatever the target is called."""
    moment, _, rest = run_name(target).partition("-" + name)

    assert len(moment) == len("2026-11-23T120000")
    assert rest == ""


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_a_time_is_told_as_a_person_says_it(seconds: float, said: str) -> None:
    """Hours without seconds, and never nothing at all."""
    assert told_seconds(seconds) == said


def test_a_run_says_beforehand_how_long_it_takes(run: Run) -> None:
    """The expected time and how many cases are played at a time stand before the first case."""
    lines = told(run=replace(run, header=replace(run.header, expected_s=200.0, jobs=24))).splitlines()

    assert lines[1] == "about 3 min 20 s, 24 cases at a time"


@pytest.mark.parametrize(
    ("expected_s", "said"), [(200.0, "about 3 min 20 s left"), (0.0, "longer than expected")]
)
def test_what_is_left_is_what_was_expected_less_what_passed(expected_s: float, said: str) -> None:
    """Nothing is measured: a run that takes longer says so."""
    task = Task(TaskID(0), "", 10, 3, _get_time=lambda: 5.0, fields={"expected_s": expected_s})

    assert str(TimeLeft().render(task)) == said


def test_what_cases_took_the_last_time_is_known(run: Run, tmp_path: Path) -> None:
    """The newest run against the same target on the same link tells; cases that were not played say nothing."""
    for name, took in (("2026-01-01T000000-x", 9.0), ("2026-01-02T000000-x", 0.25)):
        (tmp_path / name).mkdir()
        timed = replace(run, results=tuple(replace(each, duration_s=took) for each in run.results))
        write_summary(timed, tmp_path / name / "report.json")
    (tmp_path / "2026-01-03T000000-x").mkdir()
    (tmp_path / "2026-01-03T000000-x" / "report.json").write_text("{")
    known = measured(tmp_path, "reference", "virtual")

    assert known["ikev2/2.5/other"] == 0.25
    assert "ikev1/5/missing" not in known
    assert measured(tmp_path, "reference", "udp") == {}
