"""`watch`: judges devices live, as their messages pass an interface."""

import json
import os
import shlex
import shutil
import sys
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import click

from harness.bench.links import LinkRefused
from harness.bench.listening import Listening
from harness.bench.watch import AlarmCommand, Watch
from harness.cli import keys, words
from harness.cli.wrong import WrongInput
from harness.clock import WallClock, told_moment
from harness.codes import ProfileName
from harness.oracle.vigil import OF_ALL, Alarm, Told, Vigil
from harness.profile import PROFILES
from harness.record import Verdict, printable
from harness.report.summary import FAILED
from harness.report.telling import told_finding, told_seconds

INCONCLUSIVE = 2


@click.command("watch")
@click.option("--interface", required=True, metavar="IF", help="Where to listen; any: on every interface.")
@click.option(
    "--device",
    "devices",
    multiple=True,
    required=True,
    metavar="ADDRESS",
    help="An address of the device, of each that it has; of several devices all.",
)
@click.option(
    "--profile",
    type=words.PROFILES,
    default=str(ProfileName.STRICT),
    show_default=True,
    help="What the devices are judged by.",
)
@keys.ports
@keys.nat_ports
@click.option("--evidence", type=words.DIRECTORY, metavar="DIR", help="Keep a capture for each alarm there.")
@click.option(
    "--command", metavar="COMMAND", help="Run it for each alarm, which it gets as JSON on its standard input."
)
@click.option("--seconds", type=words.Seconds(min=0), help="Stop by itself after so long.")
@click.option(
    "--remember",
    type=click.IntRange(min=1_000),
    default=OF_ALL,
    show_default=True,
    metavar="FRAMES",
    help="How many frames are kept in memory, of all peers together.",
)
@words.strict
@words.as_json
def watch_command(
    interface: str,
    devices: tuple[str, ...],
    profile: str,
    ports: tuple[int, ...],
    nat_ports: tuple[int, ...],
    evidence: Path | None,
    command: str | None,
    seconds: float | None,
    remember: int,
    strict: bool,
    as_json: bool,
) -> int:
    """Judge devices live by the standing rules, from the headers of what passes an interface; needs root.

    Every alarm is a line. Ctrl-C ends it with a summary. Packets of ESP are not looked at.
    """
    run_for_alarm = None if command is None else AlarmCommand(_command(command), _complain)
    vigil = Vigil(
        _addresses(devices),
        PROFILES[ProfileName(profile)],
        ports=ports,
        nat_ports=nat_ports,
        strict=strict,
        of_all=remember,
    )
    try:
        source = Listening(interface, ports, nat_ports)
    except LinkRefused as why:
        raise WrongInput(f"--interface: {why}") from why

    def tell(alarm: Alarm, kept: Path | None) -> None:
        line = json.dumps(alarm.to_json() | {"capture": None if kept is None else str(kept)})
        try:
            click.echo(line if as_json else printable(_line(alarm, kept)))
        except BrokenPipeError:  # nobody reads: what was found is still what the status says
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            watch.stop()
        except OSError as why:
            _complain(f"an alarm can't be told: {why.strerror}")
        if run_for_alarm is not None:
            run_for_alarm(line)

    watch = Watch(source, vigil, WallClock(), tell, _complain)
    try:
        if evidence is not None:
            _make(evidence)
            watch.keeping_evidence(evidence)
        with watch.obeying_signals():
            click.echo(f"watching {interface} for {', '.join(devices)}, judged {profile}", err=True)
            watch.run(seconds)
    finally:
        watch.close()
        source.close()
        if run_for_alarm is not None:
            run_for_alarm.close()
    told = vigil.told()
    (_tell_json if as_json else _tell)(told, devices, profile)
    return {Verdict.PASS: 0, Verdict.FAIL: FAILED}.get(told.verdict, INCONCLUSIVE)


_complain = partial(click.echo, err=True)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as why:
        raise WrongInput(f"--evidence: {directory} can't be made: {why.strerror}") from why


def _addresses(devices: tuple[str, ...]) -> frozenset[str]:
    try:
        return frozenset(str(ip_address(device)) for device in devices)
    except ValueError as why:
        raise WrongInput(f"--device: {why}") from why


def _command(text: str) -> list[str]:
    try:
        found = shlex.split(text)
    except ValueError as why:
        raise WrongInput(f"--command: {why}") from why
    if not found or shutil.which(found[0]) is None:
        raise WrongInput(f"--command: {found[0] if found else text!r} is no command here")
    return found


def _line(alarm: Alarm, kept: Path | None) -> str:
    where = f"  {kept}" if kept is not None else ""
    says = told_finding(alarm.finding)
    return f"{told_moment(alarm.time)}  ALARM  {alarm.device} <-> {alarm.peer}  {says}{where}"


def _tell(told: Told, devices: tuple[str, ...], profile: str) -> None:
    alarms = sum(told.alarms.values())
    by_rule = ", ".join(f"{rule} {count}" for rule, count in told.alarms.items())
    heading = f"{told.verdict}  device {', '.join(devices)} judged {profile}"
    seen = f"{told.datagrams} datagrams, {told.ike_messages} IKE messages, {told.conversations} conversations"
    unseen = f"{told.lost} packets lost by the tap, {told.unjudged} frames let go of unjudged"
    lines = [
        f"{heading}: {seen} in {told_seconds(told.window_s)}",
        "      " + ", ".join(f"{name} {verdict}" for name, verdict in told.claims.items()),
        f"      {alarms} alarms{': ' if alarms else ''}{by_rule}",
        f"      {unseen}, {told.forgotten} after they were judged",
    ]
    if not told.datagrams:
        lines.append("      nothing was seen of it: check --interface and --device")
    for line in lines:
        click.echo(printable(line))


def _tell_json(told: Told, devices: tuple[str, ...], profile: str) -> None:
    summary = {
        "format": 1,
        "summary": told.verdict.value,
        "devices": list(devices),
        "profile": profile,
        **told._asdict(),
        "window_s": told.window_s,
    }
    click.echo(json.dumps(summary))
