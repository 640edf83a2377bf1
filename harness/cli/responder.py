"""`responder`: the reference responder as a UDP daemon."""

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.bench.connections import Listener
from harness.bench.daemon import STOP_WAIT_S, Daemon, Refusal
from harness.bench.eventlog import EventLog
from harness.bench.keylog import KeyLog
from harness.bench.links import LinkRefused
from harness.bench.ports import Port, open_esp_port, open_port
from harness.cli import configured, words
from harness.cli.wrong import WrongInput
from harness.clock import Entropy, SeededEntropy, SystemEntropy, WallClock
from harness.profile import DEFAULT, Configuration
from harness.responder import HONEST, Cluster, Responder
from harness.responder import device as build
from harness.responder.deviant import unknown
from harness.responder.deviants import DEVIANTS
from harness.responder.table import Rules
from harness.target.contract import endpoint
from harness.values import collect_seldom
from harness.wire.datagram import Endpoint

T = TypeVar("T")
AS_NAT_PORT = -1


@click.command("responder")
@click.option(
    "--config",
    type=words.FILE,
    metavar="FILE",
    help="FILE.toml, FILE.json with the same fields, or else Cisco IOS text; default: the catalogue's.",
)
@click.option(
    "--listen",
    default=("127.0.0.1",),
    show_default=True,
    multiple=True,
    metavar="ADDRESS",
    help="IPv4 or IPv6, several times for several; 0.0.0.0 or :: is every address of its family.",
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
    "--tcp-port",
    type=click.IntRange(AS_NAT_PORT, 65535),
    is_flag=False,
    flag_value=AS_NAT_PORT,
    help="For IKE and ESP over TCP (RFC 9329); 0: a free one; without a number that for NAT; default: none.",
)
@click.option(
    "--peer",
    metavar="ADDRESS:PORT",
    help="Where a two-way device starts towards; default: the configured peer, port 500.",
)
@click.option(
    "--control",
    type=words.FILE,
    help="A UNIX socket that takes JSON lines: show, provoke, clear, reload, stop.",
)
@click.option("--log", type=words.FILE, help="Add an event a line there, in JSON; it never fills the disk.")
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
@click.option(
    "--stop-wait",
    type=words.Seconds(min=0.0),
    default=STOP_WAIT_S,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for answers to the Deletes that say good-bye.",
)
@click.option("--json", "as_json", is_flag=True, help="Say in one line of JSON where it listens.")
def responder_command(
    config: Path | None,
    listen: tuple[str, ...],
    port: int,
    nat_port: int,
    tcp_port: int | None,
    peer: str | None,
    control: Path | None,
    log: Path | None,
    keys: Path | None,
    deviant: str | None,
    seed: int | None,
    stop_with_stdin: bool,
    stop_wait: float,
    as_json: bool,
) -> int:
    """Answer IKE on real sockets until Ctrl-C, SIGTERM or `{"do": "stop"}`; SIGHUP has it read FILE again."""
    configuration = DEFAULT if config is None else _configuration(config)
    rules = HONEST if deviant is None else _deviant(deviant)
    towards = None if peer is None else _peer(peer)
    entropy: Entropy = SystemEntropy() if seed is None else SeededEntropy(seed)
    with ExitStack() as opened:
        wanted = [
            (address, number, flag)
            for address in listen
            for number, flag in ((port, "--port"), (nat_port, "--nat-port"))
        ]
        ports = [opened.enter_context(_open(*each)) for each in wanted]
        ike, natt = ([each.endpoint for each in ports[first::2]] for first in (0, 1))
        wanted_tcp = natt if tcp_port == AS_NAT_PORT else [Endpoint(each, tcp_port or 0) for each in listen]
        tcp = [opened.enter_context(_listen(*each)) for each in wanted_tcp if tcp_port is not None]
        esp = [opened.enter_context(each) for each in _raw_ports(listen)]
        device = build(
            configuration,
            entropy,
            rules,
            local=ike,
            peer=towards,
            nat_ports=frozenset({4500, *(each.port for each in natt)}),
        )
        daemon = _daemon(
            device,
            [*ports, *esp],
            control,
            tcp=tcp,
            keys=_key_log(keys),
            log=_event_log(log),
            reread=None if config is None else partial(_reread, config),
            stop_wait_s=stop_wait,
        )
        if stop_with_stdin:
            daemon.stop_at_end_of(sys.stdin.fileno())
        collect_seldom()
        with daemon.obeying_signals():
            _say(ike, natt, esp, [each.endpoint for each in tcp], control, as_json)
            daemon.run()
    return 0


def _daemon(device: Responder | Cluster, ports: list[Port], control: Path | None, **options: Any) -> Daemon:
    try:
        return Daemon(device, ports, WallClock(), control, **options)
    except LinkRefused as why:
        raise WrongInput(f"{why}; name another with --control or --listen") from why


def _configuration(path: Path) -> Configuration:
    read = configured.read(path)
    for remark in read.remarks:
        click.echo(remark, err=True)
    return read.configuration


def _reread(path: Path) -> Configuration:
    try:
        return _configuration(path)
    except WrongInput as why:
        raise Refusal(str(why)) from why


def _event_log(path: Path | None) -> EventLog | None:
    if path is None:
        return None
    try:
        return EventLog(path)
    except OSError as why:
        raise WrongInput(f"{path}: can't be written ({why.strerror}); name a file with --log") from why


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
        raise WrongInput(unknown(name))
    return DEVIANTS[name].rules


def _open(listen: str, port: int, flag: str) -> Port:
    return _opened(open_port, listen, port, flag)


def _listen(listen: str, port: int) -> Listener:
    return _opened(Listener, listen, port, "--tcp-port")


def _opened(open_: Callable[[Endpoint], T], listen: str, port: int, flag: str) -> T:
    try:
        address = str(ip_address(listen))
    except ValueError as why:
        raise WrongInput(f"{listen!r} is no IP address; name one with --listen") from why
    try:
        return open_(Endpoint(address, port))
    except LinkRefused as why:
        raise WrongInput(f"{why}; give another with {flag} (0 takes a free one) or --listen") from why


def _raw_ports(listen: tuple[str, ...]) -> list[Port]:
    """The sockets for ESP without UDP; none where only root may have them, and then it is not served."""
    try:
        return [open_esp_port(str(ip_address(address))) for address in listen]
    except LinkRefused:
        return []


def _peer(named: str) -> Endpoint:
    try:
        return endpoint(named)
    except ValueError as why:
        raise WrongInput(f"--peer: {why}") from why


def _say(
    ike: list[Endpoint],
    natt: list[Endpoint],
    esp: list[Port],
    tcp: list[Endpoint],
    control: Path | None,
    as_json: bool,
) -> None:
    if as_json:
        told = {
            "ike": str(ike[0]),
            "natt": str(natt[0]),
            "control": str(control) if control else None,
            "listening": [str(each) for each in (*ike, *natt)],
            "esp": [each.endpoint.address for each in esp],
            "tcp": [str(each) for each in tcp],
        }
        click.echo(json.dumps(told))
        return
    besides = f", TCP {', '.join(map(str, tcp))}" if tcp else ""
    besides += "" if esp else "; ESP in UDP alone, as raw sockets are for root"
    click.echo(f"listening on {', '.join(map(str, (*ike, *natt, *esp)))}{besides}; stop with Ctrl-C")
    if control:
        click.echo(f"control socket {control}")
