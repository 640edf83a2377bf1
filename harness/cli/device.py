"""`targets config`: what a person puts on a device, and the target file that goes with it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import click

from harness.cli import configured, words
from harness.cli.wrong import WrongInput
from harness.codes import ProfileName
from harness.files import octets_of
from harness.profile import DEFAULT, Configuration, Identity
from harness.profile.configuration import address_identity
from harness.profile.vendors import VENDORS, Vendor
from harness.profile.vendors.target_file import show
from harness.profile.ways import WAYS, Way, speaks
from harness.record import printable
from harness.target.file import TargetFileError
from harness.target.file import read as read_target

_PROFILES = click.Choice([str(each) for each in ProfileName if each is not ProfileName.P1_ONLY])


_Given = str | tuple[str, ...] | None
_Callback = Callable[[click.Context, click.Parameter, _Given], _Given]


def _checked(check: Callable[[str], object]) -> _Callback:
    """Takes what `check` takes, as that writes it; its ValueError is the sentence of a refusal."""

    def callback(ctx: click.Context, param: click.Parameter, given: _Given) -> _Given:
        try:
            if isinstance(given, tuple):
                return tuple(str(check(each)) for each in given)
            return given and str(check(given))
        except ValueError as why:
            raise click.BadParameter(str(why), ctx, param) from None

    return callback


def _one_word(text: str) -> str:
    if not text.isprintable() or " " in text:
        raise ValueError("the name of an interface is one word that can be printed")
    return text


_SECONDS = click.IntRange(min=1)
_ADDRESS, _SUBNET, _WORD = (_checked(check) for check in (ip_address, ip_network, _one_word))


@click.command("config")
@click.option("--vendor", required=True, type=click.Choice(list(VENDORS)), help="Whose words to print.")
@click.option(
    "--config",
    "config",
    type=words.FILE,
    metavar="FILE",
    help="What the device is: FILE.toml, FILE.json or Cisco IOS text; default: the catalogue's.",
)
@click.option("--target", type=words.FILE, metavar="FILE", help="What it is, as a target file says it.")
@click.option(
    "--address",
    callback=_ADDRESS,
    metavar="ADDRESS",
    help="The device's address, and its identity where that is one.",
)
@click.option(
    "--peer",
    callback=_ADDRESS,
    metavar="ADDRESS",
    help="The harness's address, and its identity where that is one.",
)
@click.option(
    "--psk-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Print the pre-shared key in this file; without it a placeholder stands in its place.",
)
@click.option("--ike", "way", type=click.Choice(WAYS), help="The way in; default: the first that it speaks.")
@click.option("--profile", type=_PROFILES, help="What the device is to be; two-way is the positive control.")
@click.option("--ike-lifetime", type=_SECONDS, metavar="SECONDS", help="After which an IKE SA ends.")
@click.option("--child-lifetime", type=_SECONDS, metavar="SECONDS", help="After which a child ends.")
@click.option(
    "--local-subnet",
    "local",
    callback=_SUBNET,
    multiple=True,
    metavar="SUBNET",
    help="Behind the device; may be repeated.",
)
@click.option(
    "--remote-subnet",
    "remote",
    callback=_SUBNET,
    multiple=True,
    metavar="SUBNET",
    help="Behind the harness; may be repeated.",
)
@click.option(
    "--interface",
    callback=_WORD,
    default="",
    metavar="NAME",
    help="The device's name for the interface with its address.",
)
@click.option(
    "--target-file", type=words.FILE, metavar="FILE", help="Write the file for `run --target` there."
)
def config_command(
    vendor: str,
    config: Path | None,
    target: Path | None,
    psk_file: Path | None,
    way: Way | None,
    interface: str,
    target_file: Path | None,
    **wanted: Any,
) -> int:
    """Print what a person puts on a device, in its vendor's words; what can't be said follows on stderr."""
    device, met = _described(config, target)
    device = _with(device, wanted)
    chosen = way or met or _first_way(VENDORS[vendor], device)
    key = None if psk_file is None else _key(psk_file)
    try:
        sheet = VENDORS[vendor].sheet(device, chosen, key=key, interface=interface)
    except ValueError as why:
        raise WrongInput(f"{vendor}: {printable(str(why))}") from why
    if target_file is not None:
        _write(target_file, show(sheet.made, chosen, "psk" if psk_file is None else str(psk_file.absolute())))
    click.echo(sheet.text, nl=False)
    for remark in sheet.remarks:
        click.echo(printable(f"{vendor}: {remark}"), err=True)
    return 0


def _described(config: Path | None, target: Path | None) -> tuple[Configuration, Way | None]:
    """The device of a file, and the way in if the file names it; without a file that of the catalogue."""
    if config is not None and target is not None:
        raise WrongInput("the device is in a configuration or in a target file: give --config or --target")
    if target is not None:
        return _of_target(target)
    if config is None:
        return DEFAULT, None
    read = configured.read(config)
    for remark in read.remarks:
        click.echo(remark, err=True)
    return read.configuration, None


def _of_target(path: Path) -> tuple[Configuration, Way]:
    """A target file says where the peers stand in a table of its own."""
    try:
        told = read_target(path)
    except TargetFileError as why:
        raise WrongInput(str(why)) from why
    peer = next(iter(told.peers.addresses), None)
    return replace(told.configuration, peer=peer), told.about.ike[0]


def _with(device: Configuration, wanted: Mapping[str, Any]) -> Configuration:
    """The device as the options want it; an option that is not given changes nothing."""
    changes: dict[str, Any] = {}
    if address := wanted["address"]:
        changes |= {"local_address": address, "local_id": _moved(device.local_id, address)}
    if peer := wanted["peer"]:
        changes |= {"peer": peer, "remote_id": _moved(device.remote_id, peer)}
    if profile := wanted["profile"]:
        changes["profile"] = ProfileName(profile)
    for side in ("local", "remote"):
        if wanted[side]:
            changes[f"{side}_subnets"] = wanted[side]
    limits = {"ike_hard": wanted["ike_lifetime"], "child_hard": wanted["child_lifetime"]}
    lifetimes = {name: float(seconds) for name, seconds in limits.items() if seconds}
    return replace(device, **changes).with_lifetimes(**lifetimes)


def _moved(who: Identity | None, address: str) -> Identity:
    """Who is known by an address is known by the new one."""
    return address_identity(address) if who is None or who.kind in ("ipv4", "ipv6") else who


def _first_way(vendor: Vendor, device: Configuration) -> Way:
    """The first of the ways that the device and its vendor's product speak."""
    for way in vendor.ways:
        if speaks(device, way):
            return way
    raise WrongInput(
        f"{vendor.name}: it goes by {', '.join(vendor.ways)}, and the device by no such way; say --ike"
    )


def _key(path: Path) -> bytes:
    """The octets of the file without its last line end."""
    try:
        key = octets_of(path).removesuffix(b"\n").removesuffix(b"\r")
    except OSError as why:
        raise WrongInput(f"{path}: can't be read ({why.strerror})") from why
    if not key:
        raise WrongInput(f"{path}: there is no key in it")
    return key


def _write(path: Path, text: str) -> None:
    """A file that is there already may hold what somebody added to it by hand."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as why:
        raise WrongInput(f"{path}: is there already, and is not written over") from why
    except OSError as why:
        raise WrongInput(
            f"{path}: can't be written ({why.strerror}); name a file with --target-file"
        ) from why
