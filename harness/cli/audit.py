"""`audit`: judges captures that somebody else took."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from harness.capture.joined import Joined
from harness.cli import keys, words
from harness.cli.wrong import WrongInput
from harness.clock import WallClock
from harness.codes import ProfileName
from harness.observe.speakers import Speaker, speakers
from harness.oracle import Audit, Unnamed, audit_files
from harness.oracle.sarif import sarif
from harness.profile import PROFILES
from harness.record import Verdict, printable
from harness.report.console import STYLES
from harness.report.summary import ERROR_OF_OURS, FAILED
from harness.report.telling import matters, told_finding
from harness.values import collect_seldom

_MOST_NAMED = 8


@click.command("audit")
@click.argument("captures", nargs=-1, required=True, type=words.ANY_PATH, metavar="CAPTURE…")
@keys.device
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
@keys.keys
@keys.ports
@keys.nat_ports
@click.option(
    "--sarif", "sarif_file", type=words.FILE, metavar="FILE", help="Write the findings as SARIF 2.1.0."
)
@words.strict
@words.as_json
def audit_command(
    captures: tuple[Path, ...],
    device: tuple[str, ...],
    peers: tuple[str, ...],
    profile: str,
    files: tuple[Path, ...],
    ports: tuple[int, ...],
    nat_ports: tuple[int, ...],
    sarif_file: Path | None,
    strict: bool,
    as_json: bool,
) -> int:
    """Judge a foreign capture, pcap or pcapng, by the standing rules; a rotated one by its files in their order.

    Without --device it lists who speaks IKE and who starts it.
    """
    collect_seldom()
    clock = WallClock()
    began = clock.now()
    try:
        told, found = audit_files(
            captures,
            device,
            PROFILES[ProfileName(profile)],
            peers,
            secrets=keys.secrets(captures, files),
            ports=ports,
            nat_ports=nat_ports,
            strict=strict,
        )
    except Unnamed as unnamed:
        raise _unnamed(
            unnamed.found, speakers(unnamed.found.capture.frames, ports, nat_ports), as_json
        ) from None
    except ValueError as why:
        raise WrongInput(f"--device or --peer: {why}") from why
    told = replace(told, duration_s=round(clock.now() - began, 3))
    if sarif_file is not None:
        _write(sarif_file, sarif(told, found.place))
    if as_json:
        click.echo(json.dumps(told.to_json() | {"captures": _parts(found)}, indent=1, ensure_ascii=False))
    else:
        _tell_audit(told)
        _tell_parts(found)
    return _audit_status(told.verdict)


def _unnamed(found: Joined, speaking: Sequence[Speaker], as_json: bool) -> WrongInput:
    """Lists who could be meant; the sentence that asks for one of them."""
    if as_json:
        listed = {"format": 1, "captures": _parts(found), "devices": [each.to_json() for each in speaking]}
        click.echo(json.dumps(listed, indent=1, ensure_ascii=False))
    else:
        width = max((len(each.address) for each in speaking), default=0)
        for each in speaking:
            click.echo(f"{each.address:<{width}}  {each}")
    named = " or ".join(each.address for each in speaking[:_MOST_NAMED] if each.asked or each.received)
    among = f": {named}" if named else "; nobody speaks IKE in this capture on the ports named"
    return WrongInput(f"name the device that is to be judged with --device ADDRESS{among}")


def _parts(found: Joined) -> list[dict[str, Any]]:
    return [part._asdict() for part in found.parts]


def _tell_parts(found: Joined) -> None:
    for part in found.parts if len(found.parts) > 1 else ():
        frames = f"frames {part.first} to {part.last}" if part.last >= part.first else "no frame"
        click.echo(printable(f"      {part.path}: {frames}"))


def _write(path: Path, content: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise WrongInput(f"--sarif: {path}: {error.strerror or 'it cannot be written'}") from None


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
