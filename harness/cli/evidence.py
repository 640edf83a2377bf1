"""`show`, `judge` and `audit`: what stored evidence tells, without playing anything."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from harness.bench.catalogue import Entry
from harness.bench.judge import devices_of
from harness.bench.stored import Stored, captures, journal_beside, stored
from harness.capture import read
from harness.capture.wireshark import read_table, tables, tables_beside, tshark_command
from harness.cli import words
from harness.cli.selection import chosen
from harness.cli.wrong import WrongInput
from harness.clock import WallClock
from harness.codes import ProfileName
from harness.observe import conversation, observe
from harness.oracle import Audit, audit
from harness.profile import PROFILES
from harness.record import Conversation, RunHeader, Verdict, printable
from harness.report.console import STYLES, Teller
from harness.report.journal import NoJournal, Run
from harness.report.journal import read as read_journal
from harness.report.summary import ERROR_OF_OURS, FAILED, exit_status
from harness.report.telling import matters, names_width, told_finding, told_row

device = click.option(
    "--device",
    multiple=True,
    metavar="ADDRESS",
    help="An address of the target; evidence of a run names it itself.",
)
keys = click.option(
    "--keys",
    multiple=True,
    type=words.FILE,
    help="A decryption table of Wireshark; those beside the capture are taken.",
)


@click.command("show")
@click.argument("capture", type=words.ANY_PATH)
@device
@keys
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
    keys: tuple[Path, ...],
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
    secrets = _secrets(capture, keys)
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


@click.command("audit")
@click.argument("capture", type=words.ANY_PATH)
@device
@click.option(
    "--peer", "peers", multiple=True, metavar="ADDRESS|NET", help="Judge only what goes on with these peers."
)
@click.option(
    "--profile",
    type=words.PROFILES,
    default=str(ProfileName.STRICT),
    show_default=True,
    help="What the device is judged by.",
)
@keys
@click.option(
    "--port",
    "ports",
    multiple=True,
    type=click.IntRange(1, 65535),
    help="A port of IKE besides 500 and 4500.",
)
@words.strict
@words.as_json
def audit_command(
    capture: Path,
    device: tuple[str, ...],
    peers: tuple[str, ...],
    profile: str,
    keys: tuple[Path, ...],
    ports: tuple[int, ...],
    strict: bool,
    as_json: bool,
) -> int:
    """Judge a foreign capture, pcap or pcapng, by the standing rules."""
    clock = WallClock()
    began = clock.now()
    found = read(capture)
    devices = device or devices_of(found)
    if not devices:
        raise WrongInput("name the device that is to be judged with --device ADDRESS")
    try:
        told = audit(
            found,
            devices,
            PROFILES[ProfileName(profile)],
            peers,
            secrets=_secrets(capture, keys),
            ports=ports,
            strict=strict,
        )
    except ValueError as why:
        raise WrongInput(f"--device or --peer: {why}") from why
    told = replace(told, duration_s=round(clock.now() - began, 3))
    if as_json:
        click.echo(json.dumps(told.to_json(), indent=1, ensure_ascii=False))
    else:
        _tell_audit(told)
    return _audit_status(told.verdict)


def _tell_audit(told: Audit) -> None:
    console = Console(highlight=False, soft_wrap=True)
    complete = {True: "gap-free", False: "with known gaps", None: "as far as captured"}[told.gap_free]
    console.print(
        Text(told.verdict, style=STYLES[told.verdict]).append(f"  {printable(told.capture)}", style="default")
    )
    console.print(
        Text(
            f"      device {printable(told.device)} judged {told.profile}: {told.datagrams} datagrams, "
            f"{told.ike_messages} IKE messages in {told.window_s:.1f} s, {complete}"
        )
    )
    console.print(Text("      " + ", ".join(f"{name} {verdict}" for name, verdict in told.claims.items())))
    for pair in told.pairs:
        console.print(Text(f"      {printable(pair.device)} <-> {printable(pair.peer)}  {pair.verdict}"))
        for finding in filter(matters, pair.findings):
            console.print(Text(printable(f"        {finding.verdict}: {told_finding(finding)}")))
    for finding in told.findings if not told.pairs else ():
        console.print(Text(printable(f"      {finding.verdict}: {told_finding(finding)}")))
    for problem in told.problems:
        console.print(Text(printable(f"      {problem}")))


def _audit_status(verdict: Verdict) -> int:
    return {Verdict.PASS: 0, Verdict.FAIL: FAILED, Verdict.ERROR: ERROR_OF_OURS}.get(verdict, 2)


def _secrets(capture: Path, files: Sequence[Path]) -> tuple[Mapping[str, Any], ...]:
    """The keys of the tables named, or of those that lie beside the capture."""
    tables = files or tables_beside(capture)
    return tuple(secret for table in tables for secret in read_table(table).secrets)


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
