"""`run`: plays cases against a target."""

import importlib.util
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import pytest

from harness.bench.catalogue import Entry, roots
from harness.bench.run import LONGEST_WAIT_S
from harness.bench.stage import LinkKind
from harness.bench.windows import Windows
from harness.cli import words
from harness.cli.asked import Asked, CutOff, cut_off
from harness.cli.elsewhere import jobs_at, leave, leave_options, refuse_run, show_commands
from harness.cli.plan import planned
from harness.cli.selection import chosen, departures_of, link_of, target_of
from harness.cli.wrong import WrongInput, made
from harness.clock import started_at
from harness.report.journal import NAME, NoJournal, Run, read
from harness.report.keeper import place
from harness.report.naming import run_name, target_name
from harness.report.summary import ERROR_OF_OURS, INTERRUPTED, exit_status, worst_of
from harness.target.contract import Target
from harness.target.departures import written


@click.command("run")
@words.selectors
@click.option(
    "--target",
    multiple=True,
    help="A name, deviant:NAME, or FILE.toml; by default the reference. Several are played side by side.",
)
@words.link
@words.profile
@click.option(
    "--configured-as",
    type=words.PROFILE_OR_FILE,
    metavar="PROFILE|FILE",
    help="How the target is set up: by a profile, or a daemon by a file in its own words; default: as it is judged.",
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
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Play each case N times, the seed one more each time, and tell whose verdicts differ.",
)
@click.option(
    "--resume",
    type=words.ANY_PATH,
    metavar="RUN",
    help="Play what a run that was cut off has not, as it was asked for then.",
)
@leave_options
@click.option("-q", "--quiet", is_flag=True, help="Tell only what did not pass.")
@words.cases
@click.pass_context
def run_command(
    context: click.Context,
    /,
    jobs: int | None,
    output: Path | None,
    resume: Path | None,
    write_expectations: Path | None,
    allow_commands: bool,
    i_may_test: tuple[str, ...],
    quiet: bool,
    **options: Any,
) -> int:
    """Play cases and judge what was captured.

    A SELECTOR is a case's id, any prefix of one, or an id of a requirement or of the same matter elsewhere. Several
    --target are played side by side; a matrix shows where they differ.
    """
    asked = Asked.of(options)
    before = None if resume is None else cut_off(resume)
    if before is not None:
        before.refuse_others(context, asked)
        asked = before.asked
    allowed = leave(allow_commands, i_may_test)
    targets = {name: target_of(name, allowed, asked.configured_as) for name in asked.targets}
    entries = chosen(asked.selectors, tuple(map(Path, asked.cases)))
    _refuse_what_can_not_be(asked, targets, entries, write_expectations)
    left = _left(entries, asked, targets, before)
    link = _link_of_all(targets.values(), asked.link)
    jobs = jobs_at(*targets.values(), jobs=jobs)
    plan = planned(left, link, jobs, Windows(asked.windows), asked.longest_wait)
    pcaps, reports = _places(output, asked.targets) if before is None else (before.pcaps, before.reports)
    for target in targets.values():
        show_commands(target, allowed)
    arguments = [
        *_arguments(asked),
        f"--ike-asked={json.dumps(asked.to_json())}",
        f"--ike-link={link}",
        f"--ike-pcaps={pcaps}",
        f"--ike-reports={reports}",
        f"--ike-count={len(entries)}",
        f"--ike-console={'quiet' if quiet else 'full'}",
        *(("--ike-resume",) if before is not None else ()),
        f"--ike-expected-s={plan.expected_s:.1f}",
        *(("--ike-allow-commands",) if allow_commands else ()),
        *(f"--ike-may-test={address}" for address in i_may_test),
        *_in_parallel(plan.jobs, link),
    ]
    for directory in (pcaps, reports):
        made(directory)
    ended = pytest.main([*_bare_pytest(), *arguments, *_files(entries)])
    try:
        runs = [read(place(reports, target, len(asked.targets)) / NAME) for target in asked.targets]
    except NoJournal:
        return INTERRUPTED if ended == pytest.ExitCode.INTERRUPTED else ERROR_OF_OURS
    if write_expectations is not None:
        _write_expectations(runs[0], write_expectations)
    return worst_of(map(exit_status, runs))


def _link_of_all(targets: Iterable[Target], asked: str | None) -> LinkKind:
    """The link on which all are met: without a wish a virtual one only if none has sockets of its own."""
    found = {link_of(target, asked) for target in targets}
    return LinkKind.UDP if LinkKind.UDP in found else found.pop()


def _refuse_what_can_not_be(
    asked: Asked,
    targets: Mapping[str, Target],
    entries: Sequence[Entry],
    write_expectations: Path | None,
) -> None:
    if len(set(map(target_name, targets))) < len(asked.targets):
        raise WrongInput("two targets have one name, and would write over each other; leave one away")
    if len(targets) > 1 and (asked.expect is not None or write_expectations is not None):
        raise WrongInput("--expect and --write-expectations are about one target; play each by itself")
    for target in targets.values():
        departures_of(target, None if asked.expect is None else Path(asked.expect))
        refuse_run(target, entries, asked.configured_as)


def _left(
    entries: Sequence[Entry], asked: Asked, targets: Mapping[str, Target], before: CutOff | None
) -> list[tuple[Entry, Target]]:
    """Every play that is to come: a case and its target, once for each repetition."""
    rounds = range(1, asked.repeat + 1)
    done = set() if before is None else before.done(targets.values())
    left = [
        (entry, target)
        for name, target in targets.items()
        for entry in entries
        for round_ in rounds
        if (name, entry.id, round_) not in done
    ]
    if not left and before is not None and before.ended:
        raise WrongInput(f"{before.reports}: the run came to its end; nothing is left to play")
    return left


def _arguments(asked: Asked) -> list[str]:
    """The plugin's options for what was asked."""
    return [
        *(f"--ike-target={each}" for each in asked.targets),
        *(f"--ike-select={each}" for each in asked.selectors),
        *(f"--ike-cases={each}" for each in asked.cases),
        f"--ike-seed={asked.seed}",
        f"--ike-windows={asked.windows}",
        f"--ike-longest-wait={asked.longest_wait}",
        f"--ike-repeat={asked.repeat}",
        *((f"--ike-profile={asked.profile}",) if asked.profile else ()),
        *((f"--ike-configured-as={asked.configured_as}",) if asked.configured_as else ()),
        *((f"--ike-expect={asked.expect}",) if asked.expect else ()),
        *(("--ike-strict",) if asked.strict else ()),
        *(("--ike-no-keys",) if asked.no_keys else ()),
    ]


def _write_expectations(run: Run, file: Path) -> None:
    header = run.header
    today = started_at().partition("T")[0]
    file.write_text(
        written(run.results, header.target["version"], today, strict=header.strict), encoding="utf-8"
    )


def _places(output: Path | None, targets: Sequence[str]) -> tuple[Path, Path]:
    """Where evidence and reports go."""
    if output is not None:
        return output / "pcaps", output / "reports"
    name = run_name(*targets)
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
