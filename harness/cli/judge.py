"""`judge`: verdicts from stored evidence, without playing anything."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from harness.bench.catalogue import Entry
from harness.bench.run import shown_path
from harness.bench.stored import captures, stored
from harness.cli import words
from harness.cli.kept import Journals
from harness.cli.selection import chosen
from harness.cli.wrong import WrongInput
from harness.record import CaseResult, RunHeader, Verdict, printable
from harness.report.console import Teller
from harness.report.journal import Run
from harness.report.summary import ERROR_OF_OURS, FAILED, exit_status
from harness.target.departures import settled


@click.command("judge")
@click.argument("paths", nargs=-1, required=True, type=words.ANY_PATH, metavar="PATH…")
@words.strict
@words.cases
@words.as_json
def judge_command(paths: tuple[Path, ...], strict: bool, cases: tuple[Path, ...], as_json: bool) -> int:
    """Judge stored evidence again, files or directories of them, and compare with the journal of the run.

    Evidence whose SHA-256 is not the one in the journal was changed: it is an ERROR, and is not judged.
    """
    entries = {entry.id: entry for entry in chosen((), cases)}
    journals = Journals()
    results, departures = [], []
    for path in _evidence(paths, journals):
        result = _judged(path, journals, entries, strict)
        results.append(result)
        before = journals.result(path)
        if before is not None and Verdict.ERROR is not result.verdict is not before.verdict:
            departures.append(f"{path}: the journal says {before.verdict}, the evidence {result.verdict}")
    if not results:
        raise WrongInput(f"no evidence lies under {', '.join(map(str, paths))}: name .pcapng files of a run")
    unchecked = [_told(why, times) for why, times in journals.unchecked.items()]
    if as_json:
        told = {"cases": [each.to_json() for each in results], "departures": departures}
        words.tell_json({"format": 1, **told, "unchecked": unchecked})
    else:
        _tell(results, (*departures, *unchecked))
    return _status(results, departures)


def _evidence(paths: Sequence[Path], journals: Journals) -> Iterator[Path]:
    """The captures named or found, and those that a journal knows and nobody finds."""
    for path in paths:
        yield from captures((path,))
        yield from journals.gone(path) if path.is_dir() else ()


def _judged(path: Path, journals: Journals, entries: Mapping[str, Entry], strict: bool) -> CaseResult:
    altered = journals.altered(path)
    if altered is not None:
        return replace(altered, capture=shown_path(path))
    before = journals.result(path)
    try:
        result = stored(path, entries, strict=strict).result
        return result if before is None else settled(result, before.departures, strict=strict)
    except LookupError as why:
        raise WrongInput(f"{path}: {why.args[0]}") from why


def _told(why: str, times: int) -> str:
    captured = "1 capture" if times == 1 else f"{times} captures"
    return f"{captured} could not be held against a digest: {why}"


def _tell(results: Sequence[CaseResult], remarks: Sequence[str]) -> None:
    teller = Teller()
    for each in results:
        teller.case(each)
    for remark in remarks:
        click.echo(printable(remark), err=True)


def _status(results: Sequence[Any], departures: Sequence[str]) -> int:
    status = exit_status(Run(_NO_HEADER, tuple(results)))
    return FAILED if departures and status != ERROR_OF_OURS else status


_NO_HEADER = RunHeader("", {"name": "", "version": ""}, "", "", 0, "", "", 0)
