"""`report`: draws the reports of a run again from its journal."""

from pathlib import Path

import click

from harness.cli import words
from harness.cli.wrong import WrongInput
from harness.report.console import Teller
from harness.report.draw import PAGE, draw
from harness.report.journal import NAME, NoJournal
from harness.report.summary import exit_status


@click.command("report")
@click.argument("run", type=words.ANY_PATH)
def report_command(run: Path) -> int:
    """Draw report.json, junit.xml and index.html again from the journal of RUN: a directory, a journal, or a run's name."""
    directory = _directory(run)
    try:
        told = draw(directory)
    except NoJournal as why:
        raise WrongInput(str(why)) from why
    teller = Teller(quiet=True)
    for result in told.results:
        teller.case(result)
    teller.end(told, str(directory / PAGE))
    return exit_status(told)


def _directory(run: Path) -> Path:
    if run.name == NAME:
        return run.parent
    places = (run, run / "reports", Path("reports") / run)
    return next((place for place in places if (place / NAME).is_file()), run)
