"""`report`: draws the reports of a run again from its journal."""

from pathlib import Path

import click

from harness.bench.stored import evidence_beside
from harness.cli import words
from harness.cli.kept import Kept
from harness.cli.wrong import WrongInput
from harness.record import printable
from harness.report.console import Teller
from harness.report.draw import PAGE, draw
from harness.report.journal import NAME, NoJournal, Run
from harness.report.summary import AS_EXPECTED, ERROR_OF_OURS, INCONCLUSIVE, exit_status


@click.command("report")
@click.argument("run", type=words.ANY_PATH)
def report_command(run: Path) -> int:
    """Draw report.json, junit.xml and index.html again from the journal of RUN: a directory, a journal, or a run's name.

    Evidence beside it whose SHA-256 is not the one in the journal is told, and is an error.
    """
    directory = _directory(run)
    try:
        told = draw(directory)
    except NoJournal as why:
        raise WrongInput(str(why)) from why
    teller = Teller(quiet=True)
    for result in told.results:
        teller.case(result)
    teller.end(told, str(directory / PAGE))
    status = exit_status(told)
    return ERROR_OF_OURS if _altered(told, directory) and status in (AS_EXPECTED, INCONCLUSIVE) else status


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


def _directory(run: Path) -> Path:
    if run.name == NAME:
        return run.parent
    places = (run, run / "reports", Path("reports") / run)
    return next((place for place in places if (place / NAME).is_file()), run)
