"""Keeps what a run comes to, as it happens: a journal for each target, the console, and at the end what is drawn."""

from collections.abc import Callable, Mapping
from pathlib import Path

from harness.record import CaseResult, RunHeader
from harness.report.console import Teller
from harness.report.draw import PAGE, draw, draw_matrix
from harness.report.journal import NAME, Journal
from harness.report.naming import target_name


def place(base: Path, target: str, targets: int) -> Path:
    """Where the reports or the evidence of one target lie: apart from the others' if there are any."""
    return base if targets == 1 else base / target_name(target)


class Keeper:
    """The journals of one run under `directory`, by the names that its targets were given.

    A run that is played on, with `done` plays behind it, appends to the journals it has.
    """

    def __init__(
        self,
        directory: Path,
        headers: Mapping[str, RunHeader],
        teller: Teller | None,
        done: int | None = None,
    ) -> None:
        self._directory = directory
        self._teller = teller
        self._places = {target: place(directory, target, len(headers)) for target in headers}
        self._journals = {
            target: _begun(self._places[target] / NAME, header, goes_on=done is not None)
            for target, header in headers.items()
        }
        if teller is not None:
            teller.begin(*headers.values(), done=done or 0)

    def case(self, target: str, result: CaseResult) -> None:
        """A case has its verdict."""
        self._journals[target].case(result)
        if self._teller is not None:
            self._teller.case(result, target if len(self._journals) > 1 else "")

    def end(self, duration_s: float, shown: Callable[[Path], str], *, interrupted: bool) -> None:
        """The run is over; `shown` writes a path as a person would."""
        for journal in self._journals.values():
            journal.end(duration_s, interrupted=interrupted)
        runs = {target: draw(where) for target, where in self._places.items()}
        matrix = draw_matrix(self._directory, runs) if len(runs) > 1 else None
        if self._teller is not None:
            if matrix is not None:
                self._teller.side_by_side(matrix)
            self._teller.end(shown(self._directory / PAGE), *runs.values())


def _begun(path: Path, header: RunHeader, *, goes_on: bool) -> Journal:
    journal = Journal(path, goes_on=goes_on and path.is_file())
    if goes_on and path.stat().st_size:
        journal.go_on(header.started)
    else:
        journal.begin(header)
    return journal
