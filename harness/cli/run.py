"""`run`: plays cases against a target."""

import importlib.util
import os
from pathlib import Path

import click
import pytest

from harness.bench.catalogue import Entry, roots
from harness.bench.run import LONGEST_WAIT_S
from harness.bench.stage import LinkKind
from harness.bench.windows import Windows
from harness.cli import words
from harness.cli.elsewhere import jobs_at, leave, leave_options, refuse_run, show_commands
from harness.cli.plan import planned
from harness.cli.selection import chosen, departures_of, link_of, target_of
from harness.cli.wrong import WrongInput
from harness.clock import fresh_seed, started_at
from harness.report.journal import NAME, NoJournal, Run, read
from harness.report.naming import run_name
from harness.report.summary import ERROR_OF_OURS, INTERRUPTED, exit_status
from harness.target.departures import written


@click.command("run")
@words.selectors
@click.option("--target", default="reference", show_default=True, help="A name, deviant:NAME, or FILE.toml.")
@words.link
@words.profile
@click.option(
    "--configured-as", type=words.PROFILES, help="How the target is set up; default: as it is judged."
)
@words.seed
@words.strict
@click.option(
    "--expect",
    type=words.FILE,
    help="Known departures of the target, in place of those shipped under its name.",
)
@click.option(
    "--write-expectations",
    type=words.FILE,
    help="Write what failed there, as departures that lack their reasons.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Cases played at a time; default: one in virtual time, and as many as are worth it where time is real.",
)
@click.option(
    "--output", type=words.DIRECTORY, help="Put evidence and reports there instead of pcaps/ and reports/."
)
@click.option(
    "--no-keys", is_flag=True, help="Keep keys out of the evidence; `judge` then sees less than this run."
)
@click.option(
    "--windows",
    type=click.Choice([str(each) for each in Windows]),
    default=str(Windows.SHORT),
    show_default=True,
    help="How long silence is watched: as CI can bear, or as long as the claim needs.",
)
@click.option(
    "--longest-wait",
    type=float,
    default=LONGEST_WAIT_S,
    show_default=True,
    metavar="SECONDS",
    help="Leave out cases that wait longer for timers where time is real.",
)
@leave_options
@click.option("-q", "--quiet", is_flag=True, help="Tell only what did not pass.")
@words.cases
def run_command(
    selectors: tuple[str, ...],
    target: str,
    link: str | None,
    profile: str | None,
    configured_as: str | None,
    seed: int | None,
    strict: bool,
    expect: Path | None,
    write_expectations: Path | None,
    jobs: int | None,
    output: Path | None,
    no_keys: bool,
    windows: str,
    longest_wait: float,
    allow_commands: bool,
    i_may_test: tuple[str, ...],
    quiet: bool,
    cases: tuple[Path, ...],
) -> int:
    """Play cases and judge what was captured.

    A SELECTOR is a case's id, any prefix of one, or an id of a requirement or of the same matter elsewhere.
    """
    allowed = leave(allow_commands, i_may_test)
    under_test = target_of(target, allowed)
    met_on = link_of(under_test, link)
    departures_of(under_test, expect)
    entries = chosen(selectors, cases)
    jobs = jobs_at(under_test, jobs)
    refuse_run(under_test, entries, configured_as)
    show_commands(under_test, allowed)
    pcaps, reports = _places(output, target)
    plan = planned(entries, target, met_on, jobs, Windows(windows), longest_wait)
    arguments = [
        f"--ike-target={target}",
        f"--ike-link={met_on}",
        f"--ike-seed={fresh_seed() if seed is None else seed}",
        f"--ike-pcaps={pcaps}",
        f"--ike-reports={reports}",
        f"--ike-windows={windows}",
        f"--ike-longest-wait={longest_wait}",
        f"--ike-count={len(entries)}",
        f"--ike-console={'quiet' if quiet else 'full'}",
        *(f"--ike-cases={each.resolve()}" for each in cases),
        *(f"--ike-select={each}" for each in selectors),
        *((f"--ike-profile={profile}",) if profile else ()),
        *((f"--ike-configured-as={configured_as}",) if configured_as else ()),
        *(("--ike-strict",) if strict else ()),
        *((f"--ike-expect={expect}",) if expect else ()),
        *(("--ike-no-keys",) if no_keys else ()),
        f"--ike-expected-s={plan.expected_s:.1f}",
        *(("--ike-allow-commands",) if allow_commands else ()),
        *(f"--ike-may-test={address}" for address in i_may_test),
        *_in_parallel(plan.jobs, met_on),
    ]
    status = pytest.main([*_bare_pytest(), *arguments, *_files(entries)])
    try:
        run = read(reports / NAME)
        if write_expectations is not None:
            _write_expectations(run, write_expectations)
        return exit_status(run)
    except NoJournal:
        return INTERRUPTED if status == pytest.ExitCode.INTERRUPTED else ERROR_OF_OURS


def _write_expectations(run: Run, file: Path) -> None:
    header = run.header
    today = started_at().partition("T")[0]
    file.write_text(
        written(run.results, header.target["version"], today, strict=header.strict), encoding="utf-8"
    )


def _places(output: Path | None, target: str) -> tuple[Path, Path]:
    """Where evidence and reports go."""
    if output is not None:
        return output / "pcaps", output / "reports"
    name = run_name(target)
    taken = [number for number in range(1, 100) if not (Path("reports") / _numbered(name, number)).exists()]
    name = _numbered(name, taken[0])
    return Path("pcaps") / name, Path("reports") / name


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _bare_pytest() -> list[str]:
    """Pytest without the settings of the directory that it happens to run in, and silent: the plugin tells the run."""
    return [
        *("-c", os.devnull, "--rootdir", str(roots()[0] if roots() else Path.cwd())),
        *("-p", "harness.plugin", "-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:randomly"),
        "--capture=no",
    ]


def _files(entries: tuple[Entry, ...]) -> list[str]:
    return list(dict.fromkeys(str(entry.path) for entry in entries))


def _in_parallel(jobs: int, link: LinkKind) -> tuple[str, ...]:
    """Cases in real time mostly wait, and need threads; those in virtual time never do, and need processes."""
    told = f"--ike-jobs={jobs}"
    if link is LinkKind.UDP or jobs == 1:
        return (told,)
    if importlib.util.find_spec("xdist") is None:
        raise WrongInput(
            "--jobs needs pytest-xdist: install it (pip install pytest-xdist) or leave --jobs away"
        )
    return (told, "-n", str(jobs))
