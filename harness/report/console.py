"""The run on a terminal: a line a case, a block for each that did not pass, and what it came to."""

from collections.abc import Sequence
from io import StringIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeElapsedColumn
from rich.text import Text

from harness.record import CaseResult, RunHeader, Verdict, printable
from harness.report import often
from harness.report.journal import Run
from harness.report.matrix import Matrix, table, told
from harness.report.summary import unexpected
from harness.report.telling import block, headline, told_expectation, told_seconds

STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.NOT_APPLICABLE: "dim",
    Verdict.ERROR: "bold magenta",
}


class Patient(Console):
    """A console whose reader may go away: from then on it says nothing, and the run goes on."""

    def on_broken_pipe(self) -> None:
        """Nobody listens any more."""
        self.quiet = True
        self.file = StringIO()


def _target(header: RunHeader) -> str:
    return " ".join(filter(None, (header.target["name"], header.target["version"])))


def _told(result: CaseResult) -> tuple[bool, list[str]]:
    """Whether a reader in haste wants to hear of it, and what there is to tell."""
    if result.verdict is Verdict.NOT_APPLICABLE:
        return False, [f"N/A   {result.id}  {result.why}"]
    if result.as_expected:
        return False, [headline(result), *(f"      {printable(each)}" for each in told_expectation(result))]
    return True, block(result)


def _expected(run: Run, verdict: Verdict) -> str:
    """How many with this verdict were expected to have it, where a PASS was not."""
    found = sum(
        result.verdict is verdict and bool(result.departures) and result.as_expected for result in run.results
    )
    return f" ({found} expected)" if found else ""


class TimeLeft(ProgressColumn):
    """What is left of the time that the run was expected to take: waits are known, so no speed is measured."""

    def render(self, task: Task) -> Text:
        """The seconds left, or that it takes longer."""
        left = task.fields["expected_s"] - (task.elapsed or 0.0)
        return Text(f"about {told_seconds(left)} left" if left > 0 else "longer than expected")


class Teller:
    """Tells a run as it happens; on a terminal with a bar at the bottom."""

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self._console = console or Patient(highlight=False, soft_wrap=True)
        self._quiet = quiet
        self._progress: Progress | None = None

    def begin(self, *headers: RunHeader, done: int = 0) -> None:
        """A run begins, against one target or several; so many plays it has behind it."""
        header, *_ = headers
        targets = " and ".join(f"{_target(each)} ({each.link})" for each in headers)
        repeated = f", each {header.repeat} times" if header.repeat > 1 else ""
        self._say(
            f"{header.cases} case{'' if header.cases == 1 else 's'} against {targets}, "
            f"judged {header.profile}, configured {header.configured_as}, seed {header.seed}{repeated}"
        )
        beside = f", {header.jobs} cases at a time" if header.jobs > 1 else ""
        if header.expected_s:
            self._say(f"about {told_seconds(header.expected_s)}{beside}")
        for note in header.notes:
            self._say(note)
        if self._console.is_terminal:
            columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeLeft())
            self._progress = Progress(*columns, console=self._console, transient=True)
            plays = sum(each.cases * each.repeat for each in headers)
            self._progress.add_task("", total=plays, completed=done, expected_s=header.expected_s)
            self._progress.start()

    def case(self, result: CaseResult, target: str = "") -> None:
        """A case has its verdict, on this target if there are several."""
        of_interest, lines = _told(result)
        if of_interest or not self._quiet:
            self._tell([printable(f"{lines[0].rstrip()}  {target}".rstrip()), *lines[1:]], result.verdict)
        if self._progress is not None:
            self._progress.advance(self._progress.task_ids[0])

    def end(self, where: str, *runs: Run) -> None:
        """The run is over; `where` is the page to open."""
        if self._progress is not None:
            self._progress.stop()
        for run in runs:
            self._total(run, f"{run.header.target['name']}: " if len(runs) > 1 else "")
        self._say(f"report  {where}")

    def side_by_side(self, matrix: Matrix) -> None:
        """The verdicts of several targets in one table, then what they answer where they differ."""
        for row in () if self._quiet else table(matrix):
            self._say(row)
        for line in told(matrix.differing, matrix.names):
            self._say(line)
        count = len(matrix.differing)
        self._say(f"{count} of {len(matrix.lines)} cases {'differs' if count == 1 else 'differ'}")

    def _total(self, run: Run, whose: str) -> None:
        totals = run.totals
        counted = [
            f"{totals[verdict]} {verdict}{_expected(run, verdict)}"
            for verdict in Verdict
            if totals[verdict] or verdict is Verdict.PASS
        ]
        if totals["should"]:
            counted.append(f"{totals['should']} broken SHOULD")
        surprising = sum(bool(each.departures) and unexpected(each) for each in run.results)
        if surprising:
            counted.append(f"{surprising} not as it was expected")
        ended = "interrupted after" if run.interrupted else "in"
        self._say(f"{whose}{', '.join(counted)} {ended} {run.duration_s or 0.0:.1f} s")
        for line in often.told(run):
            self._say(f"{whose}{line}")

    def _tell(self, lines: Sequence[str], verdict: Verdict) -> None:
        first, *rest = lines
        word = first.partition(" ")[0]
        told = Text(word, style=STYLES[verdict]).append(first[len(word) :], style="default")
        for line in rest:
            told.append(f"\n{line}", style="default")
        self._console.print(told)

    def _say(self, line: str) -> None:
        self._console.print(Text(printable(line)))
