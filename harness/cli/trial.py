"""`trial`: every deviant against the cases that must catch it."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.text import Text

from harness.cli import words
from harness.cli.selection import chosen
from harness.clock import WallClock
from harness.record import printable
from harness.report.summary import ERROR_OF_OURS, FAILED
from harness.responder.deviants import DEVIANTS
from harness.trial.matrix import Matrix
from harness.trial.trial import Trial


@click.command("trial")
@words.selectors
@click.option("--full", is_flag=True, help="Play every pair, not only those that can tell.")
@click.option(
    "--budget",
    type=float,
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="Named pairs are played whatever it says.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@words.as_json
@words.cases
def trial_command(
    selectors: tuple[str, ...], full: bool, budget: float, seed: int, as_json: bool, cases: tuple[Path, ...]
) -> int:
    """Play responders that each break one rule; every case must convict at least one of them.

    With selectors, and without --full, only the deviants that the selected cases name are played.
    """
    entries = chosen(selectors, cases)
    named = {name for entry in entries for name in entry.kind.deviants}
    narrowed = bool(selectors) and not full
    deviants = {name: each for name, each in DEVIANTS.items() if name in named or not narrowed}
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    with TemporaryDirectory(prefix="ike-harness-trial-") as place, console.status("") as status:

        def told(case: str, deviant: str, outcome: str) -> None:
            status.update(Text(printable(f"{outcome:<8} {case}  {deviant or 'the honest responder'}")))

        trial = Trial(
            entries,
            Path(place),
            WallClock(),
            seed=seed,
            budget_s=None if full else budget,
            told=told,
            deviants=deviants,
        )
        matrix = trial.run(full=full)
    if as_json:
        click.echo(json.dumps(matrix.to_json(), indent=1, ensure_ascii=False))
    else:
        _tell(console, matrix)
    if matrix.sound:
        return ERROR_OF_OURS if matrix.errors else 0
    return FAILED


def _tell(console: Console, matrix: Matrix) -> None:
    for case in matrix.cases:
        console.print(
            Text(printable(f"{case}  {', '.join(sorted(matrix.kills.get(case, []))) or 'NO KILL'}"))
        )
    for what, which in (
        ("no case convicts", matrix.deviants_without_kill),
        ("the only kill of too many cases", matrix.leaned_on),
        ("named, but not convicted", [f"{case} {deviant}" for case, deviant in matrix.named_without_kill]),
        (
            "the honest responder",
            [f"{each['case']} {each['verdict']}: {each['why']}" for each in matrix.honest_failures],
        ),
        ("errors of ours", [f"{each['case']} {each['deviant']}: {each['why']}" for each in matrix.errors]),
    ):
        for each in which:
            console.print(Text(printable(f"{what}: {each}")))
    convicted = len(matrix.deviants) - len(matrix.deviants_without_kill)
    rest = "" if matrix.complete else "; the budget ended before all was played"
    console.print(
        Text(
            f"{len(matrix.cases)} cases, {len(matrix.cases_without_kill)} without a kill; {convicted} of "
            f"{len(matrix.deviants)} deviants convicted; {matrix.plays} plays in {matrix.duration_s:.1f} s{rest}"
        )
    )
