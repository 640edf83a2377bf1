"""`report`: draws the reports of a run again from its journal."""

from pathlib import Path

import click

from harness.bench.stored import evidence_beside
from harness.cli import words
from harness.cli.asked import reports_of
from harness.cli.kept import Kept
from harness.cli.wrong import WrongInput
from harness.record import printable
from harness.report.console import Teller
from harness.report.draw import PAGE, below, draw, draw_matrix
from harness.report.journal import NoJournal, Run
from harness.report.summary import AS_EXPECTED, ERROR_OF_OURS, INCONCLUSIVE, exit_status, worst_of


@click.command("report")
@click.argument("run", type=words.ANY_PATH)
def report_command(run: Path) -> int:
    """Draw report.json, junit.xml and index.html again from the journal of RUN: a directory, a journal, or a run's name.

    A run of several targets has its matrix drawn too. Evidence beside it whose SHA-256 is not the one in the journal is
    told, and is an error.
    """
    directory = reports_of(run)
    places = below(directory) or {"": directory}
    try:
        runs = {name: draw(place) for name, place in places.items()}
    except NoJournal as why:
        raise WrongInput(str(why)) from why
    teller = Teller(quiet=True)
    for name, told in runs.items():
        for result in told.results:
            teller.case(result, name)
    if len(runs) > 1:
        teller.side_by_side(draw_matrix(directory, runs))
    teller.end(str(directory / PAGE), *runs.values())
    return worst_of([_status(told, places[name]) for name, told in runs.items()])


def _status(run: Run, directory: Path) -> int:
    status = exit_status(run)
    return ERROR_OF_OURS if _altered(run, directory) and status in (AS_EXPECTED, INCONCLUSIVE) else status


def _altered(run: Run, directory: Path) -> bool:
    """Whether evidence of the run is not as it was written; each such file is told."""
    evidence = evidence_beside(directory)
    if not evidence.is_dir():
        click.echo(f"no evidence lies in {printable(str(evidence))}: no digest was checked", err=True)
        return False
    found = tuple(Kept.of(run, evidence).changes())
    for each in found:
        click.echo(printable(each), err=True)
    return bool(found)
