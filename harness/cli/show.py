"""`show`: a conversation as it went, and what was found in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import click

from harness.bench.catalogue import NoSuchCase, catalogue
from harness.bench.judge import judge
from harness.capture import Capture, read
from harness.capture.short import short_counted
from harness.capture.wireshark import tables, tshark_command
from harness.cli import keys, words
from harness.cli.wrong import WrongInput
from harness.codes import ProfileName
from harness.observe import conversation, observe
from harness.oracle import audit
from harness.profile import PROFILES
from harness.record import Conversation, Finding, Verdict, printable
from harness.report.shown import beside, last_line, lines


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was found in a capture, and by whose judgement."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    profile: ProfileName
    by: str
    remarks: tuple[str, ...] = ()


@click.command("show")
@click.argument("capture", type=words.ANY_PATH)
@keys.device
@keys.keys
@keys.ports
@keys.nat_ports
@words.profile
@words.cases
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
    ports: tuple[int, ...],
    nat_ports: tuple[int, ...],
    profile: str | None,
    cases: tuple[Path, ...],
    payloads: bool,
    tshark: bool,
    as_json: bool,
) -> None:
    """Tell a conversation, decrypted, one message a line, and what is to be found in it under the frames that show it.

    `->` goes to the target, `<-` comes from it. Evidence of a run is judged as `judge` does, any other capture as
    `audit` does; the exit status says nothing of that.
    """
    found = read(capture)
    devices = device or found.devices
    if not devices:
        raise WrongInput(
            f"{capture}: it does not say who the target is; name the target with --device ADDRESS"
        )
    secrets = keys.secrets((capture,), files)
    if tshark:
        _tell_tshark(capture, found, secrets)
        return
    try:
        told = conversation(observe(found, devices, secrets, ike_ports=ports, nat_ports=nat_ports))
        judged = _judged(found, devices, secrets, profile, cases, (ports, nat_ports))
    except ValueError as why:
        raise WrongInput(f"--device: {why}") from why
    if as_json:
        words.tell_json(_shown(found.opening, told, judged))
        return
    page = lines(told, judged.findings, payloads=payloads)
    for line in chain(page, last_line(judged.verdict, f"judged {judged.profile} by {judged.by}")):
        click.echo(line)
    for remark in (*found.problems, *judged.remarks):
        click.echo(printable(f"{capture}: {remark}"), err=True)


def _judged(
    found: Capture,
    devices: Sequence[str],
    secrets: Sequence[Mapping[str, Any]],
    profile: str | None,
    cases: Sequence[Path],
    ports: tuple[Sequence[int], Sequence[int]],
) -> _Judged:
    """By the case that the capture names, where there is one, else by the standing rules alone."""
    name = (found.opening or {}).get("case")
    by = ProfileName(profile) if profile else _stated(found.opening)
    try:
        known = catalogue(path.resolve() for path in cases) if isinstance(name, str) else ()
    except NoSuchCase as why:
        raise WrongInput(str(why)) from why
    entry = next((each for each in known if each.id == name), None)
    if entry is not None:
        case = judge(entry, found, by, extra_secrets=secrets)
        broken = (case.traceback.strip(),) if case.traceback else ()
        return _Judged(case.verdict, case.findings, by, f"{entry.id} and the standing rules", broken)
    ike, nat = ports
    told = audit(
        short_counted(found, ike, nat), devices, PROFILES[by], secrets=secrets, ports=ike, nat_ports=nat
    )
    missing = (
        f"its case {name!r} is not in the catalogue, nor under --cases: the standing rules alone judge it"
    )
    return _Judged(
        told.verdict, told.findings, by, "the standing rules", (missing,) if isinstance(name, str) else ()
    )


def _stated(opening: Mapping[str, Any] | None) -> ProfileName:
    """The profile that evidence names; strict for what names none."""
    stated = (opening or {}).get("profile")
    return next((name for name in ProfileName if name == stated), ProfileName.STRICT)


def _tell_tshark(capture: Path, found: Capture, secrets: Sequence[Mapping[str, Any]]) -> None:
    ports = {name: _ports(found.opening, name) for name in ("ike_ports", "nat_ports")}
    every = (*found.secrets, *secrets)
    for remark in tables(every).left_out:
        click.echo(remark, err=True)
    click.echo(tshark_command(capture, every, **ports))


def _ports(opening: Mapping[str, Any] | None, name: str) -> list[int]:
    stated = (opening or {}).get(name, ())
    return [port for port in stated if isinstance(port, int)] if isinstance(stated, list) else []


def _shown(opening: Mapping[str, Any] | None, told: Conversation, judged: _Judged) -> dict[str, Any]:
    """What `--json` prints; the findings of a message are places in the list of all."""
    by_frame = beside(judged.findings, told)
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
            "findings": list(by_frame.get(row.frame, ())),
        }
        for row in told
    ]
    return {
        "format": 1,
        "opening": opening,
        "profile": judged.profile,
        "verdict": judged.verdict,
        "messages": rows,
        "findings": [finding.to_json() for finding in judged.findings],
    }
