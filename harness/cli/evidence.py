"""`show` and `judge`: what stored evidence tells, without playing anything."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from harness.bench.catalogue import Entry
from harness.bench.judge import devices_of
from harness.bench.stored import Stored, captures, journal_beside, stored
from harness.capture import read
from harness.capture.wireshark import tables, tshark_command
from harness.cli import keys, words
from harness.cli.selection import chosen
from harness.cli.wrong import WrongInput
from harness.observe import conversation, observe
from harness.record import Conversation, RunHeader, Verdict, printable
from harness.report.console import Teller
from harness.report.journal import NoJournal, Run
from harness.report.journal import read as read_journal
from harness.report.summary import ERROR_OF_OURS, FAILED, exit_status
from harness.report.telling import names_width, told_row


@click.command("show")
@click.argument("capture", type=words.ANY_PATH)
@keys.device
@keys.keys
@click.option("--payloads", is_flag=True, help="Every payload on a line of its own.")
@click.option(
    "--tshark",
    is_flag=True,
    help="Print the command that opens the capture decrypted in tshark. It holds keys.",
)
@words.as_json
def show_command(
    capture: Path,
    device: tuple[str, ...],
    files: tuple[Path, ...],
    payloads: bool,
    tshark: bool,
    as_json: bool,
) -> None:
    """Tell a conversation, decrypted, one message a line."""
    found = read(capture)
    devices = device or devices_of(found)
    if not devices:
        raise WrongInput(
            f"{capture}: it does not say who the target is; name the target with --device ADDRESS"
        )
    secrets = keys.secrets((capture,), files)
    if tshark:
        ports = {name: _ports(found.opening, name) for name in ("ike_ports", "nat_ports")}
        every = (*found.secrets, *secrets)
        for remark in tables(every).left_out:
            click.echo(remark, err=True)
        click.echo(tshark_command(capture, every, **ports))
        return
    try:
        told = conversation(observe(found, devices, secrets))
    except ValueError as why:
        raise WrongInput(f"--device: {why}") from why
    if as_json:
        click.echo(json.dumps(_shown(found.opening, told), indent=1, ensure_ascii=False))
        return
    width = names_width(told)
    for row in told:
        click.echo(printable(f"{row.time:>9.3f}  {told_row(row, width)}"))
        for payload in row.payloads if payloads else ():
            click.echo(printable(f"{'':>20}{payload}"))
    for problem in found.problems:
        click.echo(printable(f"{capture}: {problem}"), err=True)


@click.command("judge")
@click.argument("paths", nargs=-1, required=True, type=words.ANY_PATH, metavar="PATH…")
@words.strict
@words.cases
@words.as_json
def judge_command(paths: tuple[Path, ...], strict: bool, cases: tuple[Path, ...], as_json: bool) -> int:
    """Judge stored evidence again, files or directories of them, and compare with the journal of the run."""
    entries = {entry.id: entry for entry in chosen((), cases)}
    results, departures = [], []
    for path in captures(paths):
        result = _judged(path, entries, strict)
        results.append(result.result)
        before = _before(path, result.result.id)
        if before is not None and before is not result.result.verdict:
            departures.append(f"{path}: the journal says {before}, the evidence {result.result.verdict}")
    if not results:
        raise WrongInput(f"no evidence lies under {', '.join(map(str, paths))}: name .pcapng files of a run")
    if as_json:
        told = {"format": 1, "cases": [each.to_json() for each in results], "departures": departures}
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        teller = Teller()
        for each in results:
            teller.case(each)
        for departure in departures:
            click.echo(printable(departure), err=True)
    return _status(results, departures)


def _status(results: Sequence[Any], departures: Sequence[str]) -> int:
    status = exit_status(Run(_NO_HEADER, tuple(results)))
    return FAILED if departures and status != ERROR_OF_OURS else status


_NO_HEADER = RunHeader("", {"name": "", "version": ""}, "", "", 0, "", "", 0)


def _judged(path: Path, entries: Mapping[str, Entry], strict: bool) -> Stored:
    try:
        return stored(path, entries, strict=strict)
    except LookupError as why:
        raise WrongInput(f"{path}: {why.args[0]}") from why


def _before(path: Path, case: str) -> Verdict | None:
    """What the journal of the run says of the case, if it lies where runs put it."""
    journal = journal_beside(path)
    if journal is None:
        return None
    try:
        result = read_journal(journal).result(case)
    except NoJournal as why:
        raise WrongInput(str(why)) from why
    return None if result is None else result.verdict


def _ports(opening: Mapping[str, Any] | None, name: str) -> list[int]:
    stated = (opening or {}).get(name, ())
    return [port for port in stated if isinstance(port, int)] if isinstance(stated, list) else []


def _shown(opening: Mapping[str, Any] | None, told: Conversation) -> dict[str, Any]:
    rows = [
        {
            "frame": row.frame,
            "time": row.time,
            "sender": row.sender,
            "receiver": row.receiver,
            "from_target": row.from_target,
            "line": row.line,
            "marks": list(row.marks),
            "payloads": list(row.payloads),
        }
        for row in told
    ]
    return {"format": 1, "opening": opening, "messages": rows}
