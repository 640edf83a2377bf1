"""`responder`: the reference responder as a UDP daemon."""

import json
import sys
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path

import click

from harness.bench.daemon import Daemon, Port, open_port
from harness.bench.keylog import KeyLog
from harness.bench.links import LinkRefused
from harness.cli import words
from harness.cli.wrong import WrongInput
from harness.clock import Entropy, SeededEntropy, SystemEntropy, WallClock
from harness.profile import DEFAULT, Configuration
from harness.profile.ios import ConfigurationError
from harness.profile.ios import read as read_ios
from harness.record import printable
from harness.responder import HONEST, Responder
from harness.responder.deviants import DEVIANTS
from harness.responder.table import Rules
from harness.target.contract import endpoint
from harness.target.plain import configuration_from
from harness.wire.datagram import Endpoint


@click.command("responder")
@click.option(
    "--config",
    type=words.FILE,
    help="Cisco IOS text, or JSON as a target writes it; default: the catalogue's.",
)
@click.option(
    "--listen",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="0.0.0.0 or :: is every address.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=500, show_default=True, help="For IKE; 0: a free one."
)
@click.option(
    "--nat-port",
    type=click.IntRange(0, 65535),
    default=4500,
    show_default=True,
    help="For IKE behind NAT; 0: a free one.",
)
@click.option(
    "--peer",
    metavar="ADDRESS:PORT",
    help="Where a two-way device starts towards; default: the configured peer, port 500.",
)
@click.option("--control", type=words.FILE, help="A UNIX socket that takes JSON lines: show, provoke, stop.")
@click.option(
    "--keys",
    type=words.DIRECTORY,
    help="Write keys there as they come into being: tables for Wireshark, keys.jsonl for `audit --keys`.",
)
@click.option("--deviant", metavar="NAME", help="Break one rule: a name of `trial --json`.")
@words.seed
@click.option(
    "--stop-with-stdin", is_flag=True, help="Stop when standard input ends, as it does when a parent dies."
)
@click.option("--json", "as_json", is_flag=True, help="Say in one line of JSON where it listens.")
def responder_command(
    config: Path | None,
    listen: str,
    port: int,
    nat_port: int,
    peer: str | None,
    control: Path | None,
    keys: Path | None,
    deviant: str | None,
    seed: int | None,
    stop_with_stdin: bool,
    as_json: bool,
) -> int:
    """Answer IKE on real sockets until Ctrl-C, SIGTERM or `{"do": "stop"}`."""
    configuration = _configuration(config)
    rules = HONEST if deviant is None else _deviant(deviant)
    towards = _peer(peer, configuration)
    entropy: Entropy = SystemEntropy() if seed is None else SeededEntropy(seed)
    with ExitStack() as opened:
        ike, natt = (
            opened.enter_context(_open(listen, number, flag))
            for number, flag in ((port, "--port"), (nat_port, "--nat-port"))
        )
        nat_ports = frozenset({4500, natt.endpoint.port})
        device = Responder(
            configuration, entropy, rules, local=ike.endpoint, peer=towards, nat_ports=nat_ports
        )
        daemon = _daemon(device, (ike, natt), control, _key_log(keys))
        if stop_with_stdin:
            daemon.stop_at_end_of(sys.stdin.fileno())
        with daemon.stopped_by_signals():
            _say(ike.endpoint, natt.endpoint, control, as_json)
            daemon.run()
    return 0


def _daemon(device: Responder, ports: tuple[Port, Port], control: Path | None, keys: KeyLog | None) -> Daemon:
    try:
        return Daemon(device, ports, WallClock(), control, keys)
    except LinkRefused as why:
        raise WrongInput(f"{why}; name another path with --control") from why


def _configuration(path: Path | None) -> Configuration:
    if path is None:
        return DEFAULT
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            return configuration_from(json.loads(text))
        reading = read_ios(text, str(path))
    except OSError as why:
        raise WrongInput(
            f"{path}: can't be read ({why.strerror}); name a configuration with --config"
        ) from why
    except ConfigurationError as why:
        raise WrongInput(str(why)) from why
    except (ValueError, TypeError, KeyError) as why:
        raise WrongInput(f"{path}: no configuration: {why}") from why
    for note in reading.warnings:
        click.echo(printable(f"{path}:{note.line}: {note.text}"), err=True)
    return reading.configuration


def _key_log(directory: Path | None) -> KeyLog | None:
    if directory is None:
        return None
    try:
        return KeyLog(directory)
    except OSError as why:
        raise WrongInput(
            f"{why.filename}: can't be written ({why.strerror}); name a directory with --keys"
        ) from why


def _deviant(name: str) -> Rules:
    if name not in DEVIANTS:
        raise WrongInput(f"no deviant is called {name!r}; they are {', '.join(sorted(DEVIANTS))}")
    return DEVIANTS[name].rules


def _open(listen: str, port: int, flag: str) -> Port:
    try:
        address = str(ip_address(listen))
    except ValueError as why:
        raise WrongInput(f"{listen!r} is no IP address; name one with --listen") from why
    try:
        return open_port(Endpoint(address, port))
    except LinkRefused as why:
        raise WrongInput(f"{why}; give another with {flag} (0 takes a free one) or --listen") from why


def _peer(named: str | None, configuration: Configuration) -> Endpoint | None:
    if named is None:
        return Endpoint(configuration.peer, 500) if configuration.peer else None
    try:
        return endpoint(named)
    except ValueError as why:
        raise WrongInput(f"--peer: {why}") from why


def _say(ike: Endpoint, natt: Endpoint, control: Path | None, as_json: bool) -> None:
    if as_json:
        told = {"ike": str(ike), "natt": str(natt), "control": str(control) if control else None}
        click.echo(json.dumps(told))
        return
    click.echo(f"listening on {ike} and {natt}; stop with Ctrl-C")
    if control:
        click.echo(f"control socket {control}")
