"""`fuzz` and `replay`: campaigns against a target, and what they kept played again."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.text import Text

from harness.bench.links import LinkRefused
from harness.cli import words
from harness.cli.elsewhere import leave, leave_options, refuse_attack, show_commands
from harness.cli.selection import target_of
from harness.cli.wrong import WrongInput, made
from harness.clock import WallClock, fresh_seed
from harness.fuzz.keep import Outcome, Replayed, replayed
from harness.fuzz.planted import planted
from harness.fuzz.script import FuzzScript, NoScript, read_script
from harness.record import printable
from harness.report.naming import run_name
from harness.report.summary import ERROR_OF_OURS, FAILED, INTERRUPTED
from harness.target.contract import NotApplicable, Target, TargetUnavailable
from harness.target.remote import Leave

DEFAULT_S = 60.0


@click.command("fuzz")
@click.option("--target", default="reference", show_default=True, help="A name, deviant:NAME, or FILE.toml.")
@click.option(
    "--seconds", type=words.Seconds(min=0, min_open=True), help=f"Default: {DEFAULT_S:.0f}, or --cases."
)
@click.option("--cases", type=click.IntRange(min=1), help="End after so many cases.")
@words.seed
@click.option(
    "--output",
    type=words.DIRECTORY,
    help="Keep findings there; default: reports/<run>. What lies there is known.",
)
@leave_options
@words.as_json
def fuzz_command(
    target: str,
    seconds: float | None,
    cases: int | None,
    seed: int | None,
    output: Path | None,
    allow_commands: bool,
    i_may_test: tuple[str, ...],
    as_json: bool,
) -> int:
    """Fuzz a target: dialogues, fields and octets; every finding is kept as a script with its capture.

    Exit status: 1 a finding that was not kept before, 0 none, 3 an error of the harness.
    """
    from harness.fuzz.campaign import Budget, Campaign, Report  # boofuzz alone takes half a second

    chosen = _target(target, leave(allow_commands, i_may_test))
    number = fresh_seed() if seed is None else seed
    console = Console(stderr=True, highlight=False, soft_wrap=True)

    def told(report: Report) -> None:
        if console.is_terminal:
            console.print(Text(printable(_progress(report))), end="\r")

    budget = Budget(cases, DEFAULT_S if seconds is None and cases is None else seconds)
    place = made(output or Path("reports") / f"fuzz-{run_name(target)}")
    report = Campaign(chosen, budget, number, WallClock(), place, told=told).run()
    if as_json:
        click.echo(json.dumps(report.to_json(), indent=1, ensure_ascii=False))
    else:
        click.echo(printable(f"{_progress(report)}; seed {number}"))
        for found in report.found:
            what = "FAIL " if found.new else "known"
            click.echo(printable(f"{what} {found.fault.rule}: {found.fault.says}"))
            click.echo(
                printable(f"      {found.minimal_messages} messages, seen {found.seen} times: {found.script}")
            )
        for error in report.errors:
            click.echo(printable(f"ERROR {error}"), err=True)
    if report.interrupted:
        return INTERRUPTED
    if report.new:
        return FAILED
    return ERROR_OF_OURS if report.errors else 0


@click.command("replay")
@click.argument("file", type=words.ANY_PATH)
@click.option("--target", help="A name, deviant:NAME, or FILE.toml; default: the one that it was kept for.")
@click.option("--capture", type=words.FILE, help="Leave the evidence of this play there.")
@leave_options
@words.as_json
def replay_command(
    file: Path,
    target: str | None,
    capture: Path | None,
    allow_commands: bool,
    i_may_test: tuple[str, ...],
    as_json: bool,
) -> int:
    """Play a kept script again: FIXED (exit status 0), STILL FAILS (1), or ERROR (3)."""
    try:
        script = read_script(file)
    except NoScript as why:
        raise WrongInput(str(why)) from why
    name = target or _by_name(script.target)
    chosen = _target(name, leave(allow_commands, i_may_test))
    with TemporaryDirectory(prefix="ike-harness-replay-") as place:
        told = _replayed(script, chosen, capture or Path(place) / "play.pcapng")
    if as_json:
        click.echo(json.dumps(_shown(file, name, told), indent=1, ensure_ascii=False))
    else:
        click.echo(printable(f"{told.outcome}  {file} against {name}"))
        for says in [fault.says for fault in told.faults] or ([told.why] if told.why else []):
            click.echo(printable(f"      {says}"))
    return {Outcome.FIXED: 0, Outcome.STILL_FAILS: FAILED, Outcome.ERROR: ERROR_OF_OURS}[told.outcome]


def _replayed(script: FuzzScript, target: Target, capture: Path) -> Replayed:
    try:
        return replayed(script, target, capture)
    except (TargetUnavailable, NotApplicable, LinkRefused) as why:
        return Replayed(Outcome.ERROR, why=str(why))
    finally:
        target.stop()


def _target(name: str, allowed: Leave) -> Target:
    """The target, if it may be fuzzed."""
    made: Target | None = planted(name)
    target = target_of(name, allowed) if made is None else made
    refuse_attack(target, "fuzzing")
    show_commands(target, allowed)
    return target


def _by_name(kept_for: str) -> str:
    """What a script was kept for; whoever wrote it must not choose a file of this machine for it."""
    if kept_for.endswith(".toml"):
        raise WrongInput(f"the script was kept for {kept_for}: name that file yourself, with --target")
    return kept_for


def _shown(file: Path, target: str, told: Replayed) -> dict[str, object]:
    faults = [{"rule": fault.rule, "says": fault.says, "shape": fault.shape} for fault in told.faults]
    return {
        "format": 1,
        "script": str(file),
        "target": target,
        "outcome": str(told.outcome),
        "findings": faults,
        "why": told.why,
    }


def _progress(report: object) -> str:
    from harness.fuzz.campaign import Report

    assert isinstance(report, Report)
    rate = report.cases / report.seconds if report.seconds else 0.0
    states = ", ".join(f"{count} {state}" for state, count in sorted(report.by_state.items()))
    return (
        f"{report.cases} cases in {report.seconds:.1f} s, {rate:.0f}/s ({states}); {len(report.found)} findings, "
        f"{report.restarts} restarts"
    )
