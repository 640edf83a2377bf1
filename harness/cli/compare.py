"""`compare`: what changed between two runs, or in what two devices differ."""

from pathlib import Path

import click

from harness.cli import words
from harness.cli.asked import reports_of
from harness.cli.wrong import WrongInput
from harness.record import printable
from harness.report.draw import below
from harness.report.journal import NAME, NoJournal, Run, read
from harness.report.matrix import Matrix, told
from harness.report.summary import AS_EXPECTED, FAILED


@click.command("compare")
@click.argument("before", type=words.ANY_PATH)
@click.argument("after", type=words.ANY_PATH)
@words.as_json
def compare_command(before: Path, after: Path, as_json: bool) -> int:
    """Show the cases that came out differently in two runs of one target each, and what only one of them played.

    Runs are named as for `report`. Exit status 1 if the second one has a failure that the first one has not.
    """
    names = _names(before, after)
    matrix = Matrix(names, (_run(before), _run(after)))
    if as_json:
        words.tell_json(matrix.to_json())
    else:
        _tell(matrix)
    return FAILED if matrix.new_failures else AS_EXPECTED


def _names(before: Path, after: Path) -> tuple[str, str]:
    """What the two are called: as they were named, or by their order where that was alike."""
    names = (str(before), str(after))
    return names if names[0] != names[1] else ("before", "after")


def _run(place: Path) -> Run:
    reports = reports_of(place)
    several = below(reports)
    if several:
        raise WrongInput(f"{reports} is a run of {', '.join(several)}; compare one of them: {reports}/NAME")
    try:
        return read(reports / NAME)
    except NoJournal as why:
        raise WrongInput(str(why)) from why


def _tell(matrix: Matrix) -> None:
    lines = [line for line in matrix.lines if line.differs or None in line.results]
    for each in told(lines, matrix.names):
        click.echo(printable(each))
    click.echo(
        f"{len(matrix.differing)} of {len(matrix.lines)} cases differ; {len(matrix.new_failures)} fail anew"
    )
